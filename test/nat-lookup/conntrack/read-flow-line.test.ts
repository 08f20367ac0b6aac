import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatIpAddress, parseIpAddress } from "../../../src/model/ip-prefix.ts";
import { parseConntrack } from "../../../src/nat-lookup/conntrack/parse-conntrack.ts";
import { formatWords, readIpv6Bytes } from "../../../src/nat-lookup/conntrack/read-address-bytes.ts";
import { emptyFlowLine, place, readFlowLine, type FlowLine } from "../../../src/nat-lookup/conntrack/read-flow-line.ts";
import { vector } from "../asking.ts";

const line = emptyFlowLine();

function read(text: string): FlowLine | undefined {
  const bytes = Buffer.from(`x${text}\ny`, "latin1");
  return readFlowLine(bytes, 1, bytes.length - 2, line) ? line : undefined;
}

/** In the words of parseConntrack, for comparison. */
function inWords({ family, protocol, addresses, ports, counters }: FlowLine): unknown {
  return [family, protocol, ...Object.values(place).map((at) => formatWords(family, addresses, at)), ...ports, ...counters];
}

function expected(text: string): unknown {
  const flow = parseConntrack(text);
  if (!flow) return undefined;
  const { original, reply } = flow;
  const icmp = flow.protocol === 1 || flow.protocol === 58;
  const ports = [original, reply].flatMap((tuple) => (icmp ? [tuple.icmpId ?? 0, tuple.icmpType ?? 0] : [tuple.sport ?? 0, tuple.dport ?? 0]));
  return [flow.family, flow.protocol, original.src, original.dst, reply.src, reply.dst, ...ports, flow.originalPackets, flow.originalBytes, flow.replyPackets,
    flow.replyBytes];
}

/** `198.51.00.9` is read as what it says; a kernel never prints it. */
function isCanonical(address: unknown): boolean {
  const read = typeof address === "string" ? parseIpAddress(address) : undefined;
  return read !== undefined && formatIpAddress(read) === address;
}

const recorded = ["list-ipv4.txt", "list-ipv6.txt", "list-mark-zone.txt", "list-extended-id.txt"].flatMap((file) =>
  vector(`conntrack/${file}`).trimEnd().split("\n")
);

describe("readFlowLine", () => {
  it("reads every recorded line as parseConntrack does", () => {
    for (const text of recorded) {
      const found = read(text);
      assert.deepEqual(found && inWords(found), expected(text), text);
    }
  });
  it("reads events", () => {
    const opened = read(
      "[1795301997.154061]\t    [NEW] udp      17 100 src=192.168.1.23 dst=198.51.100.9 sport=40001 dport=443 [UNREPLIED] src=198.51.100.9 dst=203.0.113.7 sport=443 dport=14001 mark=0 id=108892798 [USERSPACE] portid=18564",
    );
    assert.deepEqual([opened?.is, opened?.at, opened?.id, opened?.protocol], ["opened", 1795301997154, 108892798, 17]);
    const ended = read(
      "[1795301997.164765]\t[DESTROY] udp      17 99 src=192.168.1.23 dst=198.51.100.9 sport=40002 dport=443 packets=7 bytes=700 [UNREPLIED] src=198.51.100.9 dst=203.0.113.7 sport=443 dport=14002 packets=0 bytes=0 id=3322711165",
    );
    assert.deepEqual([ended?.is, ended?.id, [...ended?.counters ?? []]], ["ended", 3322711165, [7, 700, 0, 0]]);
  });
  it("reads protocols without ports, and steps over keys that it does not know", () => {
    const gre = read(
      "    [NEW] gre      47 30 src=192.168.1.23 dst=198.51.100.9 srckey=0x0 dstkey=0x0 [UNREPLIED] src=198.51.100.9 dst=203.0.113.7 srckey=0x0 dstkey=0x0 zone=3 labels=a=b [OFFLOAD] id=5",
    );
    assert.deepEqual(gre && inWords(gre), [4, 47, "192.168.1.23", "198.51.100.9", "198.51.100.9", "203.0.113.7", 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(gre?.id, 5);
    assert.equal(read("unknown  50 599 src=192.168.1.23 dst=198.51.100.9 src=198.51.100.9 dst=203.0.113.7")?.id, 0, "no id is no harm");
  });
  it("refuses a line that was cut anywhere within its tuples", () => {
    const whole = recorded.find((text) => text.startsWith("udp")) ?? "";
    const lastTuple = whole.lastIndexOf("dst=");
    for (let cut = 0; cut < lastTuple + 4; cut += 1) assert.equal(read(whole.slice(0, cut)), undefined, whole.slice(0, cut));
  });
  it("agrees with parseConntrack on damaged lines, and never throws", () => {
    const damaged = fc.tuple(fc.constantFrom(...recorded), fc.nat(200), fc.constantFrom("", " ", "src=", "=", "id=", "[", "9", "zone=7 ", "\u00ff"), fc.nat(9))
      .map(([text, at, what, removed]) => text.slice(0, at) + what + text.slice(at + removed));
    fc.assert(fc.property(damaged, (text) => {
      const found = read(text);
      const reference = expected(text);
      // Where both read it, they name the same; what is left of a number may differ.
      if (found && Array.isArray(reference) && reference.slice(2, 6).every(isCanonical))
        assert.deepEqual((inWords(found) as unknown[]).slice(0, 6), reference.slice(0, 6));
    }), { numRuns: 2000 });
  });
  it("reads IPv6 addresses in each of their forms, and prints them as the kernel does", () => {
    const words = new Uint32Array(4);
    for (const text of ["::", "::1", "2001:db8::23", "2001:db8:1:2:3:4:5:6", "fe80::ff:fe00:a01", "1::", "2001:db8:0:1::", "1:0:0:2::3"]) {
      assert.ok(readIpv6Bytes(Buffer.from(text), 0, text.length, words, 0), text);
      assert.equal(formatWords(6, words, 0), text);
    }
    for (const text of [":", ":1", "1:", "1::2::3", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "g::", "::ffff:1.2.3.4"]) {
      assert.equal(readIpv6Bytes(Buffer.from(text), 0, text.length, words, 0), false, text);
    }
  });
});
