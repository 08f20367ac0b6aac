import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, Tagged } from "cborg";
import {
  closerHeartbeat,
  defaultSessionConfig,
  readSessionConfig,
  sessionConfigBody,
  type SessionConfig,
} from "../../../src/callhome-server/dots/session-config.ts";
import { bytes, cbor, hex, text } from "../wire.ts";
import { seconds } from "../../../src/model/time.ts";

const hundredths = (value: number): Tagged => new Tagged(4, [-2, Math.round(value * 100)]);
const current = (value: number): object => ({ 36: value });
const currentDecimal = (value: number): object => ({ 43: hundredths(value) });

function accepted(body: Uint8Array): SessionConfig {
  const read = readSessionConfig(7, body);
  assert.ok(!("code" in read), "code" in read ? read.diagnostic : "");
  return read;
}

const set = { 33: current(60), 37: current(5), 38: current(4), 39: currentDecimal(3), 40: currentDecimal(2), 50: current(10) };
const values = { heartbeatInterval: 60, missingHbAllowed: 5, probingRate: 10, maxRetransmit: 4, ackTimeout: 3, ackRandomFactor: 2 };
const defaults = { heartbeatInterval: 30, missingHbAllowed: 15, probingRate: 5, maxRetransmit: 3, ackTimeout: 2, ackRandomFactor: 1.5 };

test("the RECOMMENDED values of §4.5.2 are the defaults", () => {
  assert.deepEqual(defaultSessionConfig(), { sid: null, mitigating: defaults, idle: defaults });
});

const cases: readonly [what: string, body: object, mitigating: object, idle: object][] = [
  ["both sets", { 32: set, 44: set }, values, values],
  ["one set only: the other has its defaults", { 32: set }, values, defaults],
  ["one parameter only: the others have their defaults", { 44: { 33: current(15) } }, defaults, { ...defaults, heartbeatInterval: 15 }],
  ["heartbeats off when idle, as figure 23", { 32: set, 44: { 33: current(0) } }, values, { ...defaults, heartbeatInterval: 0 }],
  ["bounds that only servers send are passed over", { 32: { 33: { 34: 1, 35: 2, 36: 60 } } }, { ...defaults, heartbeatInterval: 60 }, defaults],
  ["a decimal as an integer", { 32: { 39: { 43: 3 } } }, { ...defaults, ackTimeout: 3 }, defaults],
  ["the lower bounds", { 32: { 33: current(15), 37: current(3), 38: current(2), 39: currentDecimal(1), 40: currentDecimal(1.1), 50: current(5) } }, {
    heartbeatInterval: 15,
    missingHbAllowed: 3,
    maxRetransmit: 2,
    ackTimeout: 1,
    ackRandomFactor: 1.1,
    probingRate: 5,
  }, defaults],
  ["the upper bounds", { 32: { 33: current(240), 37: current(20), 38: current(15), 39: currentDecimal(30), 40: currentDecimal(4), 50: current(20) } }, {
    heartbeatInterval: 240,
    missingHbAllowed: 20,
    maxRetransmit: 15,
    ackTimeout: 30,
    ackRandomFactor: 4,
    probingRate: 20,
  }, defaults],
];
for (const [what, body, mitigating, idle] of cases) {
  test(`accepted: ${what}`, () => {
    assert.deepEqual(accepted(cbor({ 30: body })), { sid: 7, mitigating, idle });
  });
}

for (const digits of [1, 2, 3, 6, 12]) {
  test(`the lowest random factor with ${digits} fraction digits is not refused for a rounding`, () => {
    const body = encode(new Map([[30, new Map([[32, new Map([[40, new Map([[43, new Tagged(4, [-digits, 11 * 10 ** (digits - 1)])]])]])]])]]));
    assert.equal(accepted(body).mitigating.ackRandomFactor, 1.1);
  });
}

