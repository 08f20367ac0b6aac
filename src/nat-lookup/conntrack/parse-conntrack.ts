import type { Flow, FlowTuple } from "../../model/flow.ts";
import { ipProtocol } from "../../model/ip-protocol.ts";

/** No line of `conntrack -L` comes near this many characters; a longer one is not one of its lines. */
const longestLine = 2048;

/** A tuple while it is being read. */
interface Half {
  src?: string;
  dst?: string;
  sport?: number | undefined;
  dport?: number | undefined;
  type?: number | undefined;
  id?: number | undefined;
  packets?: number | undefined;
  bytes?: number | undefined;
}

/**
 * Reads one line of `conntrack -L` or `-E`, with or without `-o extended,id,timestamp`, as conntrack-tools 1.4 print them.
 *
 * Only `key=` tokens are read, never columns: the columns before them vary by protocol, and a line with `[OFFLOAD]` or
 * `[HW_OFFLOAD]` has no time-out. Keys that we have no use for (`mark`, `zone`, `labels`, `secctx`, `srckey`, ...) are skipped.
 * Returns undefined for anything that is not a whole entry; never throws.
 */
export function parseConntrack(line: string): Flow | undefined {
  if (line.length > longestLine) return undefined;
  const tokens = line.split(" ");
  const protocol = protocolOf(tokens);
  if (protocol === undefined) return undefined;

  const original: Half = {};
  const reply: Half = {};
  let half: Half | undefined;
  let offloaded = false;
  for (const token of tokens) {
    const equals = token.indexOf("=");
    if (equals < 0) {
      if (token === "[OFFLOAD]" || token === "[HW_OFFLOAD]") offloaded = true;
      continue;
    }
    const key = token.slice(0, equals);
    if (key === "src") {
      if (half === reply) return undefined;
      half = half === undefined ? original : reply;
    }
    if (half) readToken(half, key, token.slice(equals + 1));
  }
  return flowOf(protocol, original, reply, offloaded);
}

/** The protocol number: the second word, or the fourth behind `ipv4 2` or `ipv6 10` of `-o extended`. */
function protocolOf(tokens: readonly string[]): number | undefined {
  let word = 0;
  for (const token of tokens) {
    if (token === "" || token.startsWith("[")) continue;
    if (token.startsWith("src=")) return undefined;
    if (word === 0 && (token === "ipv4" || token === "ipv6")) word = -2;
    else if (word === 1) return readNumber(token, 255);
    word += 1;
  }
  return undefined;
}

function readToken(half: Half, key: string, value: string): void {
  switch (key) {
    case "src":
      half.src ??= value;
      break;
    case "dst":
      half.dst ??= value;
      break;
    case "sport":
      half.sport ??= readNumber(value, 0xffff);
      break;
    case "dport":
      half.dport ??= readNumber(value, 0xffff);
      break;
    case "type":
      half.type ??= readNumber(value, 0xff);
      break;
    // `-o id` adds a second `id=` at the end of the line, which must not replace the ICMP identifier.
    case "id":
      half.id ??= readNumber(value, 0xffff_ffff);
      break;
    case "packets":
      half.packets ??= readNumber(value, Number.MAX_SAFE_INTEGER);
      break;
    case "bytes":
      half.bytes ??= readNumber(value, Number.MAX_SAFE_INTEGER);
      break;
  }
}

function flowOf(protocol: number, original: Half, reply: Half, offloaded: boolean): Flow | undefined {
  const family = original.src === undefined ? undefined : familyOf(original.src);
  if (family === undefined) return undefined;
  const originalTuple = tupleOf(protocol, family, original);
  const replyTuple = tupleOf(protocol, family, reply);
  if (!originalTuple || !replyTuple) return undefined;
  return {
    family,
    protocol,
    original: originalTuple,
    reply: replyTuple,
    originalPackets: original.packets ?? 0,
    originalBytes: original.bytes ?? 0,
    replyPackets: reply.packets ?? 0,
    replyBytes: reply.bytes ?? 0,
    offloaded,
  };
}

function tupleOf(protocol: number, family: 4 | 6, half: Half): FlowTuple | undefined {
  const { src, dst } = half;
  if (src === undefined || dst === undefined || familyOf(src) !== family || familyOf(dst) !== family) return undefined;
  const icmp = protocol === ipProtocol.icmp || protocol === ipProtocol.icmpv6;
  return {
    src,
    dst,
    ...(half.sport === undefined ? {} : { sport: half.sport }),
    ...(half.dport === undefined ? {} : { dport: half.dport }),
    ...(icmp && half.id !== undefined && half.id <= 0xffff ? { icmpId: half.id } : {}),
    ...(icmp && half.type !== undefined ? { icmpType: half.type } : {}),
  };
}

/** By its look only, which is what a whole table can afford; code that compares addresses reads them properly. */
function familyOf(address: string): 4 | 6 | undefined {
  if (/^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address)) return 4;
  return address.includes(":") && /^[0-9a-f:.]{2,45}$/.test(address) ? 6 : undefined;
}

function readNumber(text: string, largest: number): number | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= largest ? value : undefined;
}
