import { Buffer } from "./buffer.ts";
import { randomBytes } from "./crypto.ts";
import { createSocket } from "./dgram.ts";
import { readFileSync } from "./fs.ts";
import { isIP } from "./net.ts";
import { clearTimeout, setTimeout } from "./timers.ts";

/** RFC 2782. */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}
/** RFC 3403 §4.1. */
export interface NaptrRecord {
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
  readonly order: number;
  readonly preference: number;
}
interface Name {
  readonly text: string;
  readonly end: number;
}
interface Server {
  readonly address: string;
  readonly port: number;
}

const types = { srv: 33, naptr: 35 } as const;
const rcodes: Readonly<Record<number, string>> = { 1: "EFORMERR", 2: "ESERVFAIL", 3: "ENOTFOUND", 4: "ENOTIMP", 5: "EREFUSED" };
/** RFC 1035 §2.3.4. */
const longestName = 255, longestLabel = 63;
/** Of an answer; more is none that anybody asked for. */
const mostRecords = 64;
const mostServers = 3;

class DnsError extends Error {
  readonly code: string;
  constructor(code: string, query: string, name: string) {
    super(`${query} ${code} ${name}`);
    this.code = code;
  }
}

/**
 * Asks the name servers of /etc/resolv.conf over UDP, for records that getaddrinfo does not give. An answer that does not fit into a datagram is
 * EBADRESP.
 */
export class Resolver {
  readonly #timeout: number;
  readonly #tries: number;
  readonly #underWay = new Set<() => void>();
  #servers: readonly Server[] | undefined;

  constructor({ timeout = 5_000, tries = 4 }: { readonly timeout?: number; readonly tries?: number } = {}) {
    this.#timeout = timeout;
    this.#tries = tries;
  }

  /** `192.0.2.1`, `192.0.2.1:53` or `[2001:db8::1]:53` */
  setServers(servers: readonly string[]): void {
    this.#servers = servers.map((server) => {
      const [, address = server, port = "53"] = /^\[?(.*?)\]?:(\d+)$/.exec(isIP(server) === 6 ? `[${server}]:53` : server) ?? [];
      if (isIP(address) === 0) throw new TypeError(`Invalid IP address: ${server}`);
      return { address, port: Number(port) };
    });
  }

  /** What is under way fails with ECANCELLED. */
  cancel(): void {
    for (const stop of [...this.#underWay]) stop();
  }

  resolveSrv(name: string): Promise<SrvRecord[]> {
    return this.#resolve("querySrv", name, types.srv, (message, at) => ({
      priority: message.readUInt16BE(at),
      weight: message.readUInt16BE(at + 2),
      port: message.readUInt16BE(at + 4),
      name: readName(message, at + 6).text,
    }));
  }

  resolveNaptr(name: string): Promise<NaptrRecord[]> {
    return this.#resolve("queryNaptr", name, types.naptr, (message, at) => {
      const flags = readString(message, at + 4), service = readString(message, flags.end), regexp = readString(message, service.end);
      return {
        order: message.readUInt16BE(at),
        preference: message.readUInt16BE(at + 2),
        flags: flags.text,
        service: service.text,
        regexp: regexp.text,
        replacement: readName(message, regexp.end).text,
      };
    });
  }

  async #resolve<T>(query: string, name: string, type: number, read: (message: Buffer, at: number) => T): Promise<T[]> {
    const servers = this.#servers ?? configuredServers();
    const question = encodeQuestion(name, type);
    if (!question) throw new DnsError("EBADNAME", query, name);
    let failure = new DnsError("ECONNREFUSED", query, name);
    for (let attempt = 0; attempt < this.#tries * servers.length; attempt++) {
      const server = servers[attempt % servers.length];
      if (!server) break;
      const answer = await this.#ask(server, question);
      if (answer === "cancelled") throw new DnsError("ECANCELLED", query, name);
      if (answer === "silent") {
        failure = new DnsError("ETIMEOUT", query, name);
        continue;
      }
      const code = rcodes[answer.readUInt16BE(2) & 15];
      if (code === "ENOTFOUND") throw new DnsError(code, query, name);
      if (code !== undefined) {
        failure = new DnsError(code, query, name);
        continue;
      }
      const records = readRecords(answer, question, type, read);
      if (records === "malformed") throw new DnsError("EBADRESP", query, name);
      if (records.length === 0) throw new DnsError("ENODATA", query, name);
      return records;
    }
    throw failure;
  }

  /** The first datagram from the server that answers this very question. */
  #ask({ address, port }: Server, question: Buffer): Promise<Buffer | "silent" | "cancelled"> {
    return new Promise((resolve) => {
      const id = randomBytes(2);
      const query = Buffer.concat([id, Buffer.from([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), question]); // recursion desired, one question
      const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
      const finish = (result: Buffer | "silent" | "cancelled"): void => {
        if (!this.#underWay.delete(cancel)) return;
        clearTimeout(timer);
        socket.close();
        resolve(result);
      };
      const cancel = (): void => {
        finish("cancelled");
      };
      const timer = setTimeout(() => {
        finish("silent");
      }, this.#timeout);
      this.#underWay.add(cancel);
      socket.on("error", () => {
        finish("silent");
      });
      socket.on("message", (message: Buffer) => {
        if (isAnswer(message, id, question)) finish(message);
      });
      socket.connect(port, address, (error) => {
        if (error) finish("silent");
        else socket.send(query, (failed: Error | null) => {
            if (failed) finish("silent");
          });
      });
    });
  }
}

function configuredServers(): readonly Server[] {
  let text: string;
  try {
    text = readFileSync("/etc/resolv.conf", "utf8") as string;
  } catch {
    text = "";
  }
  const found = [...text.matchAll(/^nameserver\s+(\S+)/gm)].flatMap(([, address = ""]) => (isIP(address) === 0 ? [] : [{ address, port: 53 }])).slice(0,
    mostServers);
  return found.length > 0 ? found : [{ address: "127.0.0.1", port: 53 }];
}

function encodeQuestion(name: string, type: number): Buffer | undefined {
  const labels = name.replace(/\.$/, "").split(".").map((label) => Buffer.from(label));
  if (labels.some(({ length }) => length === 0 || length > longestLabel)) return undefined;
  const encoded = Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0, type >> 8, type & 255, 0, 1])]);
  return encoded.length > longestName + 4 ? undefined : encoded;
}