const refused: readonly [what: string, body: object | Uint8Array, code: "4.00" | "4.22", diagnostic: RegExp][] = [
  ["heartbeat-interval 14", { 30: { 32: { 33: current(14) } } }, "4.22", /^heartbeat-interval must be from 15 to 240$/],
  ["heartbeat-interval 241", { 30: { 44: { 33: current(241) } } }, "4.22", /heartbeat-interval/],
  ["missing-hb-allowed 2", { 30: { 32: { 37: current(2) } } }, "4.22", /missing-hb-allowed/],
  ["missing-hb-allowed 0", { 30: { 32: { 37: current(0) } } }, "4.22", /missing-hb-allowed/],
  ["probing-rate 21", { 30: { 32: { 50: current(21) } } }, "4.22", /probing-rate/],
  ["max-retransmit 1", { 30: { 32: { 38: current(1) } } }, "4.22", /max-retransmit/],
  ["ack-timeout 0.99", { 30: { 32: { 39: currentDecimal(0.99) } } }, "4.22", /ack-timeout/],
  ["ack-timeout -1", { 30: { 32: { 39: currentDecimal(-1) } } }, "4.22", /ack-timeout/],
  ["ack-random-factor 4.01", { 30: { 32: { 40: currentDecimal(4.01) } } }, "4.22", /ack-random-factor/],
  ["one good and one bad", { 30: { 32: set, 44: { ...set, 37: current(99) } } }, "4.22", /missing-hb-allowed/],
  ["nothing", new Uint8Array(), "4.00", /empty/],
  ["no signal-config", {}, "4.00", /signal-config is missing/],
  ["no parameter", { 30: {} }, "4.00", /no parameter/],
  ["an empty set", { 30: { 32: {} } }, "4.00", /no parameter/],
  ["bounds only", { 30: { 32: { 33: { 34: 240, 35: 15 } } } }, "4.00", /no parameter/],
  ["a parameter that is not known", { 30: { 32: { 99: current(1) } } }, "4.00", /key 99/],
  ["a value that is no number", { 30: { 32: { 33: { 36: "60" } } } }, "4.00", /current-value/],
  ["an integer where a decimal belongs", { 30: { 32: { 39: current(2) } } }, "4.00", /key 36/],
  ["a value of 65536", { 30: { 32: { 33: current(65_536) } } }, "4.00", /current-value/],
];
for (const [what, body, code, diagnostic] of refused) {
  test(`${code}: ${what}`, () => {
    const read = readSessionConfig(7, body instanceof Uint8Array ? body : cbor(body));
    assert.ok("code" in read, "it is accepted");
    assert.equal(read.code, code);
    assert.match(read.diagnostic, diagnostic);
  });
}

test("the answer to a GET: six parameters with bounds and current value, in both sets; max 34, min 35, decimals as tag 4 [-2, n]", () => {
  const written = ([max, min, now]: readonly number[]): string => `a31822${uint(max)}1823${uint(min)}1824${uint(now)}`;
  const decimals = ([max, min, now]: readonly number[]): string => `a31829${tagged(max)}182a${tagged(min)}182b${tagged(now)}`;
  const whole = `a6` + `1821${written([240, 15, 30])}` + `1825${written([20, 3, 15])}` + `1826${written([15, 2, 3])}`
    + `1827${decimals([3000, 100, 200])}` + `1828${decimals([400, 110, 150])}` + `1832${written([20, 5, 5])}`;
  assert.equal(hex(sessionConfigBody(defaultSessionConfig())), `a1181ea2` + `1820${whole}` + `182c${whole}`);
});

test("what we say can be said back to us", () => {
  const body = sessionConfigBody({ sid: 1, mitigating: { ...defaults, ...values }, idle: { ...defaults, heartbeatInterval: 0 } });
  assert.deepEqual(accepted(body), { sid: 7, mitigating: values, idle: { ...defaults, heartbeatInterval: 0 } });
});

test("diagnostics are short texts", () => {
  const read = readSessionConfig(7, bytes("ff".repeat(200)));
  assert.ok("code" in read && read.diagnostic.length < 120 && !text(bytes(hex(new TextEncoder().encode(read.diagnostic)))).includes("\n"));
});

function uint(value = 0): string {
  return hex(encode(value));
}

function tagged(value = 0): string {
  return hex(encode(new Tagged(4, [-2, value])));
}

test("a path that fell silent gets heartbeats closer together, and takes no longer interval (RFC 9066 §5.2.1)", () => {
  assert.deepEqual([240, 40, 30, 15].map((each) => closerHeartbeat(seconds(each))), [120, 20, 15, 15]);
  assert.equal(defaultSessionConfig(seconds(20)).idle.heartbeatInterval, 20);
  const asked = bytes("a1 181e a1 182c a1 1821 a1 1824 181e"); // idle-config, heartbeat-interval 30
  assert.equal("code" in readSessionConfig(1, asked, seconds(20)) && (readSessionConfig(1, asked, seconds(20)) as { code: string }).code, "4.22");
  assert.ok(!("code" in readSessionConfig(1, asked)));
  assert.ok(hex(sessionConfigBody(defaultSessionConfig(seconds(20)), seconds(20))).includes("1821a3182214"), "max-value 20");
});
