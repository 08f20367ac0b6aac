/*
 * inject: datagrams with whatever source address and port one likes, as an attacker on the way would send them.
 *   inject --from ADDR:PORT --to ADDR:PORT        one datagram for each line of hexadecimal on stdin; an empty line is empty
 *   inject --icmp --from ADDR:PORT --to ADDR:PORT  one ICMP "port unreachable" a line, about a datagram --to sent to --from
 *   … --rate N --seconds S                         all of them again and again, N a second, for S seconds
 * IPv4. Prints {"sent":N} at the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 65535 - 28 };

static _Noreturn void usage(void) {
  fprintf(stderr, "inject: [--icmp] --from ADDR:PORT --to ADDR:PORT [--rate N --seconds S]\n");
  exit(2);
}

static struct sockaddr_in endpoint(const char *text) {
  char address[64];
  int port;
  struct sockaddr_in at = {.sin_family = AF_INET};
  if (!text || sscanf(text, "%63[0-9.]:%d", address, &port) != 2 || inet_pton(AF_INET, address, &at.sin_addr) != 1) usage();
  at.sin_port = htons((uint16_t)port);
  return at;
}

static uint32_t add_words(uint32_t sum, const void *data, size_t length) {
  const uint8_t *octets = data;
  for (size_t at = 0; at + 1 < length; at += 2) sum += (uint32_t)(octets[at] << 8 | octets[at + 1]);
  if (length & 1) sum += (uint32_t)(octets[length - 1] << 8);
  return sum;
}

static uint16_t fold(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  uint16_t folded = htons((uint16_t)~sum);
  return folded ? folded : 0xffff;
}

static size_t write_ip(uint8_t *packet, int protocol, struct in_addr from, struct in_addr to, size_t payload) {
  struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = (uint8_t)protocol};
  ip.tot_len = htons((uint16_t)(sizeof ip + payload));
  ip.saddr = from.s_addr;
  ip.daddr = to.s_addr;
  ip.check = fold(add_words(0, &ip, sizeof ip));
  memcpy(packet, &ip, sizeof ip);
  return sizeof ip;
}

/* conntrack drops datagrams whose checksum is wrong before the socket sees them: RFC 768. */
static size_t write_udp(uint8_t *packet, const struct sockaddr_in *from, const struct sockaddr_in *to, const uint8_t *data, size_t length) {
  size_t at = write_ip(packet, IPPROTO_UDP, from->sin_addr, to->sin_addr, sizeof(struct udphdr) + length);
  struct udphdr udp = {.source = from->sin_port, .dest = to->sin_port, .len = htons((uint16_t)(sizeof udp + length))};
  uint32_t sum = add_words(IPPROTO_UDP + (uint32_t)(sizeof udp + length), &from->sin_addr, 4);
  sum = add_words(add_words(add_words(sum, &to->sin_addr, 4), &udp, sizeof udp), data, length);
  udp.check = fold(sum);
  memcpy(packet + at, &udp, sizeof udp);
  memcpy(packet + at + sizeof udp, data, length);
  return at + sizeof udp + length;
}

static size_t write_unreachable(uint8_t *packet, const struct sockaddr_in *from, const struct sockaddr_in *to) {
  uint8_t message[sizeof(struct icmphdr) + sizeof(struct iphdr) + sizeof(struct udphdr)];
  struct icmphdr icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH};
  memcpy(message, &icmp, sizeof icmp);
  struct udphdr udp = {.source = to->sin_port, .dest = from->sin_port, .len = htons(sizeof udp + 64)};
  size_t at = sizeof icmp + write_ip(message + sizeof icmp, IPPROTO_UDP, to->sin_addr, from->sin_addr, sizeof udp + 64);
  memcpy(message + at, &udp, sizeof udp);
  icmp.checksum = fold(add_words(0, message, sizeof message));
  memcpy(message, &icmp, sizeof icmp);
  size_t head = write_ip(packet, IPPROTO_ICMP, from->sin_addr, to->sin_addr, sizeof message);
  memcpy(packet + head, message, sizeof message);
  return head + sizeof message;
}

enum { MOST_PACKETS = 1024, SLICES = 200 };
static struct { uint8_t *bytes; size_t length; } kept[MOST_PACKETS];

/* In slices of five milliseconds; what a slice could not send is not made up for. */
static int flood(int fd, const struct sockaddr_in *route, unsigned packets, unsigned rate, unsigned seconds) {
  unsigned long sent = 0;
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  for (unsigned slice = 0; packets && slice < seconds * SLICES; slice++) {
    for (unsigned left = rate / SLICES; left > 0; left--, sent++)
      if (sendto(fd, kept[sent % packets].bytes, kept[sent % packets].length, 0, (const struct sockaddr *)route, sizeof *route) < 0 && errno != ENOBUFS) return perror("inject: send"), 1;
    at.tv_nsec += 1000000000 / SLICES;
    if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
  }
  printf("{\"sent\":%lu}\n", sent);
  return 0;
}

int main(int count, char **words) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char *from_text = NULL, *to_text = NULL;
  unsigned rate = 0, seconds = 0, packets = 0;
  bool icmp = false;
  for (int at = 1; at < count; at++) {
    if (!strcmp(words[at], "--icmp")) icmp = true;
    else if (!strcmp(words[at], "--from") && at + 1 < count) from_text = words[++at];
    else if (!strcmp(words[at], "--to") && at + 1 < count) to_text = words[++at];
    else if (!strcmp(words[at], "--rate") && at + 1 < count) rate = (unsigned)atoi(words[++at]);
    else if (!strcmp(words[at], "--seconds") && at + 1 < count) seconds = (unsigned)atoi(words[++at]);
    else usage();
  }
  struct sockaddr_in from = endpoint(from_text), to = endpoint(to_text), route = to;
  route.sin_port = 0;
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) return perror("inject: raw socket"), 1;

  static uint8_t data[LARGEST], packet[65536];
  char *line = NULL;
  size_t size = 0;
  ssize_t read;
  unsigned long sent = 0;
  while ((read = getline(&line, &size, stdin)) >= 0) {
    size_t length = 0;
    unsigned octet;
    for (char *at = line; length < LARGEST && sscanf(at, "%2x", &octet) == 1; at += 2) data[length++] = (uint8_t)octet;
    size_t total = icmp ? write_unreachable(packet, &from, &to) : write_udp(packet, &from, &to, data, length);
    if (rate) {
      if (packets == MOST_PACKETS || !(kept[packets].bytes = malloc(total))) return fprintf(stderr, "inject: too many\n"), 1;
      memcpy(kept[packets].bytes, packet, total);
      kept[packets++].length = total;
      continue;
    }
    if (sendto(fd, packet, total, 0, (struct sockaddr *)&route, sizeof route) < 0) return perror("inject: send"), 1;
    if (++sent % 32 == 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* no more than a receive buffer holds */
  }
  if (rate) return flood(fd, &route, packets, rate, seconds);
  printf("{\"sent\":%lu}\n", sent);
  return 0;
}
