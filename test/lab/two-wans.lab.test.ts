import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack, type Attack } from "./scene-attack.ts";
import { addSecondWan, leadToSecondUpstream, secondWan } from "./second-wan.ts";
import { scopeOf, type Peer, type PeerEvent } from "./start-peer.ts";

const { wan, isp, camera } = labAddresses;
/** Each upstream's share is half of it. */
const mostMitigations = 16;
const lifetime = 600;

interface Home {
  readonly scene: Scene;
  /** The providers of the first and of the second line. */
  readonly a: Peer;
  readonly b: Peer;
}

const kinds = [
  { how: "bound by bind_device, over IPv4", family: "v4", bound: true },
  { how: "known by the way that its session takes, over IPv6", family: "v6", bound: false },
] as const;

for (const { how, family, bound } of kinds)
  describe(`two providers on two lines, each ${how}`, { timeout: suiteLimit }, () => {
    it("neither speaks for the other's line, takes its room, or stands in its way", () => {
      const at = (address: string): string => (family === "v4" ? `${address}:4647` : `[${address}]:4647`);
      return playScene({ without: ["peer", "daemon"] }, async (scene) => {
        const { lab } = scene;
        await addSecondWan(lab);
        if (!bound) await leadToSecondUpstream(lab);
        // Under the same cuid, both of them.
        const a = await scene.startPeer({ listen: at(isp[family]) });
        const b = await scene.startPeer({ listen: at(secondWan.upstream[family]) });
        const daemon = scene.startDaemon({
          globals: { wan_device: ["wan", "wan2"], max_mitigations: String(mostMitigations), request_rate: "1000" },
          upstream: { host: isp[family], ...(bound ? { bind_device: "wan" } : {}) },
          more: `config upstream 'other'\n\toption host '${
            secondWan.upstream[family]
          }'\n\toption transport 'udp'\n\toption auth 'psk'\n\toption psk_identity 'cpe-0001'\n\toption psk_file '${lab.files.folder}/isp.psk'\n${
            bound ? "\toption bind_device 'wan2'\n" : ""
          }`,
        });
        await Promise.all([daemon.logged(/upstream isp: session with/), daemon.logged(/upstream other: session with/)]);
        const sessionOf = async (peer: Peer): Promise<PeerEvent> => peer.until("the session", ({ event, is }) => event === "session" && is === "up");
        assert.ok((await sessionOf(a)).remote?.includes(wan[family]), "the first dials from the first line");
        assert.ok((await sessionOf(b)).remote?.includes(secondWan.wan[family]), "the second from the second line");
        const status = await daemon.json("status") as StatusView;
        assert.deepEqual(status.upstreams.map(({ name, wan }) => `${name} by ${wan ?? "?"}`), ["isp by wan", "other by wan2"]);
        const home = { scene, a, b };
        await speaksForItsOwnLineOnly(home, bound);
        await takesTheOthersRoom(home);
      });
    });
  });

async function speaksForItsOwnLineOnly({ scene: { daemon }, a, b }: Home, bound: boolean): Promise<void> {
  const ask = async (peer: Peer, source: string): Promise<[string | undefined, string | undefined]> => {
    const target = source.includes(":") ? "2001:db8:c000::99/128" : "198.51.100.99/32";
    const { code, diagnostic } = await peer.ask({
      do: "put",
      mid: 1,
      scope: { "source-prefix": [source], "target-prefix": [target], "target-protocol": [17], lifetime },
      repeat: 5,
    });
    return [code, diagnostic];
  };
  const first = [`${wan.v4}/32`, `${wan.v6}/128`, `${camera.v6}/128`];
  const second = [`${secondWan.wan.v4}/32`, `${secondWan.wan.v6}/128`, `${secondWan.laptop.v6}/128`];
  for (const source of second) assert.deepEqual(await ask(a, source), ["4.00", "source-prefix is not ours"], `the first names ${source}`);
  for (const source of first) assert.deepEqual(await ask(b, source), ["4.00", "source-prefix is not ours"], `the second names ${source}`);
  assert.deepEqual(await daemon.json("list"), []);
  const warnings = (await daemon.json("status") as StatusView).warnings.filter((line) => line.includes("refused"));
  const why = (other: string, own: string, address: RegExp): RegExp =>
    new RegExp(`it names addresses of ${other}, but ${bound ? `it is bound to ${own}` : `its session leaves from ${address.source}`}; option bind_device says`);
  for (const [name, reason] of [["isp", why("wan2", "wan", /2001:db8:ff::7/)], ["other", why("wan", "wan2", /2001:db8:fe::7/)]] as const) {
    const told = warnings.filter((line) => line.startsWith(`upstream ${name} `));
    assert.equal(told.length, 1, JSON.stringify(warnings));
    assert.match(told[0] ?? "", /3 requests were refused/);
    assert.match(told[0] ?? "", reason);
    assert.ok(daemon.log.some((line) => line.startsWith(`warn: upstream ${name} `) && reason.test(line)), "the log says so too");
  }
}

