import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { processorTime } from "../processor-time.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { dotsPorts, handshake, inject, pseudoRandom, record } from "./scene-inject.ts";

const random = pseudoRandom(20_000);
const [perSecond, seconds] = [20_000, 6];
/** Of one core, for datagrams of the upstream's address, which have to be looked at; those of strangers never leave the kernel. */
const [mostOfPeer, mostOfStrangers] = [0.6, 0.15];
/** To an owner's command or an upstream's request meanwhile, milliseconds; or ten times what one took before, where this machine is slow. */
const longest = 1_000;

const floods: Readonly<Record<string, readonly Buffer[]>> = {
  junk: Array.from({ length: 64 }, (_, at) => random(1 + at * 19)),
  "application data that nobody encrypted": Array.from({ length: 64 },
    (_, at) => record({ type: 23, epoch: 1, sequence: (1 << 24) + at, body: random(64 + at) })),
  "handshake records": [
    ...Array.from({ length: 32 }, (_, at) => handshake(at % 21, random(64), { sequence: at })),
    ...Array.from({ length: 16 }, (_, at) => record({ type: 22, epoch: 1, sequence: (1 << 24) + at, body: random(60) })),
    record({ type: 20, body: Buffer.from([1]) }),
    record({ type: 21, body: Buffer.from([2, 40]) }),
  ],
};

describe(`${perSecond} datagrams a second at the session's socket`, { timeout: suiteLimit }, () => {
  for (const [what, datagrams] of Object.entries(floods))
    it(`${what}: the session and the block go on, the owner and the provider are answered`, (t) =>
      playScene({}, async (scene) => {
        const { daemon, peer, lab } = scene;
        const attack = await startAttack(lab);
        const scope = await attack.reported();
        const began = Date.now();
        assert.equal((await scene.put(1, scope)).code, "2.01");
        await daemon.json("status");
        const floor = Date.now() - began;
        await attack.stops(300);
        const stopped = Date.now();
        await lab.router.run("nft", ["insert rule inet fw4 input udp dport 1024-65535 accept"]);
        const [port = 0] = await dotsPorts(scene);
        for (const [from, most] of [[undefined, mostOfPeer], ["198.51.100.77:4647", mostOfStrangers]] as const) {
          const [start, before] = [performance.now(), processorTime(daemon.pid)];
          const deliveredBefore = await delivered(scene);
          const flooding = inject(scene, port, datagrams, { flood: { perSecond, seconds }, ...(from === undefined ? {} : { from }) });
          await delay(1_000);
          const asked = Date.now();
          const status = await daemon.json("status") as StatusView;
          assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true, repeat: 1 })).code, "2.04");
          const answered = Date.now() - asked;
          assert.equal(status.upstreams[0]?.state, "connected");
          await flooding;
          const arrived = await delivered(scene) - deliveredBefore;
          if (from === undefined) assert.ok(arrived > perSecond, `only ${arrived} datagrams came to the socket`);
          const share = (processorTime(daemon.pid) - before) / (performance.now() - start);
          t.diagnostic(
            `${from === undefined ? "from the upstream's address" : "from a stranger's"}: ${
              Math.round(share * 100)
            } % of a core, both answered within ${answered} ms`,
          );
          assert.ok(share < most, `${Math.round(share * 100)} % of a core`);
          assert.ok(answered < Math.max(longest, 10 * floor), `answered after ${answered} ms, without a flood after ${floor} ms`);
        }
        const [upstream] = (await daemon.json("status") as StatusView).upstreams;
        assert.deepEqual([upstream?.state, upstream?.sessions, upstream?.last_error], ["connected", 1, null]);
        assert.deepEqual(await dotsPorts(scene), [port], "it is the same session");
        assert.equal(attack.since(stopped), 0, "the block held");
        assert.deepEqual(daemon.log.filter((line) => /^(warn|error):|internal/.test(line)), []);
        await attack.end();
      }));
});

/** Datagrams that the router's sockets were given, or that came while one was full. */
async function delivered({ lab }: Scene): Promise<number> {
  const [names = [], values = []] = (await lab.router.run("cat", ["/proc/net/snmp"])).stdout.split("\n").filter((line) => line.startsWith("Udp: ")).map((
    line,
  ) => line.split(" "));
  return ["InDatagrams", "RcvbufErrors"].reduce((sum, name) => sum + Number(values[names.indexOf(name)]), 0);
}
