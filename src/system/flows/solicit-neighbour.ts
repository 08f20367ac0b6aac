import { createSocket } from "node:dgram";

/** The discard port, RFC 863: what is sent there is meant for nobody. */
const discard = 9;

/** Sends an empty datagram to an address of the home, so that the kernel asks who has it (ARP, neighbour discovery). */
export function solicitNeighbour(address: string): void {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const close = (): void => {
    socket.close();
  };
  socket.on("error", close);
  socket.send(new Uint8Array(0), discard, address, close);
}
