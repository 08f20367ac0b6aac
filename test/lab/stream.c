/* stream-server, stream-client: a long transfer of an innocent device. The server echoes how much it has received. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_CLIENTS = 64, CHUNK = 65536 };

struct client {
  uint64_t received;
  uint64_t echo; /* being written: big-endian count of octets received */
  size_t echo_left;
};

static char chunk[CHUNK];

/* False once the connection is over. */
static bool serve(int fd, struct client *client) {
  ssize_t got = read(fd, chunk, sizeof chunk);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
  if (got > 0) client->received += (uint64_t)got;
  if (!client->echo_left) {
    client->echo = htobe64(client->received);
    client->echo_left = sizeof client->echo;
  }
  ssize_t put = write(fd, (char *)&client->echo + sizeof client->echo - client->echo_left, client->echo_left);
  if (put > 0) client->echo_left -= (size_t)put;
  return true;
}

int stream_server(const struct options *options) {
  struct pollfd fds[1 + MOST_CLIENTS];
  struct client clients[1 + MOST_CLIENTS];
  int count = 1, on = 1;
  fds[0] = (struct pollfd){.fd = listen_both_families(SOCK_STREAM, options->port), .events = POLLIN};
  if (fds[0].fd < 0) fail("listen");
  printf("{\"event\":\"ready\",\"t\":%.3f}\n", realtime_ms());
  uint64_t total = 0;
  double end = monotonic_seconds() + options->seconds;
  while (!stopping && monotonic_seconds() < end) {
    poll(fds, (nfds_t)count, 100);
    for (int at = count - 1; at > 0; at--) {
      if (!fds[at].revents || serve(fds[at].fd, &clients[at])) continue;
      printf("{\"event\":\"closed\",\"t\":%.3f,\"bytes\":%lu}\n", realtime_ms(), clients[at].received);
      total += clients[at].received;
      close(fds[at].fd);
      count--;
      fds[at] = fds[count];
      clients[at] = clients[count];
    }
    if (!(fds[0].revents & POLLIN) || count > MOST_CLIENTS) continue;
    int fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    clients[count++] = (struct client){0};
  }
  for (int at = 1; at < count; at++) total += clients[at].received;
  printf("{\"event\":\"summary\",\"t\":%.3f,\"bytes\":%lu}\n", realtime_ms(), total);
  return 0;
}

/* The transfer as the client knows it. The clock of a gap runs only while something is unacknowledged. */
struct transfer {
  uint64_t sent, acknowledged;
  double waiting_since, longest_gap;
};

static double current_gap(const struct transfer *transfer, double now) {
  return transfer->sent > transfer->acknowledged ? now - transfer->waiting_since : 0;
}

static void note_gap(struct transfer *transfer, double now) {
  double gap = current_gap(transfer, now);
  if (gap > transfer->longest_gap) transfer->longest_gap = gap;
}

/* Reads echoes; false with errno set (0 = closed by the server) if the connection broke. */
static bool read_echoes(int fd, struct transfer *transfer) {
  static uint8_t partial[8];
  static size_t have;
  uint8_t buffer[4096];
  ssize_t got = read(fd, buffer, sizeof buffer);
  if (got == 0) errno = 0;
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
  for (ssize_t at = 0; at < got; at++) {
    partial[have++] = buffer[at];
    if (have < 8) continue;
    have = 0;
    uint64_t echo;
    memcpy(&echo, partial, 8);
    echo = be64toh(echo);
    if (echo <= transfer->acknowledged) continue;
    double now = monotonic_seconds();
    note_gap(transfer, now);
    transfer->acknowledged = echo;
    transfer->waiting_since = now;
  }
  return true;
}

/* False if the connection broke. */
static bool send_due(int fd, struct transfer *transfer, uint64_t due) {
  while (transfer->sent < due) {
    uint64_t want = due - transfer->sent;
    ssize_t put = send(fd, chunk, want < CHUNK ? want : CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN;
    if (transfer->sent == transfer->acknowledged) transfer->waiting_since = monotonic_seconds();
    transfer->sent += (uint64_t)put;
  }
  return true;
}

static int connect_within(const struct options *options, int timeout_ms) {
  union address to = parse_address(options->to, options->port);
  int fd = open_source(SOCK_STREAM, 0, &to, options->from, options->source_port_lower), on = 1, error = 0;
  socklen_t size = sizeof error;
  if (connect(fd, &to.any, address_size(&to)) < 0 && errno != EINPROGRESS) fail("connect");
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  if (poll(&wait, 1, timeout_ms) != 1) errno = ETIMEDOUT, fail("connect");
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) errno = error, fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int stream_client(const struct options *options) {
  int fd = connect_within(options, 5000);
  printf("{\"event\":\"ready\",\"t\":%.3f}\n", realtime_ms());
  double every = (options->every_ms ? options->every_ms : 200) / 1000.0;
  double begin = monotonic_seconds(), next = begin + every, end = begin + options->seconds;
  struct transfer transfer = {.waiting_since = begin};
  uint64_t step = options->rate > 200 ? (uint64_t)(options->rate / 200) : 1; /* 5 ms worth, not an octet at a time */
  const char *broken = NULL;
  for (;;) {
    double now = monotonic_seconds();
    bool ending = stopping || now >= end;
    if (ending && (transfer.acknowledged == transfer.sent || now >= end + 2 || stopping)) break;
    note_gap(&transfer, now);
    if (now >= next) {
      printf("{\"event\":\"progress\",\"t\":%.3f,\"bytes\":%lu,\"sent\":%lu,\"stalled_ms\":%.3f}\n", realtime_ms(),
             transfer.acknowledged, transfer.sent, current_gap(&transfer, now) * 1000);
      while (next <= now) next += every;
    }
    errno = 0;
    uint64_t due = (uint64_t)((now - begin) * options->rate) / step * step;
    if (!ending && !send_due(fd, &transfer, due)) broken = strerrorname_np(errno);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (!broken && poll(&wait, 1, 2) == 1 && !read_echoes(fd, &transfer)) broken = errno ? strerrorname_np(errno) : "closed";
    if (broken) break;
  }
  double now = monotonic_seconds();
  note_gap(&transfer, now);
  printf("{\"event\":\"summary\",\"t\":%.3f,\"seconds\":%.3f,\"bytes\":%lu,\"sent\":%lu,\"longest_gap_ms\":%.3f,\"broken\":",
         realtime_ms(), now - begin, transfer.acknowledged, transfer.sent, transfer.longest_gap * 1000);
  if (broken) printf("\"%s\"}\n", broken);
  else printf("null}\n");
  return broken ? 1 : 0;
}
