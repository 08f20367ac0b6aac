import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixes } from "../nat-lookup/asking.ts";
import { unknownWay } from "../../src/policy/other-wan.ts";
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

test("an upstream that is bound to one WAN and names another's address: 4.00, and the owner hears which and why", async () => {
  const home = fakeHome();
  home.wans = [{ device: "wan", prefixes: prefixes("203.0.113.7"), gateways: [] }, { device: "wan2", prefixes: prefixes("198.51.100.77"), gateways: [] }];
  home.ways.set("b", { ...unknownWay, device: "wan2" });
  home.ways.set("c", { ...unknownWay, local: prefixes("198.51.100.77")[0] ?? null });
  const refused = { is: "refused", refusal: { code: "4.00", diagnostic: "source-prefix is not ours" } };
  assert.deepEqual([await home.ask({ upstream: "b" }), await home.ask({ upstream: "c" })], [refused, refused]);
  assert.match(home.pipeline.warnings().join("\n"), /upstream b .*it names addresses of wan, but it is bound to wan2; option bind_device/);
  assert.match(home.pipeline.warnings().join("\n"), /upstream c .*it names addresses of wan, but its session leaves from 198\.51\.100\.77/);
  assert.ok(home.log.some((line) => line.startsWith("warn upstream b")));
  home.ways.set("a", { ...unknownWay, device: "wan" });
  assert.equal((await home.ask({ upstream: "a" })).is, "created");
});

test("a target that no block may touch: the home's own router, its LAN, the upstream's peer", async () => {
  const home = fakeHome();
  home.ways.set("isp", { ...unknownWay, peer: prefixes("198.51.100.200")[0] ?? null });
  for (const to of ["192.168.1.1", "192.168.1.0/24", "203.0.113.7", "64:ff9b::192.168.1.1", "240.0.0.1", "198.51.100.200"]) {
    const admission = await home.ask({ to });
    assert.equal(admission.is === "refused" ? admission.refusal.code : admission.is, "4.00", to);
  }
  assert.deepEqual([home.store.all(), home.held(), home.reported()], [[], [], undefined]);
});

test("the very mid of another upstream's request is free, for the same target too, and for another", async () => {
  const home = fakeHome({}, { flows: [attack(cameraAddress), attack(cameraAddress, 40_001, "198.51.100.10")] });
  assert.equal((await home.ask({ upstream: "b", mid: 7, to: "198.51.100.10", fromPorts: "40001" })).is, "created");
  assert.equal((await home.ask({ upstream: "a", mid: 7 })).is, "created");
  assert.equal((await home.ask({ upstream: "c", mid: 6 })).is, "created", "a lower mid for what another asks under a higher one");
  assert.ok(home.store.all().every(({ state }) => state === "active"), "and none replaces another");
});
