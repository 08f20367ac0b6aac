import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Device } from "../../src/model/device.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import type { OwnersNo } from "../../src/model/owners-no.ts";
import { nosTo, saidOfTarget, shiftNos, withNos, withoutNosTo } from "../../src/policy/owners-nos.ts";
import { start, startPlus } from "../fake-clock.ts";
import { active, camera, laptop, requested, unknownDevice } from "./samples.ts";
import { later, milliseconds, type WallInstant } from "../../src/model/time.ts";

const hour = 3_600_000;
const minute = 60_000;
type Words = NonNullable<Parameters<typeof requested>[0]>;
const about = (words: Words, devices: readonly Device[] = [camera], more: Partial<Mitigation> = {}): Mitigation => ({
  ...active,
  request: requested(words),
  devices,
  ...more,
});
const said = (...mitigations: readonly Mitigation[]): readonly OwnersNo[] =>
  mitigations.reduce<readonly OwnersNo[]>((nos, each) => withNos(nos, nosTo(each, start), start), []);
const refuses = (nos: readonly OwnersNo[], words: Words, device: Device = camera, now = startPlus(minute)): boolean =>
  saidOfTarget(nos, requested(words).target, now).isRefused(device);

suite("the owner's no to the camera sending to port 443 of 198.51.100.9", () => {
  const nos = said(about({ to: "198.51.100.9", toPorts: "443" }));
  const cases: readonly (readonly [what: string, words: Words, expected: boolean])[] = [
    ["the same", { to: "198.51.100.9", toPorts: "443" }, true],
    ["another upstream, cuid, mid, source port and lifetime", {
      to: "198.51.100.9",
      toPorts: "443",
      upstream: "other",
      cuid: "else",
      mid: 7,
      fromPorts: "40001",
      lifetime: 60,
    }, true],
    ["all ports", { to: "198.51.100.9" }, true],
    ["a range that holds the port", { to: "198.51.100.9", toPorts: "1-1000" }, true],
    ["its network", { to: "198.51.100.0/24" }, true],
    ["the target twice", { to: "198.51.100.9 198.51.100.9" }, true],
    ["others besides", { to: "192.0.2.1 198.51.100.9" }, true],
    ["one protocol", { to: "198.51.100.9", protocols: [17] }, true],
    ["another port", { to: "198.51.100.9", toPorts: "80" }, false],
    ["another host", { to: "198.51.100.10" }, false],
  ];
  for (const [what, words, expected] of cases)
    test(`${expected ? "holds for" : "says nothing of"} ${what}`, () => {
      assert.equal(refuses(nos, words), expected);
    });

  test("says nothing of another device, and holds for an address where no MAC address is known", () => {
    const words = { to: "198.51.100.9" };
    assert.equal(refuses(nos, words, laptop), false);
    assert.equal(refuses(nos, words, { ...laptop, addresses: camera.addresses }), false, "another device has its address now");
    assert.equal(refuses(nos, words, { ...camera, addresses: ["192.168.1.77"] }), true);
    assert.equal(refuses(nos, words, { ...camera, mac: null }), true);
    assert.equal(refuses(nos, words, unknownDevice), false);
  });
});

test("a no to several devices is one to each; to none that is known, one to whoever it is", () => {
  const both = said(about({}, [camera, laptop]));
  assert.deepEqual([camera, laptop, unknownDevice].map((device) => refuses(both, {}, device)), [true, true, false]);
  const anybody = said(about({}, []));
  assert.deepEqual([camera, laptop, unknownDevice].map((device) => refuses(anybody, {}, device)), [true, true, true]);
  assert.equal(refuses(said(about({}, [unknownDevice])), {}, { ...unknownDevice, mac: "02:00:00:00:0a:09" }), true);
});

test("it holds as long as the request would have run, and an hour at least", () => {
  const holds = (expiresAt: WallInstant | null, after: number): boolean => refuses(said(about({}, [camera], { expiresAt })), {}, camera, startPlus(after));
  assert.deepEqual([holds(startPlus(1_000), hour - 1), holds(startPlus(1_000), hour)], [true, false]);
  assert.deepEqual([holds(startPlus(5 * hour), 5 * hour - 1), holds(startPlus(5 * hour), 5 * hour)], [true, false]);
  assert.equal(holds(null, 1e12), true);
});

test("what is taken back no longer holds; what was said about others does", () => {
  const nos = said(about({}), about({}, [laptop]), about({ to: "192.0.2.1" }), about({}, []));
  const left = withoutNosTo(nos, about({ to: "198.51.100.0/24" }));
  assert.deepEqual([refuses(left, {}), refuses(left, {}, laptop), refuses(left, { to: "192.0.2.1" })], [false, true, true]);
  assert.deepEqual(withoutNosTo(said(about({}, [])), about({}, [])), []);
});

test("a no that is said again is kept once, with its longest end; one that is over goes", () => {
  const nos = said(about({}), about({ lifetime: 60, mid: 9 }), about({}, [camera], { expiresAt: startPlus(2 * hour) }));
  assert.deepEqual(nos.map(({ until }) => until), [startPlus(2 * hour)]);
  assert.deepEqual(withNos(nos, nosTo(about({}, [laptop], { expiresAt: startPlus(9 * hour) }), startPlus(3 * hour)), startPlus(3 * hour)).map(({ mac }) => mac),
    [laptop.mac]);
});

test("they are bounded, and no flood makes one be forgotten: of a device with more than 32, every target is left alone", () => {
  const targets = Array.from({ length: 300 }, (_, at) => `192.0.${at >> 8}.${at & 255}`);
  const nos = said(about({}, [laptop]), ...targets.map((to) => about({ to })));
  assert.ok(nos.length <= 34, String(nos.length));
  assert.ok(targets.every((to) => refuses(nos, { to })) && refuses(nos, { to: "203.0.113.99" }));
  assert.ok(refuses(nos, {}, laptop) && !refuses(nos, { to: "192.0.2.200" }, laptop), "the other's stay as they are");
  const wide = Array.from({ length: 64 }, (_, at) => `2001:db8:${at.toString(16)}::/48`).join(" ");
  const ports = Array.from({ length: 64 }, (_, at) => `${at * 3 + 1}`).join(" ");
  const many = said(
    ...Array.from({ length: 200 }, (_, at) => about({ to: wide, toPorts: ports }, [{ ...camera, mac: `02:00:00:00:0b:${at.toString(16).padStart(2, "0")}` }])),
  );
  assert.ok(many.reduce((sum, { target }) => sum + target.prefixes.length, 0) <= 4_200);
  assert.equal(many.length, 200);
  assert.ok(many.every((no) => no.target.ports.length <= 16));
});

test("a clock that jumps leaves what remains of them", () => {
  const [no] = said(about({}));
  assert.deepEqual(shiftNos(no ? [no] : [], milliseconds(hour), start)[0]?.until, later(no?.until ?? start, milliseconds(hour)));
  assert.deepEqual(shiftNos(no ? [no] : [], milliseconds(hour), startPlus(-1))[0]?.until, no?.until);
});
