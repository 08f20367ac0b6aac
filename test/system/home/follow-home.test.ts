import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { followHome, type HomeTables } from "../../../src/system/home/follow-home.ts";
import type { FollowListeners } from "../../../src/system/process/follow-command.ts";
import { readMonitorLine } from "../../../src/system/home/monitor-line.ts";
import { CommandFailure, type RunCommand } from "../../../src/system/process/run-command.ts";
import { fakeClock, type FakeClock } from "../../fake-clock.ts";
import { vector } from "../../nat-lookup/asking.ts";
import { play } from "../played-tools.ts";
import { sinceEpoch } from "../../../src/model/time.ts";

const camera = "02:00:00:00:0a:01";

describe("readMonitorLine", () => {
  const lines: readonly (readonly [string, ReturnType<typeof readMonitorLine>])[] = [
    ["[NEIGH]192.168.9.5 dev br-lan lladdr 02:00:00:00:00:05 REACHABLE ", {
      is: "neighbour",
      address: "192.168.9.5",
      device: "br-lan",
      mac: "02:00:00:00:00:05",
    }],
    ["[NEIGH]2001:db8:9::5 dev br-lan lladdr 02:00:00:00:00:05 router PERMANENT ", {
      is: "neighbour",
      address: "2001:db8:9::5",
      device: "br-lan",
      mac: "02:00:00:00:00:05",
    }],
    ["[NEIGH]192.168.9.5 dev br-lan FAILED ", { is: "neighbour", address: "192.168.9.5", device: "br-lan", mac: null }],
    ["[NEIGH]Deleted 192.168.9.5 dev br-lan lladdr 02:00:00:00:00:05 STALE ", { is: "neighbour", address: "192.168.9.5", device: "br-lan", mac: null }],
    ["[NEIGH]ff02::16 dev p1 lladdr 33:33:00:00:00:16 NOARP ", { is: "neighbour", address: "ff02::16", device: "p1", mac: null }],
    ["[NEIGH]192.168.9.8 dev br-lan proxy ", undefined],
    ["[NEIGH]dev p1 lladdr 02:aa:00:00:00:01 REACHABLE ", { is: "port", mac: "02:aa:00:00:00:01", device: "p1", isGone: false }],
    ["[NEIGH]Deleted dev p1 lladdr 02:aa:00:00:00:01 REACHABLE ", { is: "port", mac: "02:aa:00:00:00:01", device: "p1", isGone: true }],
    ["[NEIGH]dev br-lan lladdr 62:30:a3:2d:45:f0 PERMANENT ", undefined],
    ["[ADDR]2: br-lan    inet 192.168.9.1/24 scope global br-lan\\       valid_lft forever preferred_lft forever", { is: "links" }],
    ["[LINK]Deleted 2: br-lan: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default \\    link/ether 62:30:a3:2d:45:f0", { is: "links" }],
    ["[ROUTE]default via 192.168.9.254 dev br-lan ", { is: "links" }],
    ["[ROUTE]unreachable 2001:db8:77::/48 dev lo metric 1024 pref medium", { is: "links" }],
    ["[ROUTE]192.168.9.0/24 dev br-lan proto kernel scope link src 192.168.9.1 ", undefined],
    ...["", "[NEIGH]", "[NEIGH]dev", "[NEIGH]x dev y lladdr z", "[NEIGH]192.168.9.5 lladdr 02:00:00:00:00:05",
      "[NEIGH]192.168.9.5 dev a-name-of-more-than-15 lladdr 02:00:00:00:00:05 STALE", "[NEIGH]192.168.9.5/24 dev br-lan lladdr 02:00:00:00:00:05 STALE",
      "[NSID]nsid 0", "netlink receive error", "[X]default"].map((line) => [line, undefined] as const),
  ];
  for (const [line, expected] of lines)
    it(JSON.stringify(line), () => {
      assert.deepEqual(readMonitorLine(line), expected);
    });
});

interface Played {
  readonly tables: HomeTables;
  readonly clock: FakeClock;
  readonly calls: string[];
  readonly log: string[];
  readonly instead: Record<string, string>;
  fails: string | undefined;
  paused: boolean;
  runs: FollowListeners[];
  say(...lines: readonly string[]): void;
}

