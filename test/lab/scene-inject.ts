import { fileURLToPath } from "node:url";
import { eventually } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { expectSuccess } from "./namespace.ts";
import type { Scene } from "./scene.ts";

const program = fileURLToPath(new URL("../../build/lab/inject", import.meta.url));
const upstream = `${labAddresses.isp.v4}:4647`;

export interface Injection {
  /** Spoofed; default the upstream's own address and port. */
  readonly from?: string;
  /** ICMP "port unreachable" in place of the datagrams. */
  readonly icmp?: boolean;
  /** All of them again and again. */
  readonly flood?: { readonly perSecond: number; readonly seconds: number };
}

/** The port that a socket's datagrams to the upstream have on the wire: the lab's masquerading shifts the router's own too. */
async function portOnWire({ lab }: Scene, port: number): Promise<number> {
  // A socket that has just been opened has not sent anything yet.
  return eventually(`the flow of port ${port} to the upstream`, async () => {
    const table = await expectSuccess("conntrack",
      lab.router.run("conntrack", ["-L", "-p", "udp", "--orig-port-src", String(port), "--orig-port-dst", "4647"]));
    const onWire = /src=203\.0\.113\.1 dst=203\.0\.113\.7 sport=4647 dport=(\d+)/.exec(table)?.[1];
    return onWire === undefined ? undefined : Number(onWire);
  });
}

/** Sends datagrams to the router's DOTS socket from the ISP's side. */
export async function inject(scene: Scene, socketPort: number, datagrams: readonly Uint8Array[],
  { from = upstream, icmp = false, flood }: Injection = {}): Promise<void> {
  const { lab } = scene;
  // What does not belong to the session's flow is for the router's own port.
  const port = from === upstream ? await portOnWire(scene, socketPort) : socketPort;
  const input = datagrams.map((each) => `${Buffer.from(each).toString("hex")}\n`).join("");
  const words = [...(icmp ? ["--icmp"] : []), "--from", from, "--to", `${labAddresses.wan.v4}:${port}`,
    ...(flood ? ["--rate", String(flood.perSecond), "--seconds", String(flood.seconds)] : [])];
  await expectSuccess("inject", lab.isp.run(program, words, { input }));
}

/** The ports of the router's UDP sockets that are connected to the upstream. */
export async function dotsPorts({ lab }: Scene): Promise<number[]> {
  const table = await expectSuccess("/proc/net/udp", lab.router.run("cat", ["/proc/net/udp"]));
  // Addresses are in the machine's byte order, ports are not: 203.0.113.1 is 017100CB, 4647 is 1227.
  return [...table.matchAll(/: [0-9A-F]{8}:([0-9A-F]{4}) 017100CB:1227 /g)].map(([, port]) => parseInt(port ?? "", 16));
}

/** Random bytes that are the same in every run. */
export function pseudoRandom(seed: number): (count: number) => Buffer {
  let state = seed;
  return (count) =>
    Buffer.from(Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }));
}

export interface Forgery {
  /** 20 change cipher spec, 21 alert, 22 handshake, 23 application data. */
  readonly type: number;
  readonly version?: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly body: Uint8Array;
  /** Other than the body's. */
  readonly length?: number;
}

/** A DTLS record as RFC 6347 §4.1 has it, in the clear: no key is known to whoever sends it. */
export function record({ type, version = 0xfefd, epoch = 0, sequence = 0, body, length = body.length }: Forgery): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(version, 1);
  head.writeUInt16BE(epoch, 3);
  head.writeUIntBE(sequence, 5, 6);
  head.writeUInt16BE(length & 0xffff, 11);
  return Buffer.concat([head, body]);
}

/** A handshake message in one fragment, RFC 6347 §4.2.2. */
export function handshake(type: number, body: Uint8Array, { length = body.length, offset = 0, sequence = 0 } = {}): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt8(type, 0);
  head.writeUIntBE(length, 1, 3);
  head.writeUInt16BE(sequence, 4);
  head.writeUIntBE(offset, 6, 3);
  head.writeUIntBE(body.length, 9, 3);
  return record({ type: 22, body: Buffer.concat([head, body]) });
}

/** CON PUT /.well-known/dots/hb {49: {51: true}}: had it been delivered, the log and an answer would show it. */
export const plainRequest = Buffer.from("40037a01bb2e77656c6c2d6b6e6f776e04646f747302686212010fffa11831a11833f5", "hex");
