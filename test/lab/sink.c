/*
 * sink: what arrives at the target, seen at its network card, with the kernel's arrival time: the last packet of an
 * attack is known to the microsecond, whether or not anything listens.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SOURCES = 64, MOST_RANGES = 256, BATCH = 64, HEAD = 128 };

struct source {
  int family;
  uint8_t address[16];
  uint64_t packets;
  uint8_t ports[65536 / 8]; /* ICMP: the identifiers */
};

struct tally {
  uint64_t packets, octets, missed;
  double first_t; /* when the first packet counted here arrived */
  int sources;
  struct source source[MOST_SOURCES];
};

struct arrival {
  int family, port;
  const uint8_t *address;
  uint64_t octets;
};

static struct tally interval, total;
static double last_t; /* when the last packet ever counted arrived */

static bool has_port(const struct source *source, int port) { return source->ports[port >> 3] >> (port & 7) & 1; }

static void add(struct tally *tally, const struct arrival *arrival, double t) {
  if (!tally->packets++) tally->first_t = t;
  tally->octets += arrival->octets;
  size_t size = arrival->family == AF_INET ? 4 : 16;
  int at = 0;
  while (at < tally->sources &&
         (tally->source[at].family != arrival->family || memcmp(tally->source[at].address, arrival->address, size)))
    at++;
  if (at == MOST_SOURCES) return;
  struct source *source = &tally->source[at];
  if (at == tally->sources) {
    tally->sources++;
    memset(source, 0, sizeof *source);
    source->family = arrival->family;
    memcpy(source->address, arrival->address, size);
  }
  source->packets++;
  source->ports[arrival->port >> 3] |= (uint8_t)(1 << (arrival->port & 7));
}

static void print_source(const struct source *source) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(source->family, source->address, text, sizeof text);
  int count = 0, lower = -1, upper = -1;
  for (int port = 0; port < 65536; port++) {
    if (!has_port(source, port)) continue;
    count++;
    if (lower < 0) lower = port;
    upper = port;
  }
  printf("{\"address\":\"%s\",\"packets\":%lu,\"ports\":{\"count\":%d,\"lower\":%d,\"upper\":%d,\"ranges\":[", text,
         source->packets, count, lower, upper);
  int ranges = 0;
  for (int port = lower; port <= upper && ranges < MOST_RANGES; port++) {
    if (!has_port(source, port)) continue;
    int first = port;
    while (port < upper && has_port(source, port + 1)) port++;
    printf("%s[%d,%d]", ranges++ ? "," : "", first, port);
  }
  printf("]}}");
}

static void print_moment(const char *name, double t) {
  if (t > 0) printf("\"%s\":%.3f", name, t);
  else printf("\"%s\":null", name);
}

static void print_tally(const char *event, const struct tally *tally, double t) {
  printf("{\"event\":\"%s\",\"t\":%.3f,\"packets\":%lu,\"bytes\":%lu,\"missed\":%lu,\"sources\":[", event, t, tally->packets,
         tally->octets, tally->missed);
  for (int at = 0; at < tally->sources; at++) {
    if (at) putchar(',');
    print_source(&tally->source[at]);
  }
  printf("],");
  print_moment("first_t", tally->packets ? tally->first_t : 0);
  putchar(',');
  print_moment("last_t", last_t);
  printf("}\n");
  fflush(stdout);
}

/* Whether this is a packet we count: of the protocol, to the port. An echo request carries its identifier as the port. */
static bool parse(const uint8_t *packet, size_t length, const struct options *options, struct arrival *arrival) {
  const uint8_t *payload;
  int protocol;
  if (length >= sizeof(struct ip) && packet[0] >> 4 == 4) {
    const struct ip *header = (const void *)packet;
    if (ntohs(header->ip_off) & IP_OFFMASK) return false;
    arrival->family = AF_INET;
    arrival->address = (const void *)&header->ip_src;
    arrival->octets = ntohs(header->ip_len);
    protocol = header->ip_p;
    payload = packet + header->ip_hl * 4;
  } else if (length >= sizeof(struct ip6_hdr) && packet[0] >> 4 == 6) {
    const struct ip6_hdr *header = (const void *)packet;
    arrival->family = AF_INET6;
    arrival->address = (const void *)&header->ip6_src;
    arrival->octets = sizeof *header + ntohs(header->ip6_plen);
    protocol = header->ip6_nxt;
    payload = packet + sizeof *header;
  } else {
    return false;
  }
  if (payload + 8 > packet + length) return false;
  int first = payload[0] << 8 | payload[1], second = payload[2] << 8 | payload[3];
  if (!strcmp(options->protocol, "icmp")) {
    bool echo = arrival->family == AF_INET ? protocol == IPPROTO_ICMP && payload[0] == 8
                                           : protocol == IPPROTO_ICMPV6 && payload[0] == 128;
    arrival->port = payload[4] << 8 | payload[5];
    return echo;
  }
  arrival->port = first;
  return protocol == (!strcmp(options->protocol, "tcp") ? IPPROTO_TCP : IPPROTO_UDP) && second == options->port;
}

