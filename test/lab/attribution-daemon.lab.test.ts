import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LookupView } from "../../src/operator/describe-lookup.ts";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labAddresses, labMissing } from "./lab.ts";
import { playScene } from "./scene.ts";
import { rawPackets, send, sendOnly } from "./scene-witnesses.ts";

const { target, wan, camera } = labAddresses;
const missing = labMissing();

const scope = (more: object): object => ({
  "source-prefix": [`${wan.v4}/32`],
  "target-prefix": [`${target.v4}/32`],
  "target-protocol": [17],
  lifetime: 120,
  ...more,
});

describe("who it was, by the daemon", { timeout: suiteLimit, skip: missing.length > 0 && `needs ${missing.join(", ")}` }, () => {
  it("names a device whose flows have ended, in `lookup` and in a request", () =>
    playScene({}, async (scene) => {
      const { lab, daemon } = scene;
      const { ports } = await send(lab, lab.camera, { port: 4470, sourcePorts: "40000-40009" });
      await lab.router.run("conntrack", ["-D", "-s", camera.v4]);
      const [lower, upper] = [Math.min(...ports.split(/[ -]/).map(Number)), Math.max(...ports.split(/[ -]/).map(Number))];
      const words = ["--source", `${wan.v4}/32`, "--source-port", `${lower}-${upper}`, "--target", `${target.v4}/32`, "--target-port", "4470", "--protocol",
        "17"];
      const found = await daemon.json("lookup", ...words) as LookupView;
      assert.deepEqual([found.devices.map(({ mac, certainty }) => [mac, certainty]), found.witnesses], [[[camera.mac, "likely"]], ["journal"]]);
      assert.ok(found.devices[0]?.evidence.first_seen && found.devices[0].evidence.last_seen);
      const text = (await daemon.cli("lookup", ...words)).stdout;
      assert.match(text, /journal: 10 flows, all ended since, of 192\.168\.1\.23/);
      if (process.env["SHOW_LOOKUP"]) console.log(text);

      const ask = scope({ "target-port-range": [{ "lower-port": 4470 }], "source-port-range": [{ "lower-port": lower, "upper-port": upper }] });
      assert.equal((await scene.put(1, ask)).code, "2.01");
      const [mitigation] = await daemon.json("list") as MitigationView[];
      assert.deepEqual([mitigation?.state, mitigation?.devices[0]?.mac], ["active", camera.mac]);
    }));

  it("names the one of two devices whose ports the provider lists among its top talkers, and shows what it reports of the attack", () =>
    playScene({}, async (scene) => {
      const { lab, daemon } = scene;
      await send(lab, lab.laptop, { port: 4474, sourcePorts: "41000-41009" });
      const { ports } = await send(lab, lab.camera, { port: 4474, sourcePorts: "40000-40009" });
      const ranges = ports.split(" ").map((range) => range.split("-").map(Number));
      // RFC 9244 §12: the libcoap peer knows none of these keys by name.
      const talker = { "#185": `${wan.v4}/32`, "#187": ranges.map(([lower, upper = lower]) => ({ "lower-port": lower, "upper-port": upper })) };
      const attack = { "#202": 32_473, "#164": 77, "#165": "UDP flood", "#166": 4, "#167": Math.floor(Date.now() / 1000) - 600, "#170": { "#184": [talker] } };
      const flows = scope({ "target-port-range": [{ "lower-port": 4474 }] });
      assert.equal((await scene.put(1, { ...flows, "#205": [{ "#134": 8, "#209": 1200 }], "#207": [attack] })).code, "2.01");
      const [mitigation] = await daemon.json("list") as MitigationView[];
      assert.ok(mitigation);
      assert.deepEqual(mitigation.devices.map(({ mac }) => mac), [camera.mac]);
      assert.deepEqual([mitigation.report?.attacks[0]?.description, mitigation.report?.bits_per_second], ["UDP flood", 1.2e9]);
      assert.match((await daemon.cli("list")).stdout, /1: The internet provider reports: UDP flood, severe, began 1\d min ago, 1\.2 Gbit\/s at the target\./);
      // §9.1: an update says more; the request is the same.
      assert.equal((await scene.put(1, { ...flows, "attack-status": 1, "#207": [{ ...attack, "#165": "Mirai" }] }, { "if-match": "" })).code, "2.04");
      assert.deepEqual((await daemon.json("list") as MitigationView[]).map(({ report }) => [report?.attacks[0]?.description, report?.bits_per_second]), [[
        "Mirai",
        1.2e9,
      ]]);
      assert.match(String((await scene.put(2, { ...flows, "#207": [{ "#202": 1 }] })).diagnostic), /attack-id is missing/);
    }));

  it("keeps a request for which nobody is found on watch, and names the device when its next packet leaves", () =>
    playScene({}, async (scene) => {
      const { lab, daemon } = scene;
      assert.equal((await scene.put(1, scope({ "target-port-range": [{ "lower-port": 4471 }] }))).code, "2.01");
      assert.deepEqual((await daemon.json("list") as MitigationView[])[0]?.devices, []);
      await sendOnly(lab.camera, { port: 4471, sourcePorts: "40000-40001" });
      await until("the camera is named", async () => (await daemon.json("list") as MitigationView[])[0]?.devices[0]?.mac === camera.mac);
    }));

  it("names who sends from an address that is not its own", () =>
    playScene({}, async (scene) => {
      const { lab, daemon } = scene;
      const spoof = (): Promise<unknown> =>
        lab.camera.run(rawPackets, ["--protocol", "udp", "--to", target.v4, "--from", "10.9.9.9", "--sport", "5003", "--port", "4472", "--count", "10"]);
      assert.equal((await scene.put(1, scope({ "target-port-range": [{ "lower-port": 4472 }] }))).code, "2.01");
      await spoof();
      await until("the camera is named by its MAC address",
        async () => (await daemon.json("list") as MitigationView[])[0]?.devices.some(({ mac }) => mac === camera.mac) === true);
    }));

  it("goes on without the journal, and says so in `status`, until it is back", () =>
    playScene({}, async (scene) => {
      const { lab, daemon } = scene;
      const journals = async (): Promise<string[]> =>
        (await lab.router.run("pgrep", ["-P", String(daemon.pid), "-f", "conntrack -E"])).stdout.trim().split("\n").filter((pid) => pid !== "");
      await until("the journal runs", async () => (await journals()).length === 1);
      // It comes back by itself, later each time: it is ended until a look at the status meets a time without it.
      await until("it is missed", async () => {
        for (const pid of await journals()) process.kill(Number(pid), "SIGKILL");
        return (await daemon.json("status") as StatusView).warnings.some((warning) => warning.includes("the flow journal is down"));
      });
      const { ports } = await send(lab, lab.camera, { port: 4473, sourcePorts: "40000-40001" });
      const found = await daemon.json("lookup", "--source", `${wan.v4}/32`, "--source-port", ports.split(" ")[0] ?? "", "--target",
        `${target.v4}/32`) as LookupView;
      assert.deepEqual(found.devices.map(({ mac }) => mac), [camera.mac]);
      await until("it is back", async () => (await daemon.json("status") as StatusView).warnings.length === 0);
      daemon.signal("SIGTERM");
      assert.equal(await daemon.ended, 0);
      assert.deepEqual(await journals(), [], "nothing is left running");
    }));
});
