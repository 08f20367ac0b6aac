import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DeviceView } from "../../src/operator/describe-device.ts";
import type { HistoryView } from "../../src/operator/describe-history.ts";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { openUbus, type Ubus, type UbusTable } from "ubus-ts";
import { startUbusd } from "../../packages/ubus-ts/test/start-ubusd.ts";
import type { TestUbusd } from "../../packages/ubus-ts/test/ubusd.ts";
import { patience, suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { scopeOf } from "./start-peer.ts";

const { camera } = labAddresses;
const legitimateTraffic = 4; // RFC 9066 §5.3.1, conflict-cause

/** A scene with a ubusd, and what the object dots-callhome tells there. */
async function withUbus(scene: Scene, use: (ubus: Ubus, told: [string, MitigationView][], ubusd: TestUbusd) => Promise<void>): Promise<void> {
  const path = `${scene.lab.files.folder}/ubus.sock`;
  const ubusd = await startUbusd(path);
  const ubus = openUbus({ path });
  const told: [string, MitigationView][] = [];
  ubus.subscribe("dots-callhome", (type, data) => {
    told.push([type, data as unknown as MitigationView]);
  });
  try {
    scene.startDaemon({ globals: { consent: "ask", ubus_socket: path } });
    await scene.daemon.logged(/: session with/);
    await until("the object is there", async () => ubus.isConnected && (await ubus.lookup("dots-callhome")).length === 1);
    await use(ubus, told, ubusd);
  } finally {
    ubus.close();
    await ubusd.stop();
  }
}

const list = async ({ daemon }: Scene): Promise<MitigationView[]> => await daemon.json("list") as MitigationView[];
const history = async ({ daemon }: Scene): Promise<HistoryView[]> => await daemon.json("history") as HistoryView[];

describe("the owner, over ubus", { timeout: suiteLimit, concurrency: 2 }, () => {
  it("reads which Wi-Fi a device is on; WAN and LAN are those of netifd", () =>
    playScene({ without: ["daemon"] }, async (scene) => {
      const path = `${scene.lab.files.folder}/ubus.sock`;
      const ubusd = await startUbusd(path);
      const services = openUbus({ path });
      const serve = (object: string, answers: Readonly<Record<string, UbusTable>>): void => {
        services.publish({
          path: object,
          methods: Object.fromEntries(Object.entries(answers).map(([method, answer]) => [method, { signature: {}, answer: () => answer }])),
        });
      };
      serve("network.interface", {
        dump: {
          interface: [
            { interface: "lan", up: true, proto: "static", l3_device: "br-lan", device: "br-lan", route: [] },
            { interface: "wan", up: true, proto: "static", l3_device: "wan", device: "wan", route: [{ target: "0.0.0.0", mask: 0 }] },
          ],
        },
      });
      serve("hostapd.wlan0", { get_clients: { clients: { [camera.mac]: { authorized: true } } }, get_status: { ssid: "home" } });
      try {
        await until("published", async () => services.isConnected && (await services.lookup("hostapd.wlan0")).length === 1);
        scene.startDaemon({ globals: { consent: "ask", ubus_socket: path, lan_device: "", wan_device: "" } });
        await scene.daemon.logged(/: session with/);
        const attack = await startAttack(scene.lab);
        await scene.put(7, await attack.reported());
        assert.deepEqual((await list(scene)).map(({ state, devices }) => [state, devices[0]?.mac, devices[0]?.port]), [["pending", camera.mac,
          'Wi-Fi "home"']]);
        const [known] = await scene.daemon.json("devices") as DeviceView[];
        assert.deepEqual([known?.port, known?.vendor], ['Wi-Fi "home"', null], "a MAC address of the lab is nobody's");
      } finally {
        services.close();
        await ubusd.stop();
      }
    }));

  it("is asked once about a device, answers once, and all requests are answered; who did it is remembered", () =>
    playScene({ without: ["daemon"] }, (scene) =>
      withUbus(scene, async (ubus, told) => {
        const attack = await startAttack(scene.lab);
        const attack6 = await startAttack(scene.lab, { family: 6, port: 444 });
        const scope = await attack.reported();
        await scene.put(7, scope);
        await scene.put(8, await attack6.reported());
        assert.deepEqual((await list(scene)).map(({ id, state, devices }) => [id, state, devices[0]?.mac]), [[2, "pending", camera.mac], [1, "pending",
          camera.mac]]);
        // A question is told again where the packets have confirmed its device: for pages that show it.
        const told12 = (): string[] => [...new Set(told.filter(([type]) => type !== "upstream").map(([type, view]) => `${type} ${view.id}`))];
        await until("the owner is asked", () => told12().length > 0);
        assert.deepEqual(told12(), ["request 1"]);

        const answer = await ubus.invoke("dots-callhome", "approve", { id: 2, seconds: 3600 });
        assert.deepEqual([answer["id"], answer["state"], answer["also"]], [2, "active", [1]]);
        await attack.stops(500);
        await attack6.stops(500);
        assert.deepEqual((await list(scene)).map(({ state }) => state), ["active", "active"]);
        const approvals = (await history(scene)).filter(({ event }) => event === "approved");
        assert.deepEqual(approvals.map(({ who, via, mitigation }) => [who, via, mitigation]), [["root", "ubus", 1], ["root", "ubus", 2]]);
        await scene.daemon.logged(/approve 2 3600 by root, over ubus/);
        await until("told that both are blocked", () => told12().length === 3);
        assert.deepEqual(told12(), ["request 1", "blocked 2", "blocked 1"]);

        // For an hour: what the upstream withdraws and asks for again is no new question.
        await scene.delete(7);
        assert.equal((await scene.put(9, scope)).code, "2.01");
        const again = (await list(scene))[0];
        assert.deepEqual([again?.mid, again?.state], [9, "active"]);
        assert.equal(told12().filter((each) => each.startsWith("request")).length, 1, "and nobody is asked again");
        await attack.end();
        await attack6.end();
      })));

  it("goes on when ubusd restarts, and hears of the end", () =>
    playScene({ without: ["daemon"] }, (scene) =>
      withUbus(scene, async (ubus, told, ubusd) => {
        const attack = await startAttack(scene.lab);
        await scene.put(7, await attack.reported());
        await until("asked", () => told.some(([type]) => type === "request"));
        await ubusd.stop();
        const next = await startUbusd(ubusd.path);
        try {
          await until("subscribed again", async () => ubus.isConnected && (await ubus.lookup("dots-callhome").catch(() => [])).length === 1);
          // A change of the session is told: whoever hears it is subscribed.
          const before = told.length;
          await until("subscribed again", async () => {
            await scene.daemon.cli("reconnect");
            return told.length > before;
          });
          const view = await ubus.invoke("dots-callhome", "deny", { id: 1 });
          assert.deepEqual([view["state"], view["outcome"]], ["ended", "denied"]);
          await until("told of the end", () => told.some(([type, about]) => type === "ended" && about.outcome === "denied"));
          await assert.rejects(ubus.invoke("dots-callhome", "deny", { id: 1 }), /not supported/);
          await assert.rejects(ubus.invoke("dots-callhome", "deny", { id: 99 }), /not found/);
        } finally {
          await next.stop();
        }
        assert.deepEqual(scene.daemon.log.filter((line) => /^(warn|error).*ubus/.test(line)), [
          "warn: ubus: ubusd ended the connection; tried again every 10 s at least",
        ]);
        await attack.end();
      })));
});

describe("while the owner has not answered", { timeout: suiteLimit, concurrency: 2 }, () => {
  it("slows the device down if while_pending says so, and denies when nobody answers", () =>
    playScene({ globals: { consent: "ask", while_pending: "limit", limit_rate: "50", consent_timeout: "20" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      const scope = await attack.reported();
      await scene.put(7, scope);
      await scene.observe(7);
      await until("it is slowed down", async () => (await scene.ruleset()).includes("limit name"));
      const from = Date.now();
      await attack.sends(1_500);
      const perSecond = attack.since(from) / (Date.now() - from) * 1000;
      assert.ok(perSecond > 10 && perSecond < 150, `${perSecond} packets a second arrive, 50 are allowed`);
      const denied = await scene.notified(7, ({ status }) => status === 7, 2 * patience);
      assert.equal(denied["conflict-information"]?.["conflict-cause"], legitimateTraffic);
      await until("nothing is slowed down", async () => await scene.ruleset() === "");
      const after = Date.now();
      await attack.sends(500);
      assert.ok(attack.since(after) > 250, "all of it arrives again");
      const [ended] = await history(scene);
      assert.deepEqual([ended?.outcome, ended?.by, ended?.reason], ["denied", "time", "nobody answered in time"]);
      await attack.end();
    }));

  it("blocks when nobody answers, if on_timeout says so", () =>
    playScene({ globals: { consent: "ask", on_timeout: "block", consent_timeout: "2" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      await scene.put(7, await attack.reported());
      await scene.observe(7);
      await attack.stops(500);
      assert.equal((await scene.notified(7, ({ status }) => status === 2)).status, 2);
      assert.deepEqual((await list(scene)).map(({ state, action }) => [state, action]), [["active", "block"]]);
      await attack.end();
    }));

  it("keeps the question, and then the answer, through kill -9", () =>
    playScene({ globals: { consent: "ask" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      const scope = await attack.reported();
      await scene.put(7, scope);
      const restart = async (): Promise<void> => {
        scene.daemon.signal("SIGKILL");
        await scene.daemon.ended;
        scene.startDaemon();
        await scene.daemon.logged(/: session with/);
      };
      await restart();
      assert.deepEqual((await list(scene)).map(({ id, state }) => [id, state]), [[1, "pending"]]);
      assert.equal((await scene.daemon.cli("approve", "1")).code, 0);
      await restart();
      assert.deepEqual((await list(scene)).map(({ id, state }) => [id, state]), [[1, "active"]]);
      await attack.stops(500);
      assert.equal((await scene.daemon.cli("release", "1")).code, 0);
      await restart();
      const again = await scene.put(8, scope);
      assert.equal(again.code, "4.09");
      assert.equal(scopeOf(again)["conflict-information"]?.["conflict-cause"], legitimateTraffic);
      await attack.arrives();
      await attack.end();
    }));
});

describe("two owners, late ones, and wrong ones", { timeout: suiteLimit }, () => {
  it("one decision wins, the other hears why not", () =>
    playScene({ globals: { consent: "ask" } }, async (scene) => {
      const attack = await startAttack(scene.lab);
      await scene.put(7, await attack.reported());
      const outcomes = await Promise.all([scene.daemon.cli("approve", "1"), scene.daemon.cli("deny", "1"), scene.daemon.cli("approve", "1")]);
      assert.deepEqual(outcomes.map(({ code }) => code).sort(), [0, 1, 1]);
      for (const { code, stderr } of outcomes) if (code === 1) assert.match(stderr, /mitigation 1 is (active|ended \(denied\)): only a pending one can be/);
      const unknown = await scene.daemon.cli("approve", "4711");
      assert.equal(unknown.code, 1);
      assert.match(unknown.stderr, /there is no mitigation 4711/);
      assert.equal((await scene.daemon.cli("approve", "seventeen")).code, 2);
      await attack.end();
    }));
});
