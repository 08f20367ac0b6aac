/* flood: a paced sender. What the kernel refuses (EPERM, ENOBUFS, ...) is counted and never fatal. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HIGHEST_ERRNO = 133, LARGEST_PACKET = 2048 };

static struct {
  uint64_t packets, octets, skipped;
  uint64_t errors[HIGHEST_ERRNO + 1];
} sent;

static void count(ssize_t result, int octets) {
  if (result >= 0) {
    sent.packets++;
    sent.octets += (uint64_t)octets;
  } else {
    sent.errors[errno <= HIGHEST_ERRNO ? errno : 0]++;
  }
}

static void print_sent(const char *event, double seconds) {
  struct timespec cpu; /* of the way through the router too, which veth takes in the sender's context */
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  printf("{\"event\":\"%s\",\"t\":%.3f,\"seconds\":%.3f,\"cpu_seconds\":%.6f,\"packets\":%lu,\"bytes\":%lu,\"skipped\":%lu,\"errors\":{", event,
         realtime_ms(), seconds, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9, sent.packets, sent.octets, sent.skipped);
  const char *comma = "";
  for (int code = 0; code <= HIGHEST_ERRNO; code++) {
    if (!sent.errors[code]) continue;
    const char *name = strerrorname_np(code);
    printf("%s\"%s\":%lu", comma, name ? name : "other", sent.errors[code]);
    comma = ",";
  }
  printf("}}\n");
}

static uint32_t add_words(uint32_t sum, const void *data, size_t length) {
  const uint8_t *octets = data;
  for (size_t at = 0; at + 1 < length; at += 2) sum += (uint32_t)(octets[at] << 8 | octets[at + 1]);
  if (length & 1) sum += (uint32_t)(octets[length - 1] << 8);
  return sum;
}

static uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)~sum);
}

/* conntrack verifies checksums, so those of raw packets must be right. RFC 9293 §3.1, RFC 8200 §8.1. */
static uint16_t tcp_checksum(const union address *from, const union address *to, const void *segment, size_t length) {
  uint32_t sum = IPPROTO_TCP + (uint32_t)length;
  if (to->any.sa_family == AF_INET) {
    sum = add_words(sum, &from->v4.sin_addr, 4);
    sum = add_words(sum, &to->v4.sin_addr, 4);
  } else {
    sum = add_words(sum, &from->v6.sin6_addr, 16);
    sum = add_words(sum, &to->v6.sin6_addr, 16);
  }
  return fold(add_words(sum, segment, length));
}

static int build_syn(uint8_t *packet, const union address *from, const union address *to, int source_port, int port) {
  struct tcphdr header = {0};
  header.th_sport = htons((uint16_t)source_port);
  header.th_dport = htons((uint16_t)port);
  header.th_seq = (uint32_t)random();
  header.th_off = 5;
  header.th_flags = TH_SYN;
  header.th_win = htons(64240);
  header.th_sum = tcp_checksum(from, to, &header, sizeof header);
  memcpy(packet, &header, sizeof header);
  return sizeof header;
}

static int build_echo(uint8_t *packet, int family, int identifier, int sequence, int size) {
  int length = 8 + size;
  memset(packet, 0x58, (size_t)length);
  struct icmphdr header = {.type = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST};
  header.un.echo.id = htons((uint16_t)identifier);
  header.un.echo.sequence = htons((uint16_t)sequence);
  memcpy(packet, &header, sizeof header);
  if (family == AF_INET) { /* for ICMPv6 the kernel fills it in */
    header.checksum = fold(add_words(0, packet, (size_t)length));
    memcpy(packet, &header, sizeof header);
  }
  return length;
}

static union address own_address_towards(const union address *to, const char *from) {
  int fd = open_source(SOCK_DGRAM, 0, to, from, 0);
  union address own = {0};
  socklen_t size = sizeof own;
  if (connect(fd, &to->any, address_size(to)) < 0 || getsockname(fd, &own.any, &size) < 0) fail("no route to the target");
  close(fd);
  return own;
}

int flood(const struct options *options) {
  bool udp = !strcmp(options->protocol, "udp"), tcp = !strcmp(options->protocol, "tcp");
  bool syn = !strcmp(options->protocol, "tcp-syn"), icmp = !strcmp(options->protocol, "icmp");
  if (!(udp || tcp || syn || icmp)) {
    fprintf(stderr, "traffic: --protocol takes udp, tcp, tcp-syn or icmp\n");
    return 2;
  }
  bool raw = syn || icmp;
  union address to = parse_address(options->to, options->port);
  int family = to.any.sa_family;
  int lower = options->source_port_lower;
  if (raw && !lower) lower = 1024 + getpid() % 60000;
  int ports = options->source_port_upper ? options->source_port_upper - lower + 1 : 1;

  /* udp, tcp: a socket for each source port. Raw protocols: one socket, the port is in the packet. */
  int sockets = raw ? 1 : ports;
  int *fds = calloc((size_t)sockets, sizeof *fds);
  if (!fds) fail("memory");
  union address own = own_address_towards(&to, options->from);
  for (int at = 0; at < sockets; at++) {
    int protocol = syn ? IPPROTO_TCP : icmp ? (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6) : 0;
    fds[at] = open_source(raw ? SOCK_RAW : tcp ? SOCK_STREAM : SOCK_DGRAM, protocol, &to, options->from,
                          raw || !lower ? 0 : lower + at);
    if (!raw && connect(fds[at], &to.any, address_size(&to)) < 0 && errno != EINPROGRESS) fail("connect");
  }
  union address raw_to = to;
  if (raw && family == AF_INET6) raw_to.v6.sin6_port = 0; /* a raw IPv6 socket takes it for the protocol */

  static uint8_t packet[LARGEST_PACKET];
  memset(packet, 0x58, sizeof packet);
  printf("{\"event\":\"ready\",\"t\":%.3f}\n", realtime_ms());
  double begin = monotonic_seconds(), every = (options->every_ms ? options->every_ms : 1000) / 1000.0, next_report = every;
  uint64_t attempts = 0;
  while (!stopping) {
    double elapsed = monotonic_seconds() - begin;
    if (elapsed >= options->seconds) break;
    if (elapsed >= next_report) {
      print_sent("sent", elapsed);
      while (next_report <= elapsed) next_report += every;
    }
    uint64_t due = (uint64_t)(elapsed * options->rate) + 1;
    uint64_t burst = (uint64_t)(options->rate / 10) + 1; /* a stalled machine must not be followed by a volley */
    if (due > attempts + burst) {
      sent.skipped += due - attempts - burst;
      attempts = due - burst;
    }
    if (due <= attempts) {
      double wait = (double)attempts / options->rate - elapsed;
      if (wait > 0.05) wait = 0.05;
      if (wait > 0) nanosleep(&(struct timespec){.tv_nsec = (long)(wait * 1e9)}, NULL);
      continue;
    }
    for (int left = 64; left > 0 && attempts < due; left--, attempts++) {
      int turn = (int)(attempts % (uint64_t)ports);
      if (raw) {
        int length = syn ? build_syn(packet, &own, &to, lower + turn, options->port)
                         : build_echo(packet, family, lower + turn, (int)(attempts / (uint64_t)ports), options->size);
        count(sendto(fds[0], packet, (size_t)length, MSG_DONTWAIT, &raw_to.any, address_size(&raw_to)), length);
      } else {
        count(send(fds[turn], packet, (size_t)options->size, MSG_DONTWAIT | MSG_NOSIGNAL), options->size);
      }
    }
  }
  print_sent("summary", monotonic_seconds() - begin);
  return 0;
}
