import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeHome } from "./fake-home.ts";

test("a request that asks for too much is refused before anything of the home is looked up, and the owner hears of it", async () => {
  const home = fakeHome();
  home.broken.network = "the network is not to be asked";
  home.broken.flows = "the flows are not to be asked";
  const ports = Array.from({ length: 127 }, (_, at) => String(at * 2)).join(" ");
  for (let times = 0; times < 3; times += 1) {
    assert.deepEqual(await home.ask({ toPorts: ports }), {
      is: "refused",
      refusal: { code: "4.00", diagnostic: "at most 128 prefixes, ranges and protocols in a request" },
    });
  }
  assert.deepEqual(home.pipeline.warnings(), [
    'upstream isp asks for more than it may: 3 requests were refused, the last one because of "at most 128 prefixes, ranges and protocols in a request"',
  ]);
  assert.equal(home.log.filter((line) => line.startsWith("warn upstream isp")).length, 1, "one line a minute");
  await home.clock.advance(61_000);
  await home.ask({ toPorts: ports });
  assert.equal(home.log.filter((line) => line.startsWith("warn upstream isp")).length, 2);
  await home.clock.advance(3_601_000);
  assert.deepEqual(home.pipeline.warnings(), [], "after an hour it is no news");
});

test("an upstream beyond its share hears 5.03 with Max-Age, the owner why, and another's share is untouched", async () => {
  const home = fakeHome({ maxMitigations: 4, upstreams: [{ name: "isp" }, { name: "other" }] });
  for (let at = 0; at < 2; at += 1) assert.equal((await home.ask({ mid: at, upstream: "other", cuid: "other", to: `198.51.100.${at}` })).is, "created");
  assert.deepEqual(await home.ask({ mid: 9, upstream: "other", cuid: "other", to: "198.51.100.9" }), {
    is: "refused",
    refusal: { code: "5.03", diagnostic: "too many mitigations: at most 2 at a time", retryAfter: 60 },
  });
  for (let at = 0; at < 2; at += 1) assert.equal((await home.ask({ mid: at, to: `198.51.101.${at}` })).is, "created");
  assert.deepEqual(home.pipeline.warnings(), [
    'upstream other asks for more than it may: 1 request was refused, the last one because of "too many mitigations: at most 2 at a time"',
  ]);
});
