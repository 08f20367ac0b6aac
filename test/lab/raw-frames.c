/*
 * Sends frames as they are given: one for each line of hexadecimal on stdin, from the destination address on.
 *   raw-frames DEVICE
 * Prints {"sent":N} at the end. For what no socket sends: VLAN tags, and protocols that are not IP.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST = 1518 };

int main(int argc, char **argv) {
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = argc == 2 ? (int)if_nametoindex(argv[1]) : 0};
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (to.sll_ifindex == 0 || fd < 0) {
    perror("raw-frames: DEVICE");
    return 2;
  }
  static char line[2 * LARGEST + 2];
  static uint8_t frame[LARGEST];
  int sent = 0;
  while (fgets(line, sizeof line, stdin)) {
    size_t length = 0;
    while (length < sizeof frame && sscanf(line + 2 * length, "%2hhx", &frame[length]) == 1) length++;
    if (sendto(fd, frame, length, 0, (struct sockaddr *)&to, sizeof to) < 0) {
      perror("raw-frames");
      return 1;
    }
    sent++;
  }
  printf("{\"sent\":%d}\n", sent);
  close(fd);
  return 0;
}