async function start({ busy = 0 } = {}): Promise<Played> {
  const clock = fakeClock();
  let watch = 0;
  const played: Omit<Played, "tables"> = {
    clock,
    calls: [],
    log: [],
    instead: {},
    fails: undefined,
    paused: false,
    runs: [],
    say: (...lines) => {
      played.runs.at(-1)?.onData(Buffer.from(lines.map((line) => `${line}\n`).join("")));
    },
  };
  const run: RunCommand = (tool, args, options) => {
    played.calls.push([tool, ...args].join(" "));
    return played.fails === undefined ? play(played.instead)(tool, args, options) : Promise.reject(new CommandFailure(tool, "killed", played.fails));
  };
  const tables = followHome({
    run,
    clock: clock.steady,
    log: (level, message) => {
      played.log.push(`${level}: ${message}`);
    },
    follow(tool, args, listeners) {
      assert.equal([tool, ...args].join(" "), "ip -o monitor label address route link neigh");
      played.runs.push(listeners);
      return {
        pause: () => {
          played.paused = true;
        },
        resume: () => {
          played.paused = false;
        },
        stop: () => undefined,
      };
    },
    stopwatch: () => {
      watch += busy;
      return watch + sinceEpoch(clock.now());
    },
  });
  await clock.advance(0);
  const whole = Object.assign(played, { tables });
  for (const table of [tables.ip(), tables.neighbours(), tables.ports()]) await table;
  await clock.advance(1_500);
  played.calls.length = 0;
  return whole;
}

const macOf = async ({ tables }: Played, address: string): Promise<string | undefined> =>
  (await tables.neighbours()).find((each) => each.address === address)?.mac;