/** 0x8000: it is an answer. Names are the same in whatever case. */
function isAnswer(message: Buffer, id: Buffer, question: Buffer): boolean {
  const end = 12 + question.length;
  return message.length >= end && message.subarray(0, 2).equals(id) && (message[2] ?? 0) >= 0x80 && message.readUInt16BE(4) === 1
    && message.toString("latin1", 12, end).toLowerCase() === question.toString("latin1").toLowerCase();
}

function readRecords<T>(message: Buffer, question: Buffer, type: number, read: (message: Buffer, at: number) => T): T[] | "malformed" {
  const isTruncated = ((message[2] ?? 0) & 2) !== 0;
  const count = message.readUInt16BE(6);
  if (isTruncated || count > mostRecords) return "malformed";
  const records: T[] = [];
  try {
    for (let at = 12 + question.length, left = count; left > 0; left--) {
      at = readName(message, at).end;
      const [its, length] = [message.readUInt16BE(at), message.readUInt16BE(at + 8)];
      at += 10;
      if (at + length > message.length) return "malformed";
      if (its === type) records.push(read(message.subarray(0, at + length), at));
      at += length;
    }
    return records;
  } catch (error) {
    if (error instanceof RangeError) return "malformed";
    throw error;
  }
}

/** RFC 1035 §4.1.4: a pointer leads back, to what stands before it, so that this comes to an end. */
function readName(message: Buffer, from: number): Name {
  const labels: string[] = [];
  let at = from, end: number | undefined, before = from, length = 0;
  for (;;) {
    const size = message.readUInt8(at);
    if (size >= 0xc0) {
      const target = message.readUInt16BE(at) & 0x3fff;
      end ??= at + 2;
      if (target >= before) throw new RangeError("a pointer that does not lead back");
      at = before = target;
      continue;
    }
    if (size > longestLabel) throw new RangeError("a label of another kind");
    if (size === 0) return { text: labels.join("."), end: end ?? at + 1 };
    length += size + 1;
    if (length > longestName || at + 1 + size > message.length) throw new RangeError("a name that is too long");
    labels.push(message.toString("latin1", at + 1, at + 1 + size));
    at += 1 + size;
  }
}

function readString(message: Buffer, at: number): Name {
  const end = at + 1 + message.readUInt8(at);
  if (end > message.length) throw new RangeError("a text that is not whole");
  return { text: message.toString("latin1", at + 1, end), end };
}
