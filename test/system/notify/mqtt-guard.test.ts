import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerLimits, createBrokerReader } from "../../../src/system/notify/mqtt-guard.ts";
import { fakeClock } from "../../fake-clock.ts";
import { connack, header, publish, suback } from "./hostile-broker.ts";

const isSubscribed = (topic: string): boolean => topic === "dots/mitigation/17/set";
const reader = (clock = fakeClock()): ReturnType<typeof createBrokerReader> => createBrokerReader({ isSubscribed, clock: clock.steady });
const puback = Buffer.from([0x40, 2, 0, 1]);
const pingresp = Buffer.from([0xd0, 0]);

test("what a broker may send passes as it is, however it is cut", () => {
  const all = Buffer.concat([connack(), suback(1), publish("dots/mitigation/17/set", "approve", { qos: 1 }), puback, pingresp,
    publish("dots/mitigation/17/set", "deny", { retain: true })]);
  for (let step = 1; step <= all.length; step++) {
    const read = reader();
    const out: Buffer[] = [];
    for (let at = 0; at < all.length; at += step) out.push(Buffer.from(read(all.subarray(at, at + step))));
    assert.deepEqual(Buffer.concat(out), all, `in pieces of ${step}`);
  }
});

const offences: [what: string, bytes: Buffer, says: RegExp][] = [
  ["a message before CONNACK", publish("dots/mitigation/17/set", "approve"), /before it accepted/],
  ["a second CONNACK", Buffer.concat([connack(), connack()]), /twice/],
  ["a message with QoS 2", Buffer.concat([connack(), publish("dots/mitigation/17/set", "approve", { qos: 2 })]), /QoS 2/],
  ["QoS 3", Buffer.concat([connack(), Buffer.from([0x36, 0])]), /QoS 2/],
  ["a topic that was not subscribed to", Buffer.concat([connack(), publish("dots/event", "x")]), /not subscribed/],
  ["no topic", Buffer.concat([connack(), Buffer.from([0x30, 1, 0])]), /whole topic/],
  ["a topic longer than the packet", Buffer.concat([connack(), Buffer.from([0x30, 4, 0, 9, 1, 1])]), /whole topic/],
  ["a packet that is too long, by its header alone", Buffer.concat([connack(), header(0x30, brokerLimits.packet + 1)]), /more than 1024 bytes/],
  ["256 MB, by its header alone", Buffer.concat([connack(), Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])]), /more than 1024 bytes/],
  ["a length that goes on", Buffer.concat([connack(), Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80])]), /length/],
  ...([1, 5, 6, 7, 8, 10, 11, 12, 14, 15] as const).map((
    kind,
  ): [string, Buffer, RegExp] => [`a packet of type ${kind}`, Buffer.concat([connack(), Buffer.from([kind << 4, 0])]), /nothing of ours asks for/]),
];
for (const [what, bytes, says] of offences) {
  test(`refused: ${what}`, () => {
    assert.throws(() => reader()(bytes), says);
    const slowly = reader();
    assert.throws(() => {
      for (const byte of bytes) slowly(Buffer.from([byte]));
    }, says);
  });
}

test("of topics to be listed the names are read, and their messages passed over, however large and however they are cut", () => {
  const kept = [publish("dots/mitigation/3", "x".repeat(50_000), { retain: true }), publish("dots/mitigation/4", "", { retain: true }),
    publish("dots/mitigation/5", "an echo of ours")];
  const passes = [connack(), suback(1), publish("dots/mitigation/17/set", "approve", { qos: 1 }), Buffer.from([0xb0, 2, 0, 2]), puback];
  const all = Buffer.concat([...passes.slice(0, 2), ...kept, ...passes.slice(2), kept[0] ?? Buffer.alloc(0), pingresp]);
  for (const step of [1, 2, 7, 100, 1_460, 40_000, all.length]) {
    const found: string[] = [];
    const read = createBrokerReader({
      isSubscribed,
      clock: fakeClock().steady,
      listing: {
        isListed: (topic) => /^dots\/mitigation\/\d$/.test(topic),
        found: (topic) => {
          found.push(topic);
        },
      },
    });
    const out: Buffer[] = [];
    for (let at = 0; at < all.length; at += step) out.push(Buffer.from(read(all.subarray(at, at + step))));
    assert.deepEqual(Buffer.concat(out), Buffer.concat([...passes, pingresp]), `in pieces of ${step}`);
    assert.deepEqual(found, ["dots/mitigation/3", "dots/mitigation/4", "dots/mitigation/3"]);
  }
});

const whileListing: [what: string, bytes: Buffer, says: RegExp][] = [
  ["a larger message on another topic, before it has come", Buffer.concat([header(0x31, 50_000), publish("dots/mitigation/17/set", "").subarray(2)]),
    /PUBLISH packet of more than 1024/],
  ["one that is larger than all that is kept", header(0x31, brokerLimits.listed + 1), /more than 1024/],
  ["a topic that is longer than a packet", Buffer.concat([header(0x31, 60_000), Buffer.from([0xea, 0x60])]), /more than 1024/],
  ["a topic that is longer than its message", Buffer.concat([header(0x31, 10), Buffer.from([0, 100]), Buffer.alloc(8, "d"), Buffer.alloc(100, "d")]),
    /whole topic/],
  ["another topic", publish("dots/event", "x", { retain: true }), /not subscribed/],
  ["QoS 2", publish("dots/mitigation/3", "x", { qos: 2, retain: true }), /QoS 2/],
  ["a large packet of another kind", header(0x40, 2_000), /PUBACK packet of more than 1024/],
];
for (const [what, bytes, says] of whileListing) {
  test(`refused while topics are listed: ${what}`, () => {
    const read = createBrokerReader({
      isSubscribed,
      clock: fakeClock().steady,
      listing: { isListed: (topic) => topic === "dots/mitigation/3", found: () => undefined },
    });
    read(connack());
    assert.throws(() => read(bytes), says);
  });
}

test("refused: more packets than acknowledgements can be, unless they take their time", async () => {
  const clock = fakeClock();
  const read = reader(clock);
  read(connack());
  for (let at = 1; at < brokerLimits.packets; at++) read(puback);
  assert.throws(() => read(puback), /more than 2000 packets/);
  const patient = reader(clock);
  patient(connack());
  for (let at = 0; at < 3 * brokerLimits.packets; at++) {
    if (at % 1_000 === 0) await clock.advance(brokerLimits.span);
    patient(puback);
  }
});
