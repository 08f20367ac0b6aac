import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { interactiveNft } from "../../src/nftables/interactive-nft.ts";
import { openNftables } from "../../src/nftables/open-nftables.ts";
import { spawnNft } from "../../src/nftables/spawn-nft.ts";
import { openPacketFilter } from "../../src/system/packet-filter.ts";
import { rule } from "./sample-rules.ts";

const namespace = `dch-${String(process.pid)}-enf-guard`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
const nft = (text: string): void => { execFileSync("ip", ["netns", "exec", namespace, "nft", text]); };
const programs = { spawned: spawnNft({ command }), "long-lived": interactiveNft({ command }) };
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => {
  programs["long-lived"].end();
  execFileSync("ip", ["netns", "delete", namespace]);
});

for (const [name, program] of Object.entries(programs)) {
  test(`nft ${name}: our own decisions and ends disturb nobody, somebody else's change does`, async () => {
    const filter = openPacketFilter(openNftables(program), { command });
    let disturbances = 0;
    const stop = filter.watch(() => { disturbances += 1; });
    const lasting = rule({ timeout: 600 });
    const others = Array.from({ length: 10 }, (_, at) => rule({ mitigation: at + 100, timeout: 600, ...(at % 2 === 0 ? {} : { mac: `02:00:00:00:01:0${String(at)}` }) }));
    await filter.replaceRules([lasting]);
    // Until it listens.
    for (let turn = 0; turn < 100 && disturbances === 0; turn += 1) {
      nft("add counter inet dots_callhome foreign; delete counter inet dots_callhome foreign");
      await delay(50);
    }
    assert.ok(disturbances > 0);
    await delay(1_300); // what was heard twice is told by now
    const told = disturbances;
    await filter.replaceRules([lasting]);
    for (let count = 0; count <= others.length; count += 1) await filter.replaceRules([lasting, ...others.slice(0, count)]);
    for (let count = others.length; count >= 0; count -= 1) await filter.replaceRules([lasting, ...others.slice(0, count)]);
    await delay(400);
    assert.equal(disturbances, told);
    nft("flush chain inet dots_callhome forward");
    for (let turn = 0; turn < 100 && disturbances === told; turn += 1) await delay(50);
    assert.equal(disturbances, told + 1);
    stop();
  });
}
