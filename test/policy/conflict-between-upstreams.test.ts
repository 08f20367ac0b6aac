import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIpPrefix } from "../../src/model/ip-prefix.ts";
import { attack, cameraAddress, fakeHome } from "../pipeline/fake-home.ts";

test("two upstreams ask for the same: both are in force, and each hears of the conflict, and of its end", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress)] });
  await home.ask({ upstream: "isp", mid: 2, to: "198.51.100.0/24" });
  const second = await home.ask({ upstream: "other", cuid: "else", mid: 1, to: "198.51.100.9" });
  assert.equal(second.is === "created" && second.mitigation.conflict?.status, 2);
  const told = (id: number): unknown => {
    const conflict = home.store.get(id)?.conflict;
    return conflict && [conflict.cause, conflict.status, conflict.targets?.map(formatIpPrefix), conflict.mid, conflict.retryTimer];
  };
  assert.deepEqual([told(1), told(2)], [[1, 2, ["198.51.100.9/32"], undefined, undefined], [1, 2, ["198.51.100.9/32"], undefined, undefined]]);
  assert.equal(home.held().length, 2);
  await home.pipeline.decideByOwner(2, { is: "released" });
  assert.equal(told(1), null);
});

test("another target, or another source, is no conflict", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress)] });
  await home.ask({ upstream: "isp", mid: 1, to: "198.51.100.9" });
  await home.ask({ upstream: "other", cuid: "else", mid: 1, to: "192.0.2.1" });
  assert.deepEqual(home.store.all().map(({ conflict }) => conflict), [null, null]);
});
