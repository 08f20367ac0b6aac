import { createServer, type AddressInfo, type Socket } from "node:net";

export const connack = (code = 0): Buffer => Buffer.from([0x20, 2, 0, code]);
export const suback = (id: number): Buffer => Buffer.from([0x90, 3, id >> 8, id & 255, 1]);

/** A PUBLISH as MQTT 3.1.1 §3.3 writes it. */
export function publish(topic: string, payload: Buffer | string, { qos = 0, id = 1, retain = false } = {}): Buffer {
  const name = Buffer.from(topic);
  const variable = Buffer.concat([Buffer.from([name.length >> 8, name.length & 255]), name, qos > 0 ? Buffer.from([id >> 8, id & 255]) : Buffer.alloc(0),
    Buffer.from(payload)]);
  return Buffer.concat([header(0x30 | (qos << 1) | (retain ? 1 : 0), variable.length), variable]);
}

/** A fixed header (§2.2). */
export function header(first: number, length: number): Buffer {
  const bytes = [first];
  do {
    bytes.push((length & 127) | (length > 127 ? 128 : 0));
    length >>>= 7;
  } while (length > 0);
  return Buffer.from(bytes);
}

export interface PlayedBroker {
  readonly port: number;
  /** The moments at which somebody connected. */
  readonly connectedAt: readonly number[];
  open(): number;
  close(): void;
}

/** A broker of raw TCP that does what `play` does with each connection. `received`: each packet, whole, as it came. */
export async function playBroker(play: (socket: Socket, connection: number) => ((packet: Buffer) => void) | undefined): Promise<PlayedBroker> {
  const connectedAt: number[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connectedAt.push(Date.now());
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    const received = play(socket, connectedAt.length);
    if (!received) {
      socket.resume();
      return;
    }
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let size = sizeOfFirst(rest); size !== undefined && size <= rest.length; size = sizeOfFirst(rest)) {
        received(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connectedAt,
    open: () => sockets.size,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function sizeOfFirst(bytes: Buffer): number | undefined {
  let length = 0;
  for (let at = 1; at <= 4; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    length += (byte & 127) * 128 ** (at - 1);
    if (byte < 128) return 1 + at + length;
  }
  return undefined;
}

/** Writes the same again and again, as fast as it is read, until the other side has had enough. */
export function pour(socket: Socket, piece: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.writable) if (!socket.write(piece)) break;
  };
  socket.on("drain", more);
  more();
}