static double arrival_time(struct msghdr *message) {
  for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS) continue;
    struct timespec stamp;
    memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
    return (double)stamp.tv_sec * 1000 + (double)stamp.tv_nsec / 1e6;
  }
  return realtime_ms();
}

/* Counts a batch and notes the arrival time of its last packet. False if there was nothing. */
static bool receive(int fd, const struct options *options) {
  static uint8_t heads[BATCH][HEAD], control[BATCH][128];
  static struct sockaddr_ll from[BATCH];
  struct iovec vectors[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int at = 0; at < BATCH; at++) {
    vectors[at] = (struct iovec){heads[at], HEAD};
    messages[at].msg_hdr = (struct msghdr){.msg_name = &from[at], .msg_namelen = sizeof from[at], .msg_iov = &vectors[at],
                                           .msg_iovlen = 1, .msg_control = control[at], .msg_controllen = 128};
  }
  int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int at = 0; at < count; at++) {
    struct arrival arrival;
    if (from[at].sll_pkttype != PACKET_HOST || !parse(heads[at], messages[at].msg_len, options, &arrival)) continue;
    last_t = arrival_time(&messages[at].msg_hdr);
    add(&interval, &arrival, last_t);
    add(&total, &arrival, last_t);
  }
  return count > 0;
}

/* What has arrived by now is counted now, however late this process runs. */
static void drain(int fd, const struct options *options) {
  for (int batches = 0; batches < 1000 && receive(fd, options); batches++) continue;
}

static int open_capture(void) {
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL)), on = 1, room = 64 << 20;
  if (fd < 0) fail("packet socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  return fd;
}

int sink(const struct options *options) {
  bool udp = !strcmp(options->protocol, "udp"), tcp = !strcmp(options->protocol, "tcp");
  if (!udp && !tcp && strcmp(options->protocol, "icmp")) {
    fprintf(stderr, "traffic: --protocol takes udp, tcp or icmp\n");
    return 2;
  }
  int capture = open_capture();
  /* A service on the port, so that the target's kernel does not answer 'unreachable'. A UDP one is never read from. */
  int service = udp || tcp ? listen_both_families(udp ? SOCK_DGRAM : SOCK_STREAM, options->port) : -1;
  int poller = epoll_create1(EPOLL_CLOEXEC);
  epoll_ctl(poller, EPOLL_CTL_ADD, capture, &(struct epoll_event){.events = EPOLLIN, .data.fd = capture});
  if (tcp && service >= 0)
    epoll_ctl(poller, EPOLL_CTL_ADD, service, &(struct epoll_event){.events = EPOLLIN, .data.fd = service});

  printf("{\"event\":\"ready\",\"t\":%.3f}\n", realtime_ms());
  double every = (options->every_ms ? options->every_ms : 100) / 1000.0;
  double begin = monotonic_seconds(), next = begin + every;
  while (!stopping) {
    double now = monotonic_seconds();
    if (now >= next) {
      struct tpacket_stats statistics;
      socklen_t size = sizeof statistics;
      if (!getsockopt(capture, SOL_PACKET, PACKET_STATISTICS, &statistics, &size)) {
        interval.missed = statistics.tp_drops;
        total.missed += statistics.tp_drops;
      }
      double t = realtime_ms();
      drain(capture, options);
      print_tally("interval", &interval, t);
      interval.packets = interval.octets = interval.missed = 0;
      interval.sources = 0;
      while (next <= now) next += every;
    }
    if (now - begin >= options->seconds) break;
    struct epoll_event events[16];
    int count = epoll_wait(poller, events, 16, (int)((next - now) * 1000) + 1);
    for (int at = 0; at < count; at++) {
      int fd = events[at].data.fd;
      if (fd == capture) {
        receive(capture, options);
      } else if (fd == service) {
        int client = accept4(service, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0)
          epoll_ctl(poller, EPOLL_CTL_ADD, client, &(struct epoll_event){.events = EPOLLIN, .data.fd = client});
      } else {
        static char nothing[65536];
        ssize_t got = read(fd, nothing, sizeof nothing);
        if (got == 0 || (got < 0 && errno != EAGAIN)) close(fd);
      }
    }
  }
  drain(capture, options);
  print_tally("summary", &total, realtime_ms());
  return 0;
}
