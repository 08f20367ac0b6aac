import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { between, type SteadyClock } from "../../model/time.ts";

/** What a broker may send us (MQTT 3.1.1 §2.2, §3). It is not trusted: MQTT.js has no limit of its own, and keeps what comes with QoS 2. */
export const brokerLimits = {
  /** Bytes of a packet behind its fixed header. A command is `approve`, behind a topic of at most 250 bytes. */
  packet: 1024,
  /** Bytes of a message on a topic that is only listed. They are passed over as they come, none is kept. */
  listed: 64 * 1024,
  /** In `span`. We wait for no more than 64 acknowledgements at once. */
  packets: 2_000,
  span: 10_000, // milliseconds
} as const;

export interface BrokerRules {
  /** Whether we have asked for messages on this topic. */
  readonly isSubscribed: (topic: string) => boolean;
  /** Where there is one: topics of which no more than the name is read, of what the broker keeps there. */
  readonly listing?: BrokerListing | undefined;
  readonly clock: Pick<SteadyClock, "now">;
}

export interface BrokerListing {
  readonly isListed: (topic: string) => boolean;
  readonly found: (topic: string) => void;
}

const type = { connack: 2, publish: 3, puback: 4, suback: 9, unsuback: 11, pingresp: 13 } as const;
const names = ["0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ",
  "PINGRESP", "DISCONNECT", "15"] as const;

/** What a broker sends that it must not; the text continues "the broker ". */
export class BrokerOffence extends Error {}

/** Cuts what a broker sends into whole packets. Throws a BrokerOffence at the first byte that shows one that it must not send: no more than one packet is ever held. */
export function createBrokerReader({ isSubscribed, listing, clock }: BrokerRules): (chunk: Buffer) => Buffer {
  let held: Buffer = Buffer.alloc(0);
  /** Bytes to come of a message that is passed over. */
  let passingOver = 0;
  let isWelcomed = false;
  let since = clock.now();
  let count = 0;

  const countOne = (): void => {
    const now = clock.now();
    if (between(since, now) >= brokerLimits.span) [since, count] = [now, 0];
    if (++count > brokerLimits.packets) throw new BrokerOffence(`sent more than ${brokerLimits.packets} packets in ${brokerLimits.span / 1000} s`);
  };
  /** Whether it is of a topic that is only listed; undefined as long as that cannot be told. */
  const isOnlyListed = (bytes: Buffer, at: number, { kind, body, size }: FixedHeader): boolean | undefined => {
    if (kind !== type.publish || !listing) return false;
    const end = bytes.length < at + body + 2 ? undefined : body + 2 + bytes.readUInt16BE(at + body);
    if (end !== undefined && end - body > brokerLimits.packet) throw tooLong("PUBLISH");
    if (end === undefined || (bytes.length < at + end && end <= size)) return undefined;
    const topic = bytes.toString("utf8", at + body + 2, at + end);
    if (end <= size && listing.isListed(topic)) {
      if (((bytes[at] ?? 0) & 1) === 1) listing.found(topic);
      return true;
    }
    if (size - body > brokerLimits.packet) throw tooLong("PUBLISH");
    return false;
  };

  return (chunk) => {
    const passed = Math.min(passingOver, chunk.length);
    passingOver -= passed;
    const bytes = held.length === 0 ? chunk.subarray(passed) : Buffer.concat([held, chunk]);
    const whole: Buffer[] = [];
    let at = 0;
    while (passingOver === 0) {
      const header = readFixedHeader(bytes, at, isWelcomed, listing !== undefined);
      if (!header) break;
      const isPassedOver = isOnlyListed(bytes, at, header);
      const end = at + header.size;
      if (isPassedOver === undefined || (!isPassedOver && end > bytes.length)) break;
      countOne();
      if (isPassedOver) passingOver = Math.max(0, end - bytes.length);
      else {
        if (header.kind === type.connack) isWelcomed = true;
        if (header.kind === type.publish) checkPublish(bytes.subarray(at, end), header.body, isSubscribed);
        whole.push(bytes.subarray(at, end));
      }
      at = Math.min(end, bytes.length);
    }
    // A copy: it is short, the chunk that it would keep alive is not.
    held = Buffer.from(bytes.subarray(at));
    return Buffer.concat(whole);
  };
}

interface FixedHeader {
  readonly kind: number;
  /** Of the whole packet, and up to its body. */
  readonly size: number;
  readonly body: number;
}

function tooLong(name: string): BrokerOffence {
  return new BrokerOffence(`sent a ${name} packet of more than ${brokerLimits.packet} bytes`);
}

/** Undefined as long as it is not whole. */
function readFixedHeader(bytes: Buffer, at: number, isWelcomed: boolean, isListing: boolean): FixedHeader | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const kind = first >> 4;
  const name = names[kind] ?? "";
  if (!(Object.values(type) as number[]).includes(kind) || (kind === type.unsuback && !isListing))
    throw new BrokerOffence(`sent a ${name} packet, which nothing of ours asks for`);
  if ((kind === type.connack) === isWelcomed)
    throw new BrokerOffence(isWelcomed ? "accepted the same connection twice" : `sent a ${name} packet before it accepted the connection`);
  if (kind === type.publish && (first & 0b0110) >= 0b0100) throw new BrokerOffence("sent a message with QoS 2, which was not asked for");
  let length = 0;
  for (let part = 0; part < 4; part++) {
    const byte = bytes[at + 1 + part];
    if (byte === undefined) return undefined;
    length += (byte & 127) * 128 ** part;
    if (length > (kind === type.publish && isListing ? brokerLimits.listed : brokerLimits.packet)) throw tooLong(name);
    if (byte < 128) return { kind, size: 2 + part + length, body: 2 + part };
  }
  throw new BrokerOffence("sent a length that MQTT does not have");
}

function checkPublish(packet: Buffer, body: number, isSubscribed: (topic: string) => boolean): void {
  const end = packet.length >= body + 2 ? body + 2 + packet.readUInt16BE(body) : Infinity;
  if (end > packet.length) throw new BrokerOffence("sent a message without a whole topic");
  if (!isSubscribed(packet.toString("utf8", body + 2, end))) throw new BrokerOffence("sent a message on a topic that was not subscribed to");
}

/** The socket to a broker, for MQTT.js: what the broker must not send ends it, with a BrokerOffence, before any parser sees it. */
export function guardBroker(socket: Socket, rules: BrokerRules): Duplex {
  const read = createBrokerReader(rules);
  const stream = new Duplex({
    read() {
      socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      socket.write(chunk, done);
    },
    writev(chunks, done) {
      socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done);
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk: Buffer) => {
    if (stream.destroyed) return;
    try {
      const packets = read(chunk);
      if (packets.length > 0 && !stream.push(packets)) socket.pause();
    } catch (error) {
      stream.destroy(error as BrokerOffence);
    }
  });
  socket.on("end", () => {
    stream.push(null);
  });
  socket.on("error", (error) => {
    stream.destroy(error);
  });
  socket.on("close", () => {
    stream.destroy();
  });
  return stream;
}
