import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptedBody, conflictBody, statusBody } from "../../../src/callhome-server/dots/describe-mitigation.ts";
import type { Mitigation, MitigationStatus } from "../../../src/model/mitigation.ts";
import { start, startPlus } from "../../fake-clock.ts";
import { dropping, ended, enforced, pending, requested, terminating } from "../../policy/samples.ts";
import { hex, plain } from "../wire.ts";
import { sinceEpoch } from "../../../src/model/time.ts";

const scopeOf = (mitigations: readonly Mitigation[], filter: "c" | "n" | "a", now = start): unknown => {
  const body = plain(statusBody(mitigations, filter, now)) as { 1: { 2: unknown[] } };
  return body[1][2];
};

test("the answer to a PUT is figure 10 with the status of RFC 9066 §5.3.1, byte for byte", () => {
  const mitigation = { ...pending, request: requested({ mid: 123 }) };
  assert.equal(hex(acceptedBody(mitigation, start)), "a101a10281a305187b0e190e101001");
  assert.deepEqual(plain(acceptedBody({ ...mitigation, expiresAt: null }, start)), { 1: { 2: [{ 5: 123, 14: -1, 16: 1 }] } });
  assert.deepEqual(plain(acceptedBody(mitigation, startPlus(999))), { 1: { 2: [{ 5: 123, 14: 3600, 16: 1 }] } });
  assert.deepEqual(plain(acceptedBody({ ...mitigation, status: 2 }, startPlus(9_999_999))), { 1: { 2: [{ 5: 123, 14: 0, 16: 2 }] } });
});

test("before anything is enforced: what was asked, lifetime and status", () => {
  assert.deepEqual(scopeOf([pending], "a"), [{ 5: 56, 6: ["198.51.100.9/32"], 14: 3600, 16: 1, 32768: ["203.0.113.7/32"] }]);
});

const request = requested({
  mid: 7,
  to: "2001:db8:6401::2 2001:db8:6401::1",
  toPorts: "8080 80-90",
  protocols: [17, 6],
  from: "203.0.113.0/30",
  fromPorts: "5 1-3",
  types: "8 0-3",
});
const full: Mitigation = {
  ...dropping,
  request: { ...request, target: { ...request.target, fqdns: ["b.example"], uris: ["coap://b"] } },
  dropped: { packets: 1_000, bytes: 60_000 },
};
const config = {
  6: ["2001:db8:6401::2/128", "2001:db8:6401::1/128"],
  7: [{ 8: 8080 }, { 8: 80, 9: 90 }],
  10: [17, 6],
  11: ["b.example"],
  12: ["coap://b"],
  32768: ["203.0.113.0/30"],
  32769: [{ 8: 5 }, { 8: 1, 9: 3 }],
  32770: [{ 32771: 8 }, { 32771: 0, 32772: 3 }],
};
const state = { 14: 3589, 15: sinceEpoch(startPlus(1_000)) / 1000, 16: 2, 25: 60_000, 26: 6_000, 27: 1_000, 28: 100 };
for (const [filter, expected] of [["a", { 5: 7, ...config, ...state }], ["c", { 5: 7, ...config, 14: 3589 }], ["n", { 5: 7, ...state }]] as const) {
  test(`everything, with c=${filter}; lists keep their order`, () => {
    assert.deepEqual(scopeOf([full], filter, startPlus(11_000)), [expected]);
  });
}

test("averages of the first second are not divided by nothing", () => {
  assert.deepEqual(scopeOf([{ ...enforced, dropped: { packets: 3, bytes: 180 } }], "n", startPlus(1_000)), [
    { 5: 56, 14: 3599, 15: sinceEpoch(startPlus(1_000)) / 1000, 16: 1, 25: 180, 26: 180, 27: 3, 28: 3 },
  ]);
});

for (const status of [1, 2, 3, 4, 5, 6, 7, 8] satisfies MitigationStatus[]) {
  test(`status ${status} is key 16`, () => {
    assert.deepEqual(scopeOf([{ ...pending, status }], "n"), [{ 5: 56, 14: 3600, 16: status }]);
  });
}

test("the lifetime of one that was withdrawn is what is left of its terminating period, and at most of its lifetime; none of one that has ended", () => {
  const lifetime = (mitigation: Mitigation): unknown => (scopeOf([mitigation], "n", startPlus(20_000)) as [{ 14: unknown }])[0][14];
  assert.deepEqual(
    [terminating, { ...terminating, expiresAt: null }, { ...terminating, expiresAt: startPlus(30_000) }, ended, { ...ended, expiresAt: null }].map(lifetime),
    [100, 100, 10, 0, 0],
  );
});

test("a mitigation that the owner denies says why", () => {
  assert.deepEqual(scopeOf([{ ...pending, status: 7, conflict: { cause: 4 } }], "n"), [{ 5: 56, 14: 3600, 16: 7, 17: { 19: 4 } }]);
});

test("the body of a 4.09", () => {
  assert.equal(hex(conflictBody({ cause: 3 })), "a101a10281a111a11303", "RFC 9132 figure 11");
  assert.deepEqual(plain(conflictBody({ cause: 1, mid: 9 })), { 1: { 2: [{ 17: { 19: 1, 21: { 5: 9 } } }] } });
  assert.deepEqual(plain(conflictBody({ cause: 1, status: 2, retryTimer: 60, mid: 9 })), { 1: { 2: [{ 17: { 18: 2, 19: 1, 20: 60, 21: { 5: 9 } } }] } });
});

test("several mitigations, in their order", () => {
  assert.deepEqual(scopeOf([pending, { ...pending, request: requested({ mid: 3 }) }], "n"), [{ 5: 56, 14: 3600, 16: 1 }, { 5: 3, 14: 3600, 16: 1 }]);
});
