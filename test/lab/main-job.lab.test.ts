import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LookupView } from "../../src/operator/describe-lookup.ts";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { eventually, until } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { cuid, playScene, type Scene } from "./scene.ts";
import { startAttack, startTransfer, type AttackOptions, type Transfer } from "./scene-attack.ts";
import { scopeOf } from "./start-peer.ts";

const { camera, target, wan, isp } = labAddresses;

/** For the laptop's transfer; where the whole machine pauses, which another transfer shows, three times as long as it. */
const longestGapMs = 1_500;

describe("the main job", { timeout: suiteLimit, concurrency: 3 }, () => {
  for (const library of ["openssl", "gnutls"] as const) {
    for (const family of [4, 6] as const)
      it(`with ${library}: stops the camera's flood over IPv${family} until the upstream withdraws its request`, () =>
        playScene({ library, globals: { terminating_period: "4" } }, async (scene) => {
          const { daemon, lab } = scene;
          const transfer = await startTransfer(lab, family);
          const attack = await startAttack(lab, { family });
          const scope = await attack.reported() as Scope;
          // The ISP sees what the router made of it: another address, other ports; with IPv6 the camera's own.
          const seen = { source: family === 4 ? wan.v4 : camera.v6, target: family === 4 ? target.v4 : target.v6, bits: family === 4 ? 32 : 128 };
          assert.deepEqual(scope["source-prefix"], [`${seen.source}/${seen.bits}`]);
          const ports = scope["source-port-range"].map((range): readonly [number, number] => [range["lower-port"], range["upper-port"]]);
          if (family === 4) assert.ok(ports.every(([, upper]) => upper < 32_768), "shifted");
          else assert.deepEqual(ports, [[40_000, 40_019]]);

          const found = await daemon.json("lookup", ...lookupArguments(scope)) as LookupView;
          assert.deepEqual(Object.keys(found), ["devices", "router_itself", "witnesses", "would", "why"]);
          assert.equal(found.router_itself, false);
          assert.equal(found.devices.length, 1);
          assert.equal(found.devices[0]?.mac, camera.mac);
          assert.equal(found.devices[0].certainty, "likely", "an address alone can be forged");
          assert.match(found.would.join(), /^block Kitchen-camera -> .* at once$/);
          assert.ok(found.why.some((reason) => reason.includes(camera.mac)), found.why.join("\n"));

          const beforePut = Date.now();
          const { accepted, first } = await scene.putAndObserve(56, scope);
          assert.equal(accepted.code, "2.01");
          const { lifetime, status: atFirst = 0, ...others } = scopeOf(accepted);
          assert.deepEqual(others, { mid: 56 });
          assert.ok([1, 2].includes(atFirst), `status ${atFirst}: in progress, or mitigated already on a machine that answers late`);
          assertRemaining(lifetime, 600, beforePut);
          assert.equal(first.code, "2.05");
          // Setting up, and nothing dropped yet; or the first packets have been dropped by now.
          assert.ok(scopeOf(first).status === ((scopeOf(first)["pkts-dropped"] ?? 0) > 0 ? 2 : 1), JSON.stringify(first.body));
          const mitigated = await scene.notified(56, ({ status }) => status === 2);
          assert.ok((mitigated["pkts-dropped"] ?? 0) > 0 && (mitigated["bytes-dropped"] ?? 0) > 0, JSON.stringify(mitigated));
          await attack.stops(500);
          const stopped = Date.now();

          // The counters of its flows are read in the background.
          const shown = await eventually("the device's packets are known", async () => {
            const mitigation = await certain(scene);
            return (mitigation.devices[0]?.evidence.packets ?? 1) > 0 ? mitigation : undefined;
          });
          assertContract(shown, { beforePut, scope, ports, seen });
          const { status, upstreams } = await sessionOf(scene);
          assert.deepEqual(status.mitigations, { pending: 0, active: 1, terminating: 0, ended: 0 });
          assert.deepEqual(upstreams, { name: "isp", state: "connected", transport: "udp", peer: `${isp.v4}:4647`, last_error: null, sessions: 1 });

          const beforeRefresh = Date.now();
          const refreshed = await scene.put(56, { ...scope, lifetime: 900 });
          assert.equal(refreshed.code, "2.04");
          assertRemaining(scopeOf(refreshed).lifetime, 900, beforeRefresh);
          await attack.sends(300);
          // Its reports come in pieces, larger ones on a busy machine.
          await eventually("it sent 300 since it was stopped", () => (attack.sent(stopped, Date.now()) >= 300 ? true : undefined));
          assert.equal(attack.since(stopped), 0, "a refresh lets nothing through");

          const lasting = scopeOf(await scene.get(56));
          assert.ok((lasting["pkts-dropped"] ?? 0) > (mitigated["pkts-dropped"] ?? 0), "counting goes on");
          const blocked = attack.sent(stopped, Date.now());
          assert.equal((await scene.delete(56)).code, "2.02");
          const terminating = await scene.notified(56, (told) => told.status === 5);
          assert.ok((terminating.lifetime ?? 0) > 0);
          const terminated = await scene.notified(56, (told) => told.status === 6);
          assert.ok(blocked >= 300 && (terminated["pkts-dropped"] ?? 0) >= blocked, `${terminated["pkts-dropped"] ?? 0} of at least ${blocked} were dropped`);
          await attack.arrives();
          assert.equal(attack.since(stopped, terminating.t), 0, "still blocked while terminating");
          await until("nothing is left in the kernel", async () => await scene.ruleset() === "");
          const ended = (await daemon.json("list") as MitigationView[])[0];
          assert.deepEqual([ended?.state, ended?.outcome, ended?.status], ["ended", "withdrawn", 6]);
          await attack.end();
          await assertUndisturbed(transfer);
        }));

    it(`with ${library}: tells of the expiry of a short lifetime, and lets the traffic flow again`, () =>
      playScene({ library }, async (scene) => {
        const attack = await startAttack(scene.lab);
        assert.equal((await scene.put(1, await attack.reported({ lifetime: 10 }))).code, "2.01");
        await scene.observe(1);
        await scene.notified(1, ({ status }) => status === 2);
        const over = await scene.notified(1, ({ status }) => status === 6);
        assert.equal(over.lifetime, 0);
        await attack.arrives();
        const [ended] = await scene.daemon.json("list") as MitigationView[];
        assert.deepEqual([ended?.state, ended?.outcome, ended?.status], ["ended", "expired", 6]);
        await until("nothing is left in the kernel", async () => await scene.ruleset() === "");
        const [entry] = await scene.daemon.json("history") as { event: string; outcome: string; dropped: { packets: number } }[];
        assert.deepEqual([entry?.event, entry?.outcome], ["ended", "expired"]);
        assert.ok((entry?.dropped.packets ?? 0) > 0);
        await attack.end();
      }));
  }
});

