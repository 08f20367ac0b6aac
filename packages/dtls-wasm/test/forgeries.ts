// Datagrams that somebody who can spoof the server's address, but has no keys, might send.
import { seeded } from "./proxy.ts";

/** RFC 6347 §4.1. */
export function record(type: number, epoch: number, sequence: number, body: Uint8Array, version = 0xfefd): Uint8Array {
  const bytes = Buffer.alloc(13 + body.length);
  bytes.writeUInt8(type, 0);
  bytes.writeUInt16BE(version, 1);
  bytes.writeUInt16BE(epoch, 3);
  bytes.writeUIntBE(sequence, 5, 6);
  bytes.writeUInt16BE(body.length, 11);
  bytes.set(body, 13);
  return bytes;
}

export interface Forgery {
  readonly what: string;
  readonly datagram: Uint8Array;
}

const secret = Buffer.from("FORGED");

/** Every kind for one captured datagram. What they try to smuggle in says FORGED. */
export function forgeries(captured: Uint8Array, seed: number, prefixStep = 1): Forgery[] {
  const chance = seeded(seed);
  const whole = (below: number): number => Math.floor(chance() * below);
  const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => whole(256));
  const list: Forgery[] = [];
  const add = (what: string, datagram: Uint8Array): void => {
    list.push({ what, datagram });
  };

  for (let length = 0; length < captured.length; length += prefixStep) add(`prefix of ${String(length)}`, captured.slice(0, length));
  add("replayed", captured);
  for (let count = 0; count < 64; count++) {
    const flipped = captured.slice();
    const bit = whole(flipped.length * 8);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    add(`bit ${String(bit)} flipped`, flipped);
  }
  for (const length of [1, 12, 13, 14, 20, 100, 1200, 16_000, 17_000, 60_000]) add(`${String(length)} random bytes`, random(length));
  for (const epoch of [0, 1, 2, 3, 65_535])
    for (const sequence of [0, 1, 5, 2 ** 32, 2 ** 48 - 1]) {
      const where = `epoch ${String(epoch)}, sequence ${String(sequence)}`;
      add(`plaintext application data, ${where}`, record(23, epoch, sequence, secret));
      add(`fatal alert, ${where}`, record(21, epoch, sequence, Uint8Array.of(2, 40)));
      add(`close_notify, ${where}`, record(21, epoch, sequence, Uint8Array.of(1, 0)));
      add(`ChangeCipherSpec, ${where}`, record(20, epoch, sequence, Uint8Array.of(1)));
      add(`empty record, ${where}`, record(23, epoch, sequence, new Uint8Array(0)));
    }
  for (
    const [name, type] of [["HelloRequest", 0], ["ClientHello", 1], ["ServerHello", 2], ["HelloVerifyRequest", 3], ["NewSessionTicket", 4], ["Certificate", 11],
      ["ServerHelloDone", 14], ["Finished", 20]] as const
  )
    for (const epoch of [0, 1]) {
      const body = random(40);
      const handshake = Buffer.concat([Uint8Array.of(type, 0, 0, body.length, 0, whole(4), 0, 0, 0, 0, 0, body.length), body]);
      add(`${name}, epoch ${String(epoch)}`, record(22, epoch, 9, handshake));
      // A fragment of a message of 16 MB; one that lies outside its message.
      add(`${name}, 16 MB`, record(22, epoch, 9, Buffer.concat([Uint8Array.of(type, 255, 255, 255, 0, 1, 0, 0, 0, 0, 0, 40), body])));
      add(`${name}, fragment outside`, record(22, epoch, 9, Buffer.concat([Uint8Array.of(type, 0, 0, 50, 0, 1, 0, 0, 200, 0, 0, 40), body])));
    }
  for (const type of [0, 24, 25, 26, 0x2c, 0x3f, 255]) add(`content type ${String(type)}`, record(type, 1, 7, secret));
  for (const version of [0x0303, 0xfeff, 0xfefc, 0]) add(`version ${version.toString(16)}`, record(23, 1, 7, secret, version));
  const long = record(23, 1, 7, random(64));
  new DataView(long.buffer, long.byteOffset).setUint16(11, 65_535);
  add("a record longer than its datagram", long);
  for (let stray = 1; stray < 14; stray++)
    for (const epoch of [0, 1, 2]) {
      const bytes = Buffer.concat([record(23, epoch, 3, secret), random(stray)]);
      add(`${String(stray)} stray bytes after a record of epoch ${String(epoch)}`, bytes);
    }
  for (const stray of [1, 12, 13, 40]) add(`${String(stray)} stray bytes after the captured record`, Buffer.concat([captured, random(stray)]));
  add("1200 empty records", Buffer.concat(Array.from({ length: 1200 }, (_, at) => record(23, 1, 1000 + at, new Uint8Array(0)))));
  add("the captured record twice in one datagram", Buffer.concat([captured, captured]));
  add("a forged record before the captured one", Buffer.concat([record(23, 2, 0, secret), captured]));
  return list;
}
