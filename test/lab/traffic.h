/* What the subcommands of `traffic` share. Every one of them ends by itself: none runs longer than --seconds. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct options {
  const char *to, *from, *protocol;
  int port;
  int source_port_lower, source_port_upper; /* 0: the kernel chooses */
  int size;                                 /* payload octets of a packet */
  int every_ms;
  double rate, seconds;
};

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

extern volatile sig_atomic_t stopping; /* SIGINT or SIGTERM came: print the summary and end */

int flood(const struct options *options);
int sink(const struct options *options);
int stream_server(const struct options *options);
int stream_client(const struct options *options);

double realtime_ms(void);
double monotonic_seconds(void);
union address parse_address(const char *text, int port);
socklen_t address_size(const union address *address);
int open_source(int type, int protocol, const union address *to, const char *from, int source_port);
int listen_both_families(int type, int port);
_Noreturn void fail(const char *what);

#endif
