import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lookup } from "../../src/pipeline/attribute.ts";
import type { Finding } from "../../src/nat-lookup/find-devices.ts";
import { shareLookups, TooManyLookups } from "../../src/pipeline/share-lookups.ts";
import { fakeClock, settle, type FakeClock } from "../fake-clock.ts";
import { asking } from "../nat-lookup/asking.ts";

const finding: Finding = { devices: [], routerItself: false, witnesses: [], why: [] };

function play(): { readonly lookup: Lookup; readonly begun: string[]; readonly clock: FakeClock; end(error?: Error): Promise<void> } {
  const clock = fakeClock();
  const begun: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const lookup = shareLookups((asked, how) =>
    new Promise((resolve, reject) => {
      begun.push(`${how?.upstream ?? "owner"} ${asked.source.ports[0]?.lower ?? ""}`);
      ends.push((error) => {
        if (error) reject(error);
        else resolve(finding);
      });
    }), clock.steady);
  return {
    lookup,
    begun,
    clock,
    async end(error) {
      ends.shift()?.(error);
      await settle();
    },
  };
}

const about = (port: number): ReturnType<typeof asking> => asking({ fromPorts: String(port) });

describe("shareLookups", () => {
  it("looks once for all who ask the same at the same time, and again later", async () => {
    const { lookup, begun, end } = play();
    const all = Array.from({ length: 50 }, () => lookup(about(1), { upstream: "isp" }));
    await settle();
    assert.deepEqual(begun, ["isp 1"]);
    await end();
    assert.equal(new Set(await Promise.all(all)).size, 1);
    void lookup(about(1), { upstream: "isp" });
    await settle();
    assert.equal(begun.length, 2);
  });

  it("a failure is told to all who waited, and to nobody later", async () => {
    const { lookup, end } = play();
    const both = [lookup(about(1)), lookup(about(1))];
    const told = both.map((each) => assert.rejects(each, /broken/));
    await settle();
    await end(new Error("broken"));
    await Promise.all(told);
    const later = lookup(about(1));
    await settle();
    await end();
    assert.equal(await later, finding);
  });

  it("few at a time: requests before those on watch, each upstream in its turn, the owner beside them", async () => {
    const { lookup, begun, end } = play();
    for (let port = 1; port <= 20; port += 1) void lookup(about(port), { upstream: "greedy", isOnWatch: true });
    for (let port = 21; port <= 40; port += 1) void lookup(about(port), { upstream: "greedy" });
    void lookup(about(50), { upstream: "other" });
    void lookup(about(60), { depth: "explain" });
    await settle();
    assert.deepEqual(begun, ["greedy 1", "greedy 2", "greedy 21", "owner 60"]);
    await end();
    await end();
    assert.deepEqual(begun.slice(4), ["greedy 22", "other 50"]);
  });

  it("the owner's rest three times as long as they took, and only so many wait", async () => {
    const { lookup, begun, clock, end } = play();
    void lookup(about(1), { depth: "explain" });
    for (let port = 2; port <= 17; port += 1) void lookup(about(port), { depth: "explain" });
    await assert.rejects(lookup(about(18), { depth: "explain" }), TooManyLookups);
    await clock.advance(300);
    await end();
    assert.equal(begun.length, 1);
    await clock.advance(899);
    assert.equal(begun.length, 1);
    await clock.advance(1);
    assert.equal(begun.length, 2);
  });
});