describe("floods of every kind", { timeout: suiteLimit, concurrency: 2 }, () => {
  const kinds: readonly AttackOptions[] = [
    { protocol: "tcp", family: 4 },
    { protocol: "tcp", family: 6 },
    { protocol: "tcp-syn", family: 4 },
    { protocol: "icmp", family: 4 },
    { protocol: "icmp", family: 6 },
  ];
  for (const kind of kinds)
    it(`stops ${kind.protocol ?? ""} over IPv${kind.family ?? ""}`, () =>
      playScene({ library: "gnutls" }, async (scene) => {
        // A victim under attack does not answer: else each SYN is reset, forgotten, and leaves from another port.
        if (kind.protocol === "tcp-syn")
          await scene.lab.target.run("nft", [
            "add table inet victim; add chain inet victim input { type filter hook input priority 0; }; add rule inet victim input tcp dport 443 drop",
          ]);
        const transfer = await startTransfer(scene.lab, kind.family);
        const attack = await startAttack(scene.lab, kind);
        assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
        await scene.observe(1);
        const { "pkts-dropped": dropped = 0 } = await scene.notified(1, ({ status }) => status === 2);
        assert.ok(dropped > 0);
        await attack.stops(500);
        const { devices, state } = await certain(scene);
        assert.deepEqual([state, devices.map(({ mac }) => mac)], ["active", [camera.mac]]);
        await attack.end();
        await assertUndisturbed(transfer);
      }));

  it("lets nothing through while a request replaces another", () =>
    playScene({}, async (scene) => {
      const attack = await startAttack(scene.lab);
      const scope = await attack.reported();
      assert.equal((await scene.put(1, scope)).code, "2.01");
      await attack.stops(500);
      const stopped = Date.now();
      // RFC 9132 §4.4.1.3: a higher mid overrides what overlaps with it.
      assert.equal((await scene.put(2, { ...scope, "target-port-range": [{ "lower-port": 443, "upper-port": 444 }] })).code, "2.01");
      await attack.sends(1_000);
      const through = attack.since(stopped);
      const [newest] = await scene.daemon.json("list") as MitigationView[];
      await attack.end();
      assert.deepEqual(newest?.devices.map(({ mac }) => mac), [camera.mac]);
      assert.equal(through, 0, "packets got through");
    }));

  it("leaves another device's flood to the same target alone, which nobody complained of", () =>
    playScene({}, async (scene) => {
      const attacked = await startAttack(scene.lab, { port: 443 });
      const scope = await attacked.reported();
      const other = await startAttack(scene.lab, { port: 444, from: "laptop", rate: 200 });
      await other.arrives();
      assert.equal((await scene.put(1, scope)).code, "2.01");
      await attacked.stops(500);
      await other.arrives();
      const [mitigation] = await scene.daemon.json("list") as MitigationView[];
      assert.deepEqual(mitigation?.devices.map(({ mac }) => mac), [camera.mac]);
      await attacked.end();
      await other.end();
    }));
});

