/*
 * traffic: the attack, what arrives of it at the target, and the innocent transfer beside it.
 * Ordinary sockets where possible, so that the router's conntrack sees what a hijacked device would cause.
 * Output: one JSON object a line, flushed.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t stopping;

static void stop(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

void fail(const char *what) {
  fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void usage(const char *problem) {
  fprintf(stderr,
          "traffic: %s\n"
          "  flood --to ADDR --port N --rate PPS --seconds S [--protocol udp|tcp|tcp-syn|icmp]\n"
          "        [--source-ports A-B] [--size OCTETS] [--from ADDR]\n"
          "  sink --port N [--protocol udp|tcp|icmp] [--seconds S] [--every-ms 100]\n"
          "  stream-server --port N [--seconds S]\n"
          "  stream-client --to ADDR --port N --rate OCTETS_PER_S --seconds S [--every-ms 200]\n",
          problem);
  exit(2);
}

static double clock_seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double realtime_ms(void) { return clock_seconds(CLOCK_REALTIME) * 1000; }
double monotonic_seconds(void) { return clock_seconds(CLOCK_MONOTONIC); }

union address parse_address(const char *text, int port) {
  union address address = {0};
  if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons((uint16_t)port);
  } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons((uint16_t)port);
  } else {
    usage("an address is expected after --to and --from");
  }
  return address;
}

socklen_t address_size(const union address *address) {
  return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

/* A non-blocking socket towards `to`, bound to the source asked for; not yet connected. */
int open_source(int type, int protocol, const union address *to, const char *from, int source_port) {
  int family = to->any.sa_family, on = 1;
  int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  union address source = {0};
  if (from) {
    source = parse_address(from, source_port);
    if (source.any.sa_family != family) usage("--from and --to are of different families");
    /* A source that is not our own, as a device that spoofs would use it. */
    if (family == AF_INET) setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on);
    else setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on);
  } else {
    source = parse_address(family == AF_INET ? "0.0.0.0" : "::", source_port);
  }
  if ((from || source_port) && bind(fd, &source.any, address_size(&source)) < 0) fail("bind to the source");
  return fd;
}

/* One socket for IPv4 and IPv6; -1 if the port is taken. */
int listen_both_families(int type, int port) {
  int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  union address any = parse_address("::", port);
  if (bind(fd, &any.any, sizeof any.v6) < 0 || (type == SOCK_STREAM && listen(fd, 1024) < 0)) {
    close(fd);
    return -1;
  }
  return fd;
}

static double number(const char *text, double lowest, double highest) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || value < lowest || value > highest) usage("a number is malformed or out of range");
  return value;
}

static struct options parse_options(int count, char **words) {
  static const struct option names[] = {
      {"to", 1, 0, 't'},   {"from", 1, 0, 'f'}, {"protocol", 1, 0, 'P'}, {"port", 1, 0, 'p'},     {"source-ports", 1, 0, 's'},
      {"size", 1, 0, 'z'}, {"rate", 1, 0, 'r'}, {"seconds", 1, 0, 'S'},  {"every-ms", 1, 0, 'e'}, {0}};
  struct options options = {.protocol = "udp", .size = 100, .seconds = 60};
  int option;
  while ((option = getopt_long(count, words, "", names, NULL)) != -1) {
    switch (option) {
      case 't': options.to = optarg; break;
      case 'f': options.from = optarg; break;
      case 'P': options.protocol = optarg; break;
      case 'p': options.port = (int)number(optarg, 1, 65535); break;
      case 'z': options.size = (int)number(optarg, 0, 1400); break;
      case 'r': options.rate = number(optarg, 0.001, 1e9); break;
      case 'S': options.seconds = number(optarg, 0, 7200); break;
      case 'e': options.every_ms = (int)number(optarg, 1, 60000); break;
      case 's':
        if (sscanf(optarg, "%d-%d", &options.source_port_lower, &options.source_port_upper) != 2 ||
            options.source_port_lower < 1 || options.source_port_upper > 65535 ||
            options.source_port_lower > options.source_port_upper)
          usage("--source-ports takes A-B");
        break;
      default: usage("unknown option");
    }
  }
  if (optind != count) usage("too many words");
  return options;
}

int main(int count, char **words) {
  if (count < 2) usage("a subcommand is expected");
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a killed test leaves no attack behind */
  struct sigaction on_stop = {.sa_handler = stop};
  sigaction(SIGINT, &on_stop, NULL);
  sigaction(SIGTERM, &on_stop, NULL);
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  struct options options = parse_options(count - 1, words + 1);
  const char *command = words[1];
  bool needs_port = strcmp(options.protocol, "icmp") != 0;
  if (needs_port && !options.port) usage("--port is missing");
  if (strcmp(command, "sink") == 0) return sink(&options);
  if (strcmp(command, "stream-server") == 0) return stream_server(&options);
  if (!options.to || !(options.rate > 0)) usage("--to or --rate is missing");
  if (strcmp(command, "flood") == 0) return flood(&options);
  if (strcmp(command, "stream-client") == 0) return stream_client(&options);
  usage("unknown subcommand");
}