describe("followHome", () => {
  it("answers from memory, for as long as nothing is announced", async () => {
    const home = await start();
    await home.clock.advance(50_000);
    for (let round = 0; round < 100; round += 1) await Promise.all([home.tables.ip(), home.tables.neighbours(), home.tables.ports()]);
    assert.deepEqual(home.calls, []);
    assert.deepEqual(home.tables.warnings(), []);
  });

  it("changes neighbours and ports in place", async () => {
    const home = await start();
    home.say("[NEIGH]192.168.1.77 dev br-lan lladdr 02:00:00:00:0a:77 REACHABLE ", "[NEIGH]192.168.1.21 dev br-lan lladdr 02:00:00:00:0a:99 STALE ",
      "[NEIGH]192.168.1.22 dev br-lan FAILED ");
    assert.deepEqual([await macOf(home, "192.168.1.77"), await macOf(home, "192.168.1.21"), await macOf(home, "192.168.1.22")], ["02:00:00:00:0a:77",
      "02:00:00:00:0a:99", undefined]);
    home.say(`[NEIGH]dev lan2 lladdr ${camera} REACHABLE `, `[NEIGH]Deleted dev lan1 lladdr ${camera} STALE `,
      "[NEIGH]dev vxlan0 lladdr 02:00:00:00:0a:05 REACHABLE ");
    assert.deepEqual([(await home.tables.ports()).get(camera), (await home.tables.ports()).get("02:00:00:00:0a:05")], ["lan2", undefined],
      "it moved; no port of a bridge");
    home.say(`[NEIGH]Deleted dev lan2 lladdr ${camera} STALE `);
    assert.equal((await home.tables.ports()).get(camera), undefined);
    assert.deepEqual(home.calls, []);
  });

  it("a bridge that filters VLANs forgets a device in one of them: it is read again which port it is on", async () => {
    const home = await start();
    const addr = JSON.parse(vector("iproute2/ip-addr.json")) as { ifname: string; linkinfo?: object }[];
    home.instead["ip -j -d addr"] = JSON.stringify(
      addr.map((link) => (link.ifname === "br-lan" ? { ...link, linkinfo: { info_kind: "bridge", info_data: { vlan_filtering: 1 } } } : link)),
    );
    const entry = (vlan: number): object => ({ mac: camera, ifname: "lan1", vlan, flags: [], master: "br-lan", state: "" });
    const forget = async (vlans: readonly number[]): Promise<string | undefined> => {
      home.instead["bridge -j fdb show"] = JSON.stringify(vlans.map(entry));
      home.calls.length = 0;
      home.say(`[NEIGH]Deleted dev lan1 lladdr ${camera} STALE `);
      await home.clock.advance(1_000);
      return (await home.tables.ports()).get(camera);
    };
    home.say("[LINK]2: br-lan: <BROADCAST,MULTICAST,UP,LOWER_UP>");
    await home.clock.advance(20_000);
    assert.equal(await forget([10]), "lan1", "in VLAN 30 alone");
    assert.deepEqual(home.calls, ["bridge -j fdb show"]);
    home.instead["bridge -j fdb show"] = "nonsense";
    home.say(`[NEIGH]Deleted dev lan1 lladdr ${camera} STALE `);
    await home.clock.advance(1_000);
    assert.equal((await home.tables.ports()).get(camera), "lan1", "what cannot be read stays as it was");
    assert.equal(await forget([]), undefined, "in the last one too");
  });

  it("reads addresses and routes again once they have changed, and says so only where they differ", async () => {
    const home = await start();
    let changes = 0;
    await home.clock.advance(20_000);
    home.tables.onChange(() => {
      changes += 1;
    });
    home.say("[ADDR]5: wan    inet6 2001:db8:ff::2/64 scope global dynamic \\ valid_lft 1800sec preferred_lft 1800sec");
    await home.clock.advance(0);
    assert.deepEqual([home.calls.length, changes], [4, 0]);
    await home.clock.advance(20_000);
    home.instead["ip -j -4 route show default"] = "[]";
    home.say("[ROUTE]Deleted default via 203.0.113.1 dev wan ");
    await home.clock.advance(0);
    assert.deepEqual([home.calls.length, changes, (await home.tables.ip()).defaultRoutes.length], [8, 1, 1]);
  });

  it("reads ever less often while changes go on and on", async () => {
    const home = await start();
    for (let at = 0; at < 600; at += 1) {
      home.say("[LINK]5: wan: <UP>");
      await home.clock.advance(100);
    }
    assert.ok(home.calls.length / 4 < 20, `${home.calls.length / 4} readings in a minute`);
  });

  it("reads everything again when the kernel had to drop announcements", async () => {
    const home = await start();
    home.runs.at(-1)?.onComplaint("netlink receive error No buffer space available (105)\n");
    await home.clock.advance(3_000);
    assert.deepEqual(home.calls.sort(), ["bridge -j fdb show", "ip -j -4 route show default", "ip -j -6 route show default",
      "ip -j -6 route show type unreachable", "ip -j -d addr", "ip -j neigh"]);
  });

  it("works a quarter of the time at most under a flood of announcements", async () => {
    const home = await start({ busy: 20 });
    for (let at = 0; at < 8 && !home.paused; at += 1) home.say("[NEIGH]192.168.1.77 dev br-lan lladdr 02:00:00:00:0a:77 REACHABLE ");
    assert.equal(home.paused, true);
    await home.clock.advance(500);
    assert.equal(home.paused, false);
  });

  it("holds only so many neighbours and ports", async () => {
    const home = await start();
    for (let at = 0; at < 20_000; at += 1)
      home.say(`[NEIGH]10.0.${at >> 8}.${at & 255} dev br-lan lladdr 02:00:00:00:0a:01 STALE `,
        `[NEIGH]dev lan1 lladdr 02:bb:00:00:${(at >> 8).toString(16).padStart(2, "0")}:${(at & 255).toString(16).padStart(2, "0")} STALE `);
    assert.deepEqual([(await home.tables.neighbours()).length, (await home.tables.ports()).size], [4096, 4096]);
  });

  it("reads for each request, once a second at most, while nothing can be followed; and follows again", async () => {
    const home = await start();
    home.runs.at(-1)?.onEnd({ status: 255, isMissing: false, reason: "ip ended with status 255" });
    assert.match(home.tables.warnings().join(), /cannot be followed: ip ended with status 255/);
    assert.match(home.log.join("\n"), /^warn: .*cannot be followed: ip ended with status 255.*; next attempt in 1 s$/m);
    await Promise.all([home.tables.neighbours(), home.tables.neighbours()]);
    await home.clock.advance(2_500);
    home.calls.length = 0;
    for (let round = 0; round < 5; round += 1) await Promise.all([home.tables.neighbours(), home.tables.neighbours()]);
    assert.equal(home.runs.length, 2, "started again after a second");
    await home.clock.advance(5_000);
    assert.deepEqual(home.tables.warnings(), []);
    assert.equal(home.log.filter((line) => line.startsWith("warn")).length, 1, home.log.join("\n"));
  });

  it("keeps what it knows while a tool cannot be run", async () => {
    const home = await start();
    home.fails = "ip cannot be run: spawn ip EMFILE";
    home.runs.at(-1)?.onEnd({ status: null, isMissing: false, reason: "spawn ip EMFILE" });
    await home.clock.advance(1_500);
    assert.equal((await home.tables.ip()).links.length, 5);
    assert.equal(await macOf(home, "192.168.1.21"), camera);
  });
});
