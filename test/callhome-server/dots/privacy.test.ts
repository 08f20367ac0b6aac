import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { acceptedBody, conflictBody, statusBody } from "../../../src/callhome-server/dots/describe-mitigation.ts";
import type { Device } from "../../../src/model/device.ts";
import type { Mitigation, MitigationStatus } from "../../../src/model/mitigation.ts";
import { start, startPlus } from "../../fake-clock.ts";
import { camera, requested } from "../../policy/samples.ts";
import { hex, plain } from "../wire.ts";
import { seconds } from "../../../src/model/time.ts";

const byte = fc.nat(255).map((value) => value.toString(16).padStart(2, "0"));
const mac = fc.array(byte, { minLength: 6, maxLength: 6 }).map((parts) => parts.join(":"));
const lanAddress = fc.oneof(
  fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 254 })).map(([net, host]) => `192.168.${net}.${host}`),
  fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map(([net, host]) => `fd12:3456:${net.toString(16)}::${host.toString(16)}`),
);
/** Recognizable, so that a chance hit is no leak. */
const secretText = fc.stringMatching(/^[a-z]{6,12}$/).map((word) => `home-${word}`);

const device: fc.Arbitrary<Device> = fc.record({
  mac: fc.option(mac),
  name: fc.option(secretText),
  addresses: fc.array(lanAddress, { minLength: 1, maxLength: 4 }),
  port: fc.option(secretText),
  certainty: fc.constantFrom("exact", "likely", "ambiguous"),
  evidence: fc.constant({ ...camera.evidence, flows: 271_828, packets: 3_141_592, bytes: 16_180_339 }),
});

const mitigation: fc.Arbitrary<Mitigation> = fc.record({
  id: fc.integer({ min: 900_000_000, max: 999_999_999 }),
  request: fc.constantFrom(requested({ upstream: "home-upstream" }), {
    ...requested({ upstream: "home-upstream" }),
    report: { attacks: [], bitsPerSecond: 1, packetsPerSecond: 1 },
  }),
  devices: fc.array(device, { minLength: 1, maxLength: 3 }),
  state: fc.constantFrom("pending", "active", "terminating", "ended"),
  outcome: fc.constantFrom(null, "denied", "released"),
  status: fc.integer({ min: 1, max: 7 }) as fc.Arbitrary<MitigationStatus>,
  action: fc.constantFrom("block", "limit", "quarantine", "observe"),
  decidedBy: fc.constantFrom(null, "owner", "policy"),
  requestedAt: fc.constant(start),
  expiresAt: fc.constantFrom(null, startPlus(3_600_000)),
  allowedUntil: fc.constantFrom(null, startPlus(60_000)),
  startedAt: fc.constantFrom(null, start),
  deadline: fc.constantFrom(null, startPlus(1)),
  terminatingPeriod: fc.constant(seconds(120)),
  dropped: fc.record({ packets: fc.nat(10_000), bytes: fc.nat(10_000) }),
  lastDropAt: fc.constant(null),
  conflict: fc.constantFrom(null, { cause: 4 as const }),
});

/** As text, and as bytes where they have a form in bytes. */
function secretsOf({ id, devices }: Mitigation): string[] {
  const text = (value: string | null): string[] => value === null ? [] : [Buffer.from(value, "utf8").toString("hex")];
  return [
    id.toString(16),
    "home-upstream",
    ...[271_828, 3_141_592, 16_180_339].map((count) => count.toString(16).padStart(8, "0")),
    ...devices.flatMap(({ mac, name, port, addresses }) => [
      ...text(mac),
      ...(mac === null ? [] : [mac.replaceAll(":", "")]),
      ...text(name),
      ...text(port),
      ...addresses.flatMap(text),
    ]),
  ];
}

test("nothing that is private to the home is in any answer, whatever the home looks like", () => {
  fc.assert(fc.property(fc.array(mitigation, { minLength: 1, maxLength: 3 }), fc.constantFrom("a", "c", "n"), (mitigations, filter) => {
    const [first] = mitigations;
    assert.ok(first);
    const said = [statusBody(mitigations, filter as "a", start), acceptedBody(first, start), ...(first.conflict ? [conflictBody(first.conflict)] : [])].map(
      hex,
    );
    for (const each of mitigations) {
      for (const secret of secretsOf(each)) assert.ok(!said.some((body) => body.includes(secret)), `${secret} in ${said.join(" ")}`);
    }
  }), { numRuns: 500 });
});

/** RFC 9132 table 5 and RFC 9066 §6.2, none of RFC 9244 (§9.2: not before the client has asked for it): all that may be in a scope that a server sends. */
const sayable = new Set([5, 6, 7, 10, 11, 12, 14, 15, 16, 17, 25, 26, 27, 28, 32768, 32769, 32770]);

test("an entry has no other keys than those that are declared", () => {
  fc.assert(fc.property(mitigation, (each) => {
    const body = plain(statusBody([each], "a", start)) as { 1: { 2: object[] } };
    for (const scope of body[1][2]) assert.deepEqual(Object.keys(scope).filter((key) => !sayable.has(Number(key))), []);
  }));
});
