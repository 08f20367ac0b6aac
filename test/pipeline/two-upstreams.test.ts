import assert from "node:assert/strict";
import { test } from "node:test";
import { attack, cameraAddress, cameraMac, fakeHome } from "./fake-home.ts";

test("the same cuid and mid from two upstreams: two clients, each with its own request", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress), attack(cameraAddress, 40_001, "198.51.100.10")] });
  assert.equal((await home.ask({ upstream: "b", mid: 99, to: "198.51.100.10", fromPorts: "40001" })).is, "created");
  assert.equal((await home.ask({ upstream: "a", mid: 5 })).is, "created", "a lower mid than the other's under the same cuid");
  assert.deepEqual(home.held(), [`1 block ${cameraMac} 1`, `2 block ${cameraMac} 1`]);
  const { cuid } = home.store.all()[0]?.request ?? {};
  assert.deepEqual(home.pipeline.mitigationsOf("a", cuid ?? "").map(({ request }) => request.mid), [5]);
  home.pipeline.withdraw("b", cuid ?? "", 5);
  assert.deepEqual(home.store.all().map(({ state }) => state), ["active", "active"], "nor can it withdraw the other's");
});
