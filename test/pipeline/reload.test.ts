import assert from "node:assert/strict";
import { test } from "node:test";
import { cameraMac, fakeHome } from "./fake-home.ts";

test("what was blocked at once stays so when the packets confirm the device after a reload that wants to be asked", async () => {
  const home = fakeHome({ consent: "auto" }, { proven: false });
  await home.ask();
  assert.equal(home.only().state, "active");
  const { policy, ownerNames } = home.pipeline.settings();
  await home.pipeline.reload({ ownerNames, policy: { ...policy, consent: "ask" } });
  await home.prove();
  assert.deepEqual([home.only().state, home.only().devices.map(({ certainty }) => certainty), home.held()], ["active", ["exact"], [`1 block ${cameraMac} 1`]]);
});
