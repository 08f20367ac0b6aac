import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gatherCandidates } from "../../../src/nat-lookup/match/candidates.ts";
import type { Flow } from "../../../src/model/flow.ts";
import { asking, flow } from "../asking.ts";

function udp(device: string, port: number): Flow {
  return flow(
    `udp 17 9 src=${device} dst=198.51.100.9 sport=${port} dport=443 packets=2 bytes=200 src=198.51.100.9 dst=203.0.113.7 sport=443 dport=${port} packets=1 bytes=100 use=1`,
  );
}

describe("gatherCandidates", () => {
  it("keeps what matches and some of what comes near, and nothing else", () => {
    const candidates = gatherCandidates(asking({ fromPorts: "1-99" }));
    for (let port = 1; port <= 1000; port += 1) candidates.add(udp("192.168.1.21", port));
    candidates.add(flow("udp 17 9 src=192.168.1.21 dst=9.9.9.9 sport=5 dport=443 src=9.9.9.9 dst=203.0.113.7 sport=443 dport=5 use=1"));
    assert.equal(candidates.count, 99);
    assert.equal(candidates.flows().length, 99 + 256);
    assert.ok(candidates.flows().every((each) => each.reply.src === "198.51.100.9"));
  });

  it("keeps a device with few flows beside one that floods, and all packets of both", () => {
    const candidates = gatherCandidates(asking());
    for (let port = 1; port <= 60_000; port += 1) candidates.add(udp("192.168.1.21", port));
    candidates.add(udp("192.168.1.22", 60_001));
    const packetsOf = (device: string): number =>
      candidates.flows().filter((each) => each.original.src === device).reduce((sum, each) => sum + each.originalPackets, 0);
    assert.deepEqual([candidates.flows().length, packetsOf("192.168.1.21"), packetsOf("192.168.1.22")], [1025, 120_000, 2]);
    assert.deepEqual([candidates.count, candidates.leftOut], [60_001, 0]);
  });

  it("counts the devices beyond 4,096 flows", () => {
    const candidates = gatherCandidates(asking());
    for (let at = 0; at < 5000; at += 1) candidates.add(udp(`10.0.${at >> 8}.${at & 255}`, 1 + at));
    assert.deepEqual([candidates.flows().length, candidates.count, candidates.leftOut], [4096, 5000, 904]);
    candidates.add(udp("10.0.0.0", 9999)); // known: its packets still count
    assert.deepEqual([candidates.flows()[0]?.originalPackets, candidates.leftOut], [4, 904]);
  });
});
