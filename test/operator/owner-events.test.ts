import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { createOwnerEvents, type OwnerEvent } from "../../src/operator/owner-events.ts";
import { requestedAt, sampleMitigation as pending } from "./sample-mitigation.ts";
import { wallInstant } from "../../src/model/time.ts";

const active: Mitigation = { ...pending, state: "active" };
const blocked: Mitigation = { ...active, startedAt: wallInstant(requestedAt + 1000) };
const ended: Mitigation = { ...blocked, state: "ended", outcome: "withdrawn" };

function told(news: readonly OwnerEvent[]): string[] {
  return news.map((each) => `${each.event} ${"id" in each.about ? each.about.id : each.about.name}`);
}

suite("what the owner is told", () => {
  test("a request, that it is blocked, and its end; each once", () => {
    const events = createOwnerEvents([]);
    const said = [pending, pending, active, blocked, { ...blocked, status: 2 as const }, ended, ended].map((each) => told(events.eventsOf(each, [each])));
    assert.deepEqual(said, [["request 17"], [], [], ["blocked 17"], [], ["ended 17"], []]);
  });

  test("nothing of a request that no device was found for, nor that anything is blocked that the packet filter refused", () => {
    const events = createOwnerEvents([]);
    for (const each of [{ ...pending, devices: [] }, active]) assert.deepEqual(events.eventsOf(each, [each]), []);
  });

  test("of observing, as of a request", () => {
    const observing: Mitigation = { ...active, action: "observe" };
    assert.deepEqual(told(createOwnerEvents([]).eventsOf(observing, [observing])), ["request 17"]);
  });

  test("again, once, where the packets show another device, and where a quarantine that waited for proof becomes one", () => {
    const events = createOwnerEvents([]);
    const [camera] = pending.devices;
    assert.ok(camera);
    const likely: Mitigation = { ...blocked, action: "quarantine", decidedBy: "policy", devices: [{ ...camera, certainty: "likely" }] };
    const exact: Mitigation = { ...likely, devices: [camera] };
    const other: Mitigation = {
      ...exact,
      devices: [{ ...camera, mac: "aa:bb:cc:dd:ee:00", insteadOf: { mac: camera.mac, name: camera.name, address: "192.168.1.23" } }],
    };
    assert.deepEqual([likely, likely, exact, exact, other, other].map((each) => told(events.eventsOf(each, [each])).length), [1, 0, 1, 0, 1, 0]);
  });

  test("again, but as no message of its own, where the packets confirm the device", () => {
    const events = createOwnerEvents([]);
    const unsure: Mitigation = { ...pending, devices: pending.devices.map((device) => ({ ...device, certainty: "likely" as const })) };
    const said = [unsure, unsure, pending, pending].map((each) => events.eventsOf(each, [each]).map(({ event, ...news }) => [event, "isOnlySurer" in news]));
    assert.deepEqual(said, [[["request", false]], [], [["request", true]], []]);
  });

  test("nothing again after a restart", () => {
    const events = createOwnerEvents([pending]);
    assert.deepEqual(events.eventsOf(pending, [pending]), []);
    assert.deepEqual(told(events.eventsOf(blocked, [blocked])), ["blocked 17"]);
  });

  test("one question for several requests about a device; the next one is asked when the first ends unanswered", () => {
    const events = createOwnerEvents([]);
    const second: Mitigation = { ...pending, id: 18 };
    assert.deepEqual(told(events.eventsOf(pending, [pending])), ["request 17"]);
    assert.deepEqual(events.eventsOf(second, [pending, second]), []);
    const withdrawn: Mitigation = { ...pending, state: "ended", outcome: "withdrawn" };
    assert.deepEqual(told(events.eventsOf(withdrawn, [withdrawn, second])), ["ended 17", "request 18"]);
    assert.deepEqual(events.eventsOf(second, [withdrawn, second]), []);
  });
});
