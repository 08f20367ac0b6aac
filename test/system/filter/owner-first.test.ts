import assert from "node:assert/strict";
import { test } from "node:test";
import type { Nftables } from "nftables-js";
import { openPacketFilter } from "../../../src/system/filter/packet-filter.ts";

test("what the owner waits for comes after what is under way, and before all that upstreams have caused", async () => {
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const asked = <T>(name: string, answer: T): Promise<T> => {
    order.push(name);
    return new Promise((resolve) =>
      ends.push(() => {
        resolve(answer);
      })
    );
  };
  const nftables: Nftables = {
    runTransaction: ([first]) => asked(first && "table" in first ? `rules ${first.table.family}` : "?", undefined),
    listNames: () => Promise.resolve(undefined),
    listCounters: () => Promise.resolve(new Map()),
    listCountersOf: (tables) => asked("counters", tables.map(() => new Map())),
    listSet: (_table, _kind, name) => asked(name, []),
  };
  const filter = openPacketFilter(nftables);
  const all: Promise<unknown>[] = [filter.readWitness(1), filter.readCounters(), filter.readCounters()];
  await new Promise((resolve) => setImmediate(resolve));
  all.push(filter.replaceRules([]), filter.readCounters(), filter.readCounters({ isUrgent: true }));
  for (let next = ends.shift(); next; next = ends.shift()) {
    next();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  assert.deepEqual(order, ["seen1_4", "seen1_6", "counters", "rules inet", "rules bridge", "counters", "counters", "counters", "rules netdev"]);
});
