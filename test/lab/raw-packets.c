/*
 * Sends hand-built packets of protocols that no tool at hand speaks, at an even pace.
 *   raw-packets --protocol sctp|gre|esp --to ADDR [--from ADDR] [--sport N --port N] [--count N] [--every MS]
 * SCTP: an INIT chunk with a valid CRC32c. GRE: version 0, without a key, around nothing. ESP: an SPI and noise.
 * IPv4; --from needs not be an address of this host. Prints {"sent":N} at the end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

static const char *option(int argc, char **argv, const char *name, const char *fallback) {
  for (int at = 1; at + 1 < argc; at += 2)
    if (strcmp(argv[at], name) == 0) return argv[at + 1];
  return fallback;
}

/* RFC 9260 appendix A: CRC32c, least significant bit first. */
static uint32_t crc32c(const uint8_t *data, size_t length) {
  uint32_t crc = 0xffffffff;
  for (size_t at = 0; at < length; at++) {
    crc ^= data[at];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

static void put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static size_t write_sctp(uint8_t *packet, unsigned sport, unsigned port) {
  enum { LENGTH = 12 + 20 };
  memset(packet, 0, LENGTH);
  put16(packet, sport);
  put16(packet + 2, port);
  packet[12] = 1; /* INIT */
  put16(packet + 14, 20);
  packet[19] = 7;                /* initiate tag */
  put16(packet + 22, 0xffff);    /* receiver window */
  put16(packet + 24, 1);         /* outbound streams */
  put16(packet + 26, 1);         /* inbound streams */
  packet[31] = 9;                /* initial TSN */
  uint32_t crc = crc32c(packet, LENGTH);
  for (int byte = 0; byte < 4; byte++) packet[8 + byte] = (uint8_t)(crc >> 8 * byte);
  return LENGTH;
}

int main(int argc, char **argv) {
  const char *name = option(argc, argv, "--protocol", "");
  int protocol = strcmp(name, "sctp") == 0 ? 132 : strcmp(name, "gre") == 0 ? 47 : strcmp(name, "esp") == 0 ? 50 : strcmp(name, "udp") == 0 ? 17 : 0;
  struct sockaddr_in to = {.sin_family = AF_INET}, from = {.sin_family = AF_INET};
  if (!protocol || inet_pton(AF_INET, option(argc, argv, "--to", ""), &to.sin_addr) != 1) {
    fprintf(stderr, "raw-packets: --protocol sctp|gre|esp|udp --to ADDR [--from ADDR] [--sport N --port N] [--count N] [--every MS]\n");
    return 2;
  }
  unsigned sport = (unsigned)atoi(option(argc, argv, "--sport", "5000")), port = (unsigned)atoi(option(argc, argv, "--port", "5000"));
  int count = atoi(option(argc, argv, "--count", "5")), every = atoi(option(argc, argv, "--every", "20"));
  const char *source = option(argc, argv, "--from", NULL);
  if (source && inet_pton(AF_INET, source, &from.sin_addr) != 1) return 2;

  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW); /* the kernel fills in what is 0, and the checksum */
  if (fd < 0) fail("socket");
  int sent = 0;
  for (int at = 0; at < count; at++) {
    uint8_t packet[256] = {0};
    uint8_t *payload = packet + sizeof(struct iphdr);
    size_t length = 0;
    if (protocol == 132) length = write_sctp(payload, sport, port);
    else if (protocol == 47) { put16(payload + 2, 0x0800); length = 4 + 20; payload[4] = 0x45; payload[7] = 20; payload[12] = 64; }
    else if (protocol == 50) { put16(payload + 2, 0x1234); payload[7] = (uint8_t)(at + 1); length = 40; }
    else { put16(payload, sport); put16(payload + 2, port); put16(payload + 4, 8 + 64); length = 8 + 64; /* no checksum */ }
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = (uint8_t)protocol, .saddr = from.sin_addr.s_addr, .daddr = to.sin_addr.s_addr};
    ip.tot_len = htons((uint16_t)(sizeof ip + length));
    memcpy(packet, &ip, sizeof ip);
    if (sendto(fd, packet, sizeof ip + length, 0, (struct sockaddr *)&to, sizeof to) < 0) perror("sendto");
    else sent++;
    usleep((useconds_t)every * 1000);
  }
  printf("{\"sent\":%d}\n", sent);
  return 0;
}
