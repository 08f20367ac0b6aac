/*
 * The floor for naming a device from the connection table: one dump, filtered in the kernel, without a process or a line of text.
 *   floor TARGET TARGET-PORT WAN-ADDR FIRST-PORT LAST-PORT [ROUNDS]
 * IPv4 UDP. Prints {"flows":N,"ms":[…]}: the time of each round, the netlink socket being open.
 */
#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct asked {
  uint32_t wan;
  int first, last, flows;
};

static int visit(enum nf_conntrack_msg_type type, struct nf_conntrack *ct, void *data) {
  (void)type;
  struct asked *asked = data;
  int port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_DST));
  if (nfct_get_attr_u32(ct, ATTR_REPL_IPV4_DST) == asked->wan && port >= asked->first && port <= asked->last) asked->flows++;
  return NFCT_CB_CONTINUE;
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  struct asked asked = {.first = atoi(argv[4]), .last = atoi(argv[5])};
  struct in_addr target, wan;
  if (inet_pton(AF_INET, argv[1], &target) != 1 || inet_pton(AF_INET, argv[3], &wan) != 1) return 2;
  asked.wan = wan.s_addr;
  struct nfct_handle *handle = nfct_open(CONNTRACK, 0);
  if (!handle) {
    perror("nfct_open");
    return 1;
  }
  nfct_callback_register(handle, NFCT_T_ALL, visit, &asked);
  int rounds = argc > 6 ? atoi(argv[6]) : 5;
  printf("{\"ms\":[");
  for (int round = 0; round < rounds; round++) {
    asked.flows = 0;
    double began = now();
    struct nfct_filter_dump *filter = nfct_filter_dump_create();
    nfct_filter_dump_set_attr_u8(filter, NFCT_FILTER_DUMP_L3NUM, AF_INET);
#ifdef HAVE_TUPLE_FILTER
    struct nf_conntrack *tuple = nfct_new();
    nfct_set_attr_u8(tuple, ATTR_REPL_L3PROTO, AF_INET);
    nfct_set_attr_u8(tuple, ATTR_REPL_L4PROTO, IPPROTO_UDP);
    nfct_set_attr_u32(tuple, ATTR_REPL_IPV4_SRC, target.s_addr);
    nfct_set_attr_u16(tuple, ATTR_REPL_PORT_SRC, htons((uint16_t)atoi(argv[2])));
    nfct_filter_dump_set_attr(filter, NFCT_FILTER_DUMP_TUPLE, tuple);
#endif
    if (nfct_query(handle, NFCT_Q_DUMP_FILTER, filter) < 0) {
      perror("nfct_query");
      return 1;
    }
    nfct_filter_dump_destroy(filter);
    printf("%s%.3f", round ? "," : "", now() - began);
  }
  printf("],\"flows\":%d}\n", asked.flows);
  nfct_close(handle);
  return 0;
}
