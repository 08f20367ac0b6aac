import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { interactiveNft, openNftables, spawnNft } from "nftables-js";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { until } from "../until.ts";
import { rule } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

const namespace = `dch-${String(process.pid)}-enf-guard`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
const nft = (text: string): void => {
  execFileSync("ip", ["netns", "exec", namespace, "nft", text]);
};
const programs = { spawned: spawnNft({ command }), "long-lived": interactiveNft({ command }) };
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => {
  programs["long-lived"].end();
  execFileSync("ip", ["netns", "delete", namespace]);
});

/** A disturbance is told within 150 ms, or a second after the one before; a machine four times slower keeps these. */
const [soonTold, settled] = [600, 4_000];

/** Waits until nothing more is told of what has been. */
async function settledAt(told: () => number): Promise<number> {
  for (let before = told();; before = told()) {
    await delay(settled);
    if (told() === before) return before;
  }
}

for (const [name, program] of Object.entries(programs)) {
  test(`nft ${name}: our own decisions and ends disturb nobody, somebody else's change does`, async (t) => {
    const filter = openPacketFilter(openNftables(program), { command });
    let disturbances = 0;
    t.after(filter.watch(() => {
      disturbances += 1;
    }));
    const lasting = rule({ timeout: seconds(600) });
    const others = Array.from({ length: 10 }, (_, at) =>
      rule({ mitigation: at + 100, timeout: seconds(600), ...(at % 2 === 0 ? {} : { mac: `02:00:00:00:01:0${String(at)}` }) }));
    await filter.replaceRules([lasting]);
    // Until it listens.
    await until("it listens", () => {
      nft("add counter inet dots_callhome foreign; delete counter inet dots_callhome foreign");
      return disturbances > 0;
    });
    const told = await settledAt(() => disturbances);
    await filter.replaceRules([lasting]);
    for (let count = 0; count <= others.length; count += 1) await filter.replaceRules([lasting, ...others.slice(0, count)]);
    for (let count = others.length; count >= 0; count -= 1) await filter.replaceRules([lasting, ...others.slice(0, count)]);
    await delay(soonTold);
    assert.equal(disturbances, told);
    nft("flush chain inet dots_callhome forward");
    await until("it is told", () => disturbances > told);
    assert.equal(disturbances, told + 1);
  });
}

test("200 requests and ends, seconds apart from the last or in a row, and no stranger: no alarm", async (t) => {
  const filter = openPacketFilter(openNftables(programs.spawned), { command });
  let disturbances = 0;
  t.after(filter.watch(() => {
    disturbances += 1;
  }));
  const lasting = rule({ timeout: seconds(600) });
  await filter.replaceRules([lasting]);
  await until("the monitor listens", () => {
    nft("add counter inet dots_callhome foreign; delete counter inet dots_callhome foreign");
    return disturbances > 0;
  });
  // Longer than what our own announcements are waited for: the next transaction is announced while it runs.
  const told = await settledAt(() => disturbances);
  for (let round = 0; round < 100; round += 1) {
    await filter.replaceRules([lasting, rule({ mitigation: 1_000 + round, timeout: seconds(600) })]);
    await filter.replaceRules([lasting]);
    if (round === 49) await delay(2_500);
  }
  await delay(soonTold);
  assert.equal(disturbances, told);
});