/** The only mitigation, once the kernel has seen the MAC addresses that its packets bear. */
const certain = ({ daemon }: Scene): Promise<MitigationView> =>
  eventually("its devices are certain", async () => {
    const [mitigation] = await daemon.json("list") as MitigationView[];
    return mitigation?.devices.length && mitigation.devices.every(({ certainty }) => certainty === "exact") ? mitigation : undefined;
  });

interface Scope {
  readonly "source-prefix": readonly string[];
  readonly "target-prefix": readonly string[];
  readonly "source-port-range": readonly { readonly "lower-port": number; readonly "upper-port": number }[];
}

function lookupArguments(scope: Scope): string[] {
  const ports = scope["source-port-range"].flatMap((range) => ["--source-port", `${range["lower-port"]}-${range["upper-port"]}`]);
  return ["--source", ...scope["source-prefix"], ...ports, "--target", ...scope["target-prefix"], "--target-port", "443", "--protocol", "udp"];
}

/** Exactly the members of the contract, and nothing that is not true. */
function assertContract(
  shown: MitigationView | undefined,
  { beforePut, scope, ports, seen }: {
    beforePut: number;
    scope: Scope;
    ports: readonly (readonly [number, number])[];
    seen: { source: string; target: string; bits: number };
  },
): void {
  assert.ok(shown);
  const { requested_at, expires_at, devices, dropped, ...rest } = shown;
  assert.deepEqual(rest, {
    id: 1,
    upstream: "isp",
    cuid,
    mid: 56,
    state: "active",
    outcome: null,
    status: 2,
    action: "block",
    target: { prefixes: scope["target-prefix"], ports: [[443, 443]], protocols: [17], fqdns: [], uris: [] },
    source: { prefixes: scope["source-prefix"], ports, icmp_types: [] },
  });
  assert.match(requested_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const requested = Date.parse(requested_at);
  assert.ok(requested >= beforePut - 10 && requested <= Date.now());
  assert.equal(Date.parse(expires_at ?? "") - requested, 600_000);
  assert.deepEqual(Object.keys(dropped), ["packets", "bytes"]);
  assert.ok(dropped.packets > 0 && dropped.bytes >= dropped.packets * 100);
  const [device, another] = devices;
  assert.ok(device && !another);
  const { evidence, addresses, ...identity } = device;
  assert.deepEqual(identity, { mac: camera.mac, name: camera.name, port: camera.port, certainty: "exact" });
  assert.ok(addresses.includes(seen.bits === 32 ? camera.v4 : camera.v6));
  assert.deepEqual(Object.keys(evidence).sort(), ["bytes", "first_seen", "flows", "last_seen", "packets"]);
  assert.equal(evidence.flows, 20);
  assert.ok(evidence.packets > 0 && evidence.bytes > 0);
}

async function sessionOf({ daemon }: Scene): Promise<{ status: StatusView; upstreams: object }> {
  const status = await daemon.json("status") as StatusView;
  assert.deepEqual(Object.keys(status).sort(), ["mitigations", "upstreams", "uptime_seconds", "version", "warnings"]);
  assert.ok(Number.isInteger(status.uptime_seconds));
  assert.equal(status.upstreams.length, 1);
  const { since, ...upstream } = status.upstreams[0] ?? { since: null };
  assert.ok(Date.parse(since ?? "") <= Date.now());
  return { status, upstreams: upstream };
}

/** A lifetime in an answer is what is left of it: at most what was asked, less by the time since then. */
function assertRemaining(lifetime: number | undefined, asked: number, since: number): void {
  const least = asked - Math.ceil((Date.now() - since) / 1000);
  assert.ok(lifetime !== undefined && lifetime <= asked && lifetime >= least, `${lifetime ?? "no"} s of ${asked} s, ${least} s or more are left`);
}

async function assertUndisturbed(transfer: Transfer): Promise<void> {
  const { bytes, sent, broken, longestGapMs: gap, floorMs } = await transfer.end();
  assert.equal(broken, null);
  assert.ok(bytes > 0 && bytes >= sent - 100_000, `${bytes} of ${sent} arrived`);
  assert.ok(gap < Math.max(longestGapMs, 3 * floorMs), `the laptop's transfer paused for ${gap} ms, another one for ${floorMs} ms`);
}
