import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withEntry, type HistoryEntry } from "../../src/model/history.ts";
import { wallInstant } from "../../src/model/time.ts";

const entry = (of: Partial<HistoryEntry>): HistoryEntry => ({
  at: wallInstant(1),
  event: "ended",
  by: "upstream",
  who: null,
  via: null,
  mitigation: 1,
  upstream: "isp",
  outcome: "withdrawn",
  action: "block",
  devices: [{ mac: "02:00:00:00:0a:01", name: "camera" }],
  target: ["198.51.100.9/32"],
  dropped: { packets: 0, bytes: 0 },
  reason: "the upstream withdrew its request",
  ...of,
});
const add = (entries: readonly HistoryEntry[], to: readonly HistoryEntry[] = []): readonly HistoryEntry[] => entries.reduce(withEntry, to);
const times = (count: number, of: Partial<HistoryEntry>): HistoryEntry[] => Array.from({ length: count }, (_, at) => entry({ at: wallInstant(at), ...of }));

describe("the history", () => {
  it("one upstream pushes out its own entries, not those of another nor the owner's decisions", () => {
    const others = [...times(20, { upstream: "other" }), ...times(20, { by: "owner", event: "denied" })];
    const kept = add(times(1000, {}), others);
    assert.equal(kept.length, 200);
    assert.deepEqual(kept.filter((each) => each.upstream === "other" || each.by === "owner"), others);
    assert.deepEqual(kept.slice(-160).map(({ at }) => at), times(1000, {}).slice(-160).map(({ at }) => at), "its latest are kept");
  });

  it("the largest that an upstream can cause: under 130 KB, and another's small ones stay", () => {
    const largest = {
      target: Array.from({ length: 64 }, (_, at) => `2001:db8:ffff:ffff:ffff:ffff:ffff:${(at + 0xff00).toString(16)}/128`),
      devices: Array.from({ length: 64 }, (_, at) => ({ mac: `02:00:00:00:0a:${at.toString(16).padStart(2, "0")}`, name: "\u{1f4f7}".repeat(32) })),
    };
    const kept = add(times(1000, largest), times(20, { upstream: "other" }));
    assert.ok(JSON.stringify(kept).length < 130 * 1024 + 1024, String(JSON.stringify(kept).length));
    assert.equal(kept.filter(({ upstream }) => upstream === "other").length, 20);
    const [last] = kept.slice(-1);
    assert.deepEqual([last?.target.length, last?.target.at(-1), last?.devices.length, last?.devices.at(-1)?.name], [8, "and 57 more", 8, "57 more"]);
  });
});
