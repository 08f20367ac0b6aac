import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seconds } from "../../src/model/time.ts";
import { requested } from "../policy/samples.ts";
import { attack, cameraAddress, fakeHome, laptopAddress, type FakeHome } from "./fake-home.ts";

interface Answered {
  readonly answer: unknown;
  /** How long it took, in turns of promises: all that a pipeline under test waits for. */
  readonly turns: number;
  readonly lookups: number;
}

/** An upstream asks about one address of ours. */
async function probe(home: FakeHome, from: string, mid: number): Promise<Answered> {
  const before = home.lookups;
  const asked = home.pipeline.request({ asked: requested({ from, mid, fromPorts: "40000" }), lifetime: seconds(3600), attackStatus: null }, false);
  let answer: unknown;
  asked.then(({ is, ...more }) => {
    answer = is === "created" ? { is } : { is, ...more };
  }, (error: unknown) => {
    answer = error;
  });
  let turns = 0;
  for (; answer === undefined; turns += 1) await Promise.resolve();
  return { answer, turns, lookups: home.lookups - before };
}

const notOurs = { is: "refused", refusal: { code: "4.00", diagnostic: "source-prefix is not ours" } };
/** With a flow to the target, with none, nobody's, the router's own, the LAN, a part of it, of no network here. */
const inside = [cameraAddress, laptopAddress, "192.168.1.99", "192.168.1.1", "192.168.1.0/24", "192.168.1.16/28", "192.168.77.21", "10.200.0.1", "172.16.0.9"];

for (const outside of ["203.0.113.7", "10.0.0.2", "192.168.178.20", "100.64.9.9"])
  describe(`an upstream that asks about private addresses, where our WAN has ${outside}`, () => {
    it("hears the same of each, as soon, and nothing is looked up or remembered", async () => {
      const home = fakeHome();
      home.outside = outside;
      for (const [at, from] of inside.entries()) {
        const { turns, ...heard } = await probe(home, from, at);
        assert.deepEqual(heard, { answer: notOurs, lookups: 0 }, from);
        const first = await probe(home, inside[0] ?? "", 100 + at);
        assert.equal(turns, first.turns, `${from} took another time`);
      }
      assert.deepEqual([home.store.all(), home.begun, home.owner], [[], 0, []]);
    });

    it("is answered about our own address only, and not about its neighbours there", async () => {
      const home = fakeHome();
      home.outside = outside;
      assert.deepEqual((await probe(home, outside, 1)).answer, { is: "created" });
      const neighbour = outside.replace(/\d+$/, (last) => String(Number(last) + 1));
      for (const [at, from] of [neighbour, `${outside}/24`.replace(/\d+\/24$/, "0/24")].entries())
        assert.deepEqual((await probe(home, from, 2 + at)).answer, notOurs, from);
    });
  });

describe("with allow_internal_sources", () => {
  it("an address of the LAN is taken whether or not a device has it, and has the same status until the block has held for a minute; others are not ours", async () => {
    for (const consent of ["auto", "ask"] as const) {
      for (const from of [cameraAddress, laptopAddress, "192.168.1.99"]) {
        const home = fakeHome({ allowInternalSources: true, consent }, { flows: [attack(cameraAddress)] });
        assert.deepEqual((await probe(home, from, 1)).answer, { is: "created" }, `${consent} ${from}`);
        const { upstream, cuid } = requested();
        for (const span of [0, 10_000, 45_000]) {
          await home.clock.advance(span);
          assert.deepEqual(home.pipeline.mitigationsOf(upstream, cuid).map(({ status }) => status), [1], `${consent} ${from} after ${span} ms`);
        }
        assert.deepEqual(home.told(), []);
      }
      const home = fakeHome({ allowInternalSources: true, consent });
      for (const from of ["192.168.77.21", "10.200.0.1"]) assert.deepEqual((await probe(home, from, 1)).answer, notOurs, from);
    }
  });
});
