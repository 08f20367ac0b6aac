import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../fake-clock.ts";
import { cameraMac, fakeHome } from "./fake-home.ts";

const rule = `1 block ${cameraMac} 1`;

test("two PUTs of the same mid at once: one mitigation, created and refreshed", async () => {
  const home = fakeHome();
  const both = await Promise.all([home.ask(), home.ask()]);
  assert.deepEqual(both.map(({ is }) => is), ["created", "refreshed"]);
  assert.deepEqual([home.only().state, home.held()], ["active", [rule]]);
});

test("ten PUTs of the same mid at once, consent needed: the owner hears of one", async () => {
  const home = fakeHome({ consent: "ask" });
  await Promise.all(Array.from({ length: 10 }, () => home.ask()));
  await settle();
  assert.equal(home.only().state, "pending");
});

test("PUT and DELETE at once: it ends, and nothing stays in the kernel", async () => {
  const home = fakeHome();
  const asked = home.ask();
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  home.pipeline.withdraw("isp", "dz6pHjaADkaFTbjr0JGBpw", 56);
  await asked;
  await home.clock.advance(200_000);
  home.pipeline.withdraw("isp", "dz6pHjaADkaFTbjr0JGBpw", 56);
  await home.clock.advance(200_000);
  assert.deepEqual([home.store.all().every(({ state }) => state === "ended"), home.held()], [true, []]);
});

test("two mids that overlap at once: one is left", async () => {
  const home = fakeHome();
  await Promise.all([home.ask({ mid: 1 }), home.ask({ mid: 2 })]);
  await settle();
  const living = home.store.all().filter(({ state }) => state !== "ended");
  assert.deepEqual(living.map(({ request }) => request.mid), [2]);
  assert.equal(home.held().length, 1);
});

test("a hundred mitigations at once: a hundred rules, in the end", async () => {
  const home = fakeHome();
  await Promise.all(Array.from({ length: 100 }, (_, mid) => home.ask({ mid, to: `198.51.${mid}.9` })));
  await settle();
  const rules = home.store.all().filter(({ devices }) => devices.length > 0).length;
  assert.equal(home.held().length, rules);
});

test("the owner denies while the device is being looked for", async () => {
  const home = fakeHome({ consent: "ask" }, { flows: [] });
  await home.ask();
  const looking = home.clock.advance(5_000);
  await home.pipeline.decideByOwner(1, { is: "denied" });
  await looking;
  assert.deepEqual([home.only().outcome, home.held()], ["denied", []]);
});
