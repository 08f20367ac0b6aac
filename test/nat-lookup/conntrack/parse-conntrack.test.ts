import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Flow } from "../../../src/model/flow.ts";
import { parseConntrack } from "../../../src/nat-lookup/conntrack/parse-conntrack.ts";
import { flow, vector } from "../asking.ts";

const udp =
  "udp      17 28 src=192.168.1.21 dst=198.51.100.9 sport=40001 dport=443 packets=3 bytes=384 src=198.51.100.9 dst=203.0.113.7 sport=443 dport=50058 packets=2 bytes=256 mark=0 use=1";
const recordings = ["list-ipv4.txt", "list-ipv6.txt", "list-extended-id.txt", "list-mark-zone.txt"];
const lines = recordings.flatMap((file) => vector(`conntrack/${file}`).trimEnd().split("\n"));

describe("parseConntrack", () => {
  it("reads both tuples and the counters of each direction", () => {
    assert.deepEqual(parseConntrack(udp), {
      family: 4,
      protocol: 17,
      offloaded: false,
      original: { src: "192.168.1.21", dst: "198.51.100.9", sport: 40001, dport: 443 },
      reply: { src: "198.51.100.9", dst: "203.0.113.7", sport: 443, dport: 50058 },
      originalPackets: 3,
      originalBytes: 384,
      replyPackets: 2,
      replyBytes: 256,
    });
  });

  it("reads every line that a real kernel printed", () => {
    const protocols = new Set(lines.map((line) => parseConntrack(line)?.protocol));
    assert.deepEqual([...protocols].sort((a, b) => Number(a) - Number(b)), [1, 2, 6, 17, 33, 47, 50, 58, 132, 200]);
  });

  it("reads the same with and without -o extended,id", () => {
    const plain = vector("conntrack/list-ipv4.txt").trimEnd().split("\n").map(parseConntrack);
    const extended = vector("conntrack/list-extended-id.txt").trimEnd().split("\n").map(parseConntrack);
    assert.deepEqual(extended, plain);
  });

  const icmp = "icmp     1 28 src=192.168.1.21 dst=198.51.100.9 type=8 code=0 id=30890 src=198.51.100.9 dst=203.0.113.7 type=0 code=0 id=7 mark=0 use=1";
  it("keeps the ICMP identifier apart from the id of -o id", () => {
    const read = flow(`ipv4     2 ${icmp} id=3338694025`);
    assert.deepEqual(read.original, { src: "192.168.1.21", dst: "198.51.100.9", icmpType: 8, icmpId: 30890 });
    assert.deepEqual(read.reply, { src: "198.51.100.9", dst: "203.0.113.7", icmpType: 0, icmpId: 7 });
  });

  it("takes no entry id for an ICMP identifier", () => {
    assert.deepEqual(parseConntrack("unknown  50 599 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1 use=1 id=77")?.reply, {
      src: "10.0.0.2",
      dst: "10.0.0.1",
    });
  });

  const variants: [string, string, Partial<Flow>][] = [
    ["offloaded, without a time-out",
      "tcp      6 src=10.0.0.1 dst=1.1.1.1 sport=1 dport=2 packets=5 bytes=6 src=1.1.1.1 dst=2.2.2.2 sport=2 dport=9 packets=7 bytes=8 [OFFLOAD] mark=0 use=3",
      { offloaded: true, originalPackets: 5, replyPackets: 7 }],
    ["offloaded to hardware",
      "ipv4     2 udp      17 src=10.0.0.1 dst=1.1.1.1 sport=1 dport=2 src=1.1.1.1 dst=2.2.2.2 sport=2 dport=9 [HW_OFFLOAD] mark=0 zone=4 use=3", {
      offloaded: true,
      protocol: 17,
    }],
    ["an event, with time stamp",
      "[1795291200.123456]\t    [NEW] ipv6     10 udp      17 30 src=fe80::1 dst=ff02::fb sport=5353 dport=5353 [UNREPLIED] src=ff02::fb dst=fe80::1 sport=5353 dport=5353",
      { family: 6 }],
    ["labels, a security context and a helper",
      "udp 17 1 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1 [ASSURED] mark=0 secctx=system_u:r:x:s0 labels=eth0-in,x=y helper=ftp use=1",
      { protocol: 17 }],
    ["counters off", "udp 17 1 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1 use=1", { originalPackets: 0, replyBytes: 0 }],
  ];
  for (const [what, line, expected] of variants) {
    it(`reads a line: ${what}`, () => {
      const read = parseConntrack(line);
      assert.ok(read);
      assert.deepEqual({ ...read, ...expected }, read);
    });
  }

  const garbage: [string, string][] = [
    ["empty", ""],
    ["the summary", "conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown."],
    ["no protocol number", udp.replace("17 28", "seventeen 28")],
    ["protocol 256", udp.replace("17 28", "256 28")],
    ["cut before the reply", udp.slice(0, udp.indexOf("src=198"))],
    ["cut in the reply's address", udp.slice(0, udp.indexOf("203.0.113.7") + 6)],
    ["a third tuple", `${udp} src=1.2.3.4`],
    ["families mixed", udp.replace("dst=203.0.113.7", "dst=2001:db8::1")],
    ["no address", udp.replace("192.168.1.21", "camera.lan")],
    ["too long", `${udp} ${"x".repeat(3000)}`],
  ];
  for (const [what, line] of garbage)
    it(`refuses a line: ${what}`, () => {
      assert.equal(parseConntrack(line), undefined);
    });

  it("drops numbers that are out of range, not the flow", () => {
    const read = parseConntrack(
      udp.replace("sport=40001", "sport=70000").replace("packets=3", "packets=-3").replace("bytes=384", "bytes=99999999999999999999999"),
    );
    assert.deepEqual([read?.original.sport, read?.originalPackets, read?.originalBytes], [undefined, 0, 0]);
  });

  it("never throws, and what it reads is within bounds", () => {
    const word = fc.oneof(fc.constantFrom(...new Set(lines.flatMap((line) => line.split(" ")))), fc.string(), fc.string({ unit: "binary" }));
    const madeUp = fc.array(word, { maxLength: 60 }).map((words) => words.join(" "));
    const mangled = fc.tuple(fc.constantFrom(...lines), fc.nat(300), fc.nat(20), fc.string()).map(([line, at, length, text]) =>
      line.slice(0, at) + text + line.slice(at + length)
    );
    fc.assert(fc.property(fc.oneof(madeUp, mangled, fc.string({ unit: "binary", maxLength: 4000 })), (line) => {
      const read = parseConntrack(line);
      if (!read) return;
      for (const { src, dst, sport, dport, icmpId, icmpType } of [read.original, read.reply]) {
        for (const address of [src, dst]) assert.match(address, read.family === 4 ? /^[\d.]{7,15}$/ : /^[0-9a-f:.]{2,45}$/);
        for (const number of [sport, dport, icmpId, icmpType]) assert.ok(number === undefined || (number >= 0 && number <= 0xffff));
      }
      for (const count of [read.protocol, read.originalPackets, read.originalBytes, read.replyPackets, read.replyBytes])
        assert.ok(Number.isSafeInteger(count) && count >= 0);
    }), { numRuns: 3000 });
  });
});