/** The second provider asks for all that it may, under the first's cuid and mids; then both homes' devices attack, over both families. */
async function takesTheOthersRoom({ scene: { daemon, lab }, a, b }: Home): Promise<void> {
  const put = (peer: Peer, mid: number, scope: object): Promise<PeerEvent> => peer.ask({ do: "put", mid, scope, repeat: 5 });
  const attacks: readonly { readonly peer: Peer; readonly mid: number; readonly attack: Attack }[] = [
    { peer: a, mid: 100, attack: await startAttack(lab) },
    { peer: a, mid: 101, attack: await startAttack(lab, { family: 6, port: 444 }) },
    { peer: b, mid: 100, attack: await startAttack(lab, { from: "laptop", port: 445 }) },
    { peer: b, mid: 101, attack: await startAttack(lab, { from: "laptop", family: 6, port: 446, address: secondWan.laptop.v6 }) },
  ];
  const reported = await Promise.all(attacks.map(({ attack }) => attack.reported({ lifetime })));
  // What the second may ask about itself first: the last places of its share are for what it is really there for.
  for (const at of [2, 3]) assert.equal((await put(b, attacks[at]?.mid ?? 0, reported[at] ?? {})).code, "2.01");
  const fills = Array.from({ length: mostMitigations }, (_, at) => at);
  const codes: (string | undefined)[] = [];
  // The same target as the camera's, from other ports of the second line's address, and others.
  for (const at of fills)
    codes.push(
      (await put(b, 200 + at, {
        "source-prefix": [`${secondWan.wan.v4}/32`],
        "source-port-range": [{ "lower-port": 50_000 + at }],
        "target-prefix": ["198.51.100.9/32"],
        "target-protocol": [17],
        lifetime,
      })).code,
    );
  assert.deepEqual(codes, fills.map((at) => (at < mostMitigations / 2 - 2 ? "2.01" : "5.03")), "its half is full, not more");
  for (const at of [0, 1]) {
    const { code, diagnostic } = await put(a, attacks[at]?.mid ?? 0, reported[at] ?? {});
    assert.equal(code, "2.01", diagnostic);
  }
  for (const { attack } of attacks) await attack.stops(300);
  const list = (await daemon.json("list") as MitigationView[]).filter(({ devices }) => devices.length > 0);
  assert.deepEqual(
    list.map(({ upstream, mid, devices }) => `${upstream} ${mid} ${devices.map(({ name }) => name).join()}`).sort(),
    ["isp 100 Kitchen-camera", "isp 101 Kitchen-camera", "other 100 Annas-laptop", "other 101 Annas-laptop"],
  );
  // Nor can it withdraw what the first has under the same cuid and mid: its own ends.
  assert.equal((await b.ask({ do: "delete", mid: 100, repeat: 5 })).code, "2.02");
  await until("the second's own is withdrawn",
    async () => (await daemon.json("list") as MitigationView[]).find(({ upstream, mid }) => upstream === "other" && mid === 100)?.state !== "active");
  const its = scopeOf(await a.ask({ do: "get", mid: 100, repeat: 5 }));
  assert.deepEqual([its.mid, its.status], [100, 2]);
  await attacks[0]?.attack.stops(300);
  for (const { attack } of attacks) await attack.end();
}
