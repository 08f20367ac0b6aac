/*
 * The floor for naming a device from the connection table: one dump, filtered in the kernel (CTA_FILTER, since Linux 5.8), without a
 * process or a line of text. libnetfilter_conntrack reads the answers; its 1.0.9 cannot ask for the filter, so that is built here.
 *   floor TARGET TARGET-PORT WAN-ADDR FIRST-PORT LAST-PORT [ROUNDS]
 * IPv4 UDP. Prints {"ms":[…],"flows":N}: the time of each round, the netlink socket being open.
 */
#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* From the kernel's net/netfilter/nf_conntrack_netlink.c: bits of the filter's flags. */
enum { FILTER_IP_SRC = 1 << 0, FILTER_IP_DST = 1 << 1, FILTER_PROTO_NUM = 1 << 3, FILTER_PROTO_SRC_PORT = 1 << 4 };
enum { ATTR_FILTER = 25 /* CTA_FILTER */, FILTER_ORIG_FLAGS = 1, FILTER_REPLY_FLAGS = 2 };

static struct nlattr *open_nest(struct nlmsghdr *message, int type) {
  struct nlattr *nest = (void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
  nest->nla_type = (uint16_t)(type | NLA_F_NESTED);
  message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + NLA_HDRLEN;
  return nest;
}

static void close_nest(struct nlmsghdr *message, struct nlattr *nest) {
  nest->nla_len = (uint16_t)((char *)message + message->nlmsg_len - (char *)nest);
}

static void put(struct nlmsghdr *message, int type, const void *data, size_t length) {
  struct nlattr *attribute = (void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
  attribute->nla_type = (uint16_t)type;
  attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
  memcpy((char *)attribute + NLA_HDRLEN, data, length);
  message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static int ask(int fd, uint32_t target, uint16_t target_port, uint32_t wan, int first, int last) {
  static char answer[1 << 17];
  union {
    struct nlmsghdr header;
    char bytes[512];
  } request = {.header = {.nlmsg_len = NLMSG_HDRLEN + sizeof(struct nfgenmsg), .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
  struct nfgenmsg *family = NLMSG_DATA(&request.header);
  family->nfgen_family = AF_INET;
  uint8_t protocol = IPPROTO_UDP;
  uint32_t none = 0, flags = FILTER_IP_SRC | FILTER_IP_DST | FILTER_PROTO_NUM | FILTER_PROTO_SRC_PORT;

  struct nlattr *tuple = open_nest(&request.header, CTA_TUPLE_REPLY);
  struct nlattr *ip = open_nest(&request.header, CTA_TUPLE_IP);
  put(&request.header, CTA_IP_V4_SRC, &target, 4);
  put(&request.header, CTA_IP_V4_DST, &wan, 4);
  close_nest(&request.header, ip);
  struct nlattr *proto = open_nest(&request.header, CTA_TUPLE_PROTO);
  put(&request.header, CTA_PROTO_NUM, &protocol, 1);
  put(&request.header, CTA_PROTO_SRC_PORT, &target_port, 2);
  close_nest(&request.header, proto);
  close_nest(&request.header, tuple);
  struct nlattr *filter = open_nest(&request.header, ATTR_FILTER);
  put(&request.header, FILTER_ORIG_FLAGS, &none, 4);
  put(&request.header, FILTER_REPLY_FLAGS, &flags, 4);
  close_nest(&request.header, filter);

  if (send(fd, &request, request.header.nlmsg_len, 0) < 0) return -1;
  int flows = 0;
  for (;;) {
    ssize_t length = recv(fd, answer, sizeof answer, 0);
    if (length < 0) return -1;
    int rest = (int)length;
    for (struct nlmsghdr *at = (void *)answer; NLMSG_OK(at, (unsigned)rest); at = NLMSG_NEXT(at, rest)) {
      if (at->nlmsg_type == NLMSG_DONE) return flows;
      if (at->nlmsg_type == NLMSG_ERROR) return -1;
      struct nf_conntrack *ct = nfct_new();
      if (nfct_nlmsg_parse(at, ct) == 0) {
        int port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_DST));
        if (port >= first && port <= last) flows++;
      }
      nfct_destroy(ct);
    }
  }
}

int main(int argc, char **argv) {
  struct in_addr target, wan;
  if (argc < 6 || inet_pton(AF_INET, argv[1], &target) != 1 || inet_pton(AF_INET, argv[3], &wan) != 1) return 2;
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  int rounds = argc > 6 ? atoi(argv[6]) : 5, flows = 0;
  printf("{\"ms\":[");
  for (int round = 0; round < rounds; round++) {
    double began = now();
    flows = ask(fd, target.s_addr, htons((uint16_t)atoi(argv[2])), wan.s_addr, atoi(argv[4]), atoi(argv[5]));
    if (flows < 0) {
      perror("floor");
      return 1;
    }
    printf("%s%.3f", round ? "," : "", now() - began);
  }
  printf("],\"flows\":%d}\n", flows);
  close(fd);
  return 0;
}
