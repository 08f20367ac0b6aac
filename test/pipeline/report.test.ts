import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttackReport } from "../../src/model/attack-report.ts";
import { askPolicy, requested } from "../policy/samples.ts";
import { prefixes, ranges } from "../nat-lookup/asking.ts";
import { attack, cameraAddress, fakeHome, laptopAddress, laptopMac, type FakeHome } from "./fake-home.ts";
import { seconds } from "../../src/model/time.ts";

const [wan] = prefixes("203.0.113.7");
assert.ok(wan);
const said = (ports: string, more: Partial<AttackReport> = {}): AttackReport => ({
  attacks: [{
    vendorId: 32_473,
    attackId: 77,
    description: "UDP flood",
    severity: "high",
    startedAt: null,
    endedAt: null,
    talkers: [{ prefix: wan, ports: ranges(ports), icmpTypes: [], isSpoofed: false }],
  }],
  bitsPerSecond: null,
  packetsPerSecond: null,
  ...more,
});
const asks = async (home: FakeHome, report: AttackReport, { lifetime = 3600, mid = 56 }: { lifetime?: number | null; mid?: number } = {}): Promise<string> =>
  (await home.pipeline.request({
    asked: { ...requested({ mid }), report },
    lifetime: lifetime === null ? null : seconds(lifetime),
    attackStatus: lifetime === null ? 1 : null,
  }, lifetime === null)).is;
const both = { flows: [attack(cameraAddress), attack(laptopAddress, 41_000)] };

test("the top talker's ports tell two devices apart behind one address, where the request names none", async () => {
  const without = fakeHome(askPolicy, both);
  await without.ask();
  assert.deepEqual(without.only().devices.map(({ certainty }) => certainty), ["ambiguous", "ambiguous"]);
  const home = fakeHome(askPolicy, both);
  assert.equal(await asks(home, said("41000-41010")), "created");
  assert.deepEqual(home.only().devices.map(({ mac, certainty }) => [mac, certainty]), [[laptopMac, "likely"]]);
});

test("ports that nobody in the home has used are no reason to find nobody", async () => {
  const home = fakeHome(askPolicy, both);
  await asks(home, said("1-9"));
  assert.equal(home.only().devices.length, 2);
});

test("an efficacy update changes what is known, and is the same request all the same", async () => {
  const home = fakeHome(askPolicy);
  await asks(home, said("40000"));
  assert.equal(await asks(home, { attacks: [], bitsPerSecond: 1.2e9, packetsPerSecond: null }, { lifetime: null }), "refreshed");
  assert.deepEqual(home.only().request.report, said("40000", { bitsPerSecond: 1.2e9 }), "what it leaves out stays");
  await home.ask();
  assert.deepEqual(home.only().request.report, said("40000", { bitsPerSecond: 1.2e9 }), "a plain refresh says nothing of it");
});

test("a report for which the upstream has no room is not kept; the refresh holds", async () => {
  const home = fakeHome({ ...askPolicy, maxMitigations: 2 });
  const attacks = said("1 3 5 7 9").attacks.flatMap((each) => Array.from({ length: 16 }, (_, at) => ({ ...each, attackId: at, description: "x".repeat(50) })));
  assert.equal(await asks(home, { ...said("1"), attacks }), "created");
  await home.ask({ to: "198.51.100.10", mid: 57 });
  const refused = await home.pipeline.request({
    asked: { ...requested({ mid: 58, to: "198.51.100.11" }), report: { ...said("1"), attacks } },
    lifetime: seconds(3600),
    attackStatus: null,
  }, false);
  assert.ok(refused.is === "refused" && refused.refusal.code === "5.03");
  const refreshed = await home.pipeline.request({
    asked: { ...requested({ mid: 57, to: "198.51.100.10" }), report: { ...said("1"), attacks } },
    lifetime: seconds(3600),
    attackStatus: null,
  }, false);
  assert.ok(refreshed.is === "refreshed" && refreshed.mitigation.request.report === undefined);
});
