/* A call-home DOTS client: accepts the (D)TLS session of a router, then sends it DOTS requests (RFC 9066 §5.1). */
#include "peer.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {.cuid = "dz6pHjaADkaFTbjr0JGBpw", .script = "-"};
static volatile sig_atomic_t stopped;
static int status;

void stop(int exit_status) { stopped = 1, status = exit_status; }
static void on_signal(int number) { (void)number, stopped = 1; }

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(2);
}

static void add_psk(char *argument) {
  char *colon = strchr(argument, ':');
  if (!colon) die("--psk IDENTITY:KEY");
  struct psk *psk = calloc(1, sizeof *psk), **last = &options.psks;
  *colon = '\0';
  psk->identity = argument;
  if (strncmp(colon + 1, "hex:", 4))
    psk->key = (struct bytes){(uint8_t *)strdup(colon + 1), strlen(colon + 1)};
  else if (!hex_parse(colon + 5, &psk->key))
    die("--psk %s: the key is not hex", argument);
  while (*last) last = &(*last)->next;
  *last = psk;
}

static void usage(const char *name) {
  die("usage: %s --listen ADDRESS:PORT [--transport udp|tcp] [--psk IDENTITY:KEY]… [--cert F --key F --ca F]\n"
      "       [--cuid X] [--script FILE|-] [--max-sessions N] [--verbose[=LEVEL]]", name);
}

static void parse(int argc, char **argv) {
  static const struct option names[] = {
    {"listen", 1, 0, 'l'}, {"transport", 1, 0, 't'}, {"psk", 1, 0, 'p'}, {"cert", 1, 0, 'c'}, {"key", 1, 0, 'k'},
    {"ca", 1, 0, 'a'}, {"cuid", 1, 0, 'u'}, {"script", 1, 0, 's'}, {"max-sessions", 1, 0, 'm'},
    {"verbose", 2, 0, 'v'}, {0, 0, 0, 0}};
  int option, verbose = LOG_ERR;
  while ((option = getopt_long(argc, argv, "v", names, NULL)) != -1) switch (option) {
    case 'l': options.listen = optarg; break;
    case 't':
      options.tcp = !strcmp(optarg, "tcp");
      if (!options.tcp && strcmp(optarg, "udp")) usage(argv[0]);
      break;
    case 'p': add_psk(optarg); break;
    case 'c': options.cert = optarg; break;
    case 'k': options.key = optarg; break;
    case 'a': options.ca = optarg; break;
    case 'u': options.cuid = optarg; break;
    case 's': options.script = optarg; break;
    case 'm': options.max_sessions = (unsigned)atoi(optarg); break;
    case 'v': verbose = optarg ? atoi(optarg) : LOG_DEBUG; break;
    default: usage(argv[0]);
  }
  bool some = options.cert || options.key || options.ca, all = options.cert && options.key && options.ca;
  if (!options.listen || optind < argc || some != all || (!all && !options.psks)) usage(argv[0]);
  coap_set_log_level(verbose);
  coap_dtls_set_log_level(verbose);
  coap_set_show_pdu_output(0); /* to the log: stdout is for events */
}

static int soonest(double a, double b, double c) {
  double least = 1000;
  if (a >= 0 && a < least) least = a;
  if (b >= 0 && b < least) least = b;
  if (c > 0 && c < least) least = c;
  return (int)least + 1;
}

int main(int argc, char **argv) {
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  signal(SIGPIPE, SIG_IGN);
  coap_startup();
  parse(argc, argv);
  sessions_listen();
  script_open(options.script);

  int coap_fd = coap_context_get_coap_fd(context);
  if (coap_fd < 0) die("this libcoap has no epoll descriptor");
  for (;;) {
    sessions_tend();
    requests_expire(); /* before the script, which may wait for it */
    double script = script_run(), overdue = requests_expire();
    if (stopped) break;
    coap_tick_t now;
    coap_ticks(&now);
    struct pollfd fds[] = {{coap_fd, POLLIN, 0}, {script_fd(), POLLIN, 0}};
    poll(fds, 2, soonest(script, overdue, coap_io_prepare_epoll(context, now)));
    if (fds[1].revents) script_read();
    coap_io_process(context, COAP_IO_NO_WAIT);
  }

  sessions_free();
  requests_free();
  script_close();
  for (struct psk *p = options.psks, *next; p; p = next) next = p->next, free(p->key.data), free(p);
  coap_cleanup();
  return status;
}
