// A UDP proxy between the client under test and a real server: it loses, repeats and reorders by a seeded generator, shows
// every datagram to the test, and sends what the test forges, from the very address that the client's socket is connected to.
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import type { Peer } from "./peers.ts";

export type Direction = "to-server" | "to-client";

export interface Trouble {
  readonly seed: number;
  /** Probabilities of each datagram to be lost, sent twice, or held back until after the next. */
  readonly loss?: number;
  readonly repeat?: number;
  readonly reorder?: number;
}

export interface Proxy {
  readonly address: "127.0.0.1";
  readonly port: number;
  /** Everything that came along, before any trouble. */
  readonly seen: { readonly direction: Direction; readonly datagram: Buffer }[];
  /** Called before a datagram is forwarded. */
  onDatagram: (direction: Direction, datagram: Buffer, count: number) => void;
  /** Nothing of the server's reaches the client. */
  dropToClient: boolean;
  /** Where the client's socket is bound, once it has sent something. */
  clientPort(): number;
  readonly toClient: (datagram: Uint8Array) => void;
  /** Nobody listens on the client's side any more, until comeBack(). */
  vanish(): Promise<void>;
  comeBack(): Promise<void>;
  close(): void;
}

/** mulberry32: 32 bits of state are enough for a coin. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function startProxy(server: Peer, trouble: Trouble = { seed: 0 }): Promise<Proxy> {
  const { loss = 0, repeat = 0, reorder = 0 } = trouble;
  const chance = seeded(trouble.seed);
  let front = createSocket("udp4");
  const back = createSocket("udp4");
  await new Promise<void>((resolve) => {
    front.bind(0, "127.0.0.1", resolve);
  });
  await new Promise<void>((resolve) => {
    back.connect(server.port, server.address, resolve);
  });
  back.on("error", () => undefined); // the server may be gone already
  let client: { address: string; port: number } | undefined;
  let open = true;
  const held: Record<Direction, Buffer | undefined> = { "to-server": undefined, "to-client": undefined };
  const counts = { "to-server": 0, "to-client": 0 };

  const send = (direction: Direction, datagram: Uint8Array): void => {
    if (!open) return;
    if (direction === "to-server") sendOn(back, datagram);
    else if (client) sendOn(front, datagram, client);
  };
  const forward = (direction: Direction, datagram: Buffer): void => {
    proxy.seen.push({ direction, datagram });
    proxy.onDatagram(direction, datagram, counts[direction]++);
    if (direction === "to-client" && proxy.dropToClient) return;
    const copies = chance() < loss ? 0 : chance() < repeat ? 2 : 1;
    const before = held[direction];
    held[direction] = undefined;
    if (copies > 0 && before === undefined && chance() < reorder) held[direction] = datagram;
    else for (let copy = 0; copy < copies; copy++) send(direction, datagram);
    if (before) send(direction, before);
  };
  const proxy: Proxy = {
    address: "127.0.0.1",
    port: front.address().port,
    seen: [],
    onDatagram: () => undefined,
    dropToClient: false,
    clientPort: () => client?.port ?? 0,
    toClient: (datagram) => {
      send("to-client", datagram);
    },
    vanish: () =>
      new Promise((resolve) => {
        open = false;
        front.close(resolve);
      }),
    comeBack: () =>
      new Promise((resolve) => {
        front = createSocket("udp4");
        listen();
        open = true;
        front.bind(proxy.port, "127.0.0.1", resolve);
      }),
    close() {
      open = false;
      front.close();
      back.close();
    },
  };
  const listen = (): void => {
    front.on("message", (datagram, from) => {
      client = from;
      forward("to-server", datagram);
    });
  };
  listen();
  back.on("message", (datagram) => {
    forward("to-client", datagram);
  });
  return proxy;
}

function sendOn(socket: Socket, datagram: Uint8Array, to?: { address: string; port: number }): void {
  if (to) socket.send(datagram, to.port, to.address, () => undefined);
  else socket.send(datagram, () => undefined);
}
