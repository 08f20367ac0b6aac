import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { noticeWords } from "../../src/operator/notice-words.ts";
import { noticeLimits } from "../../src/system/notice/notice-limits.ts";
import { openUbus } from "ubus-ts";
import { playHostapd } from "../system/filter/played-hostapd.ts";
import { startUbusd } from "../../packages/ubus-ts/test/start-ubusd.ts";
import { suiteLimit } from "../patience.ts";
import { eventually, until } from "../until.ts";
import { labAddresses, type Namespace } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";

const { camera, laptop, lan, target, wan } = labAddresses;
const port = 299;
const quarantining = { action: "quarantine", terminating_period: "0" };

/** Asks for a page and prints the status and the heading; or the error. */
const getScript = `
const [host, path, headers, port] = process.argv.slice(1);
const request = require("node:http").get({ host, port, path, headers: JSON.parse(headers), agent: false, timeout: 15000 }, (response) => {
  let body = "";
  response.setEncoding("utf8").on("data", (text) => { body += text; }).on("end", () => console.log(response.statusCode + " " + /<h1>(.*?)<\\/h1>/.exec(body)?.[1]));
});
request.on("error", (error) => console.log(error.code)).on("timeout", () => { request.destroy(); console.log("silence"); });
`;
const get = async (from: Namespace, host: string, path = "/", headers = {}, at = port): Promise<string> =>
  (await from.run(process.execPath, ["-e", getScript, host, path, JSON.stringify(headers), String(at)])).stdout.trim();

/** Opens many connections, half of which say nothing, for five seconds. */
const floodScript = `
const [host, many] = process.argv.slice(1);
const sockets = Array.from({ length: Number(many) }, (_, at) => {
  const socket = require("node:net").connect(${port}, host, () => { if (at % 2) socket.write("GET / HTTP/1.1\\r\\nX: " + "y".repeat(at * 10)); });
  return socket.on("error", () => undefined).on("data", () => undefined);
});
setTimeout(() => { console.log(sockets.length); process.exit(); }, 5000);
`;

const cutOff = `200 ${noticeWords.en.heading}`;
const notCutOff = `200 ${noticeWords.en.notCutOff}`;
/** Connections of the page that the daemon has accepted, by the kernel's own table: those that still wait have no inode. */
function accepted(pid: number): number {
  return readFileSync(`/proc/${pid}/net/tcp6`, "utf8").split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state, , , , , , inode]) =>
      local.endsWith(`:${port.toString(16).toUpperCase().padStart(4, "0")}`) && state === "01" && inode !== "0"
    ).length;
}
const residentMegabytes = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

async function quarantine(scene: Scene): Promise<{ end(): Promise<void> }> {
  const attack = await startAttack(scene.lab);
  assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
  await attack.stops(500);
  return {
    async end() {
      await attack.end();
    },
  };
}

describe("the notice page", { timeout: suiteLimit }, () => {
  it("is there for the device that is cut off, by IPv4, IPv6 and link-local address; not before, not after, not from outside", () =>
    playScene({ globals: quarantining }, async (scene) => {
      const { lab } = scene;
      assert.equal(await get(lab.camera, lan.v4), "ECONNREFUSED");
      const before = residentMegabytes(scene.daemon.pid);
      const attack = await quarantine(scene);
      await until("the page is there", async () => await get(lab.camera, lan.v4) === cutOff);
      const links = JSON.parse((await lab.router.run("ip", ["-6", "-j", "addr", "show", "dev", "br-lan"])).stdout) as { addr_info: { local: string }[] }[];
      const linkLocal = `${links.flatMap((link) => link.addr_info).find(({ local }) => local.startsWith("fe80:"))?.local ?? ""}%eth0`;
      assert.deepEqual(await Promise.all([
        get(lab.camera, lan.v6),
        get(lab.camera, linkLocal),
        get(lab.camera, lan.v4, "/generate_204", { Host: "connectivitycheck.example", "Accept-Language": "de" }),
        get(lab.laptop, lan.v4),
        get(lab.laptop, lan.v6),
        get(lab.laptop, linkLocal),
      ]), [cutOff, cutOff, `200 ${noticeWords.de.heading}`, notCutOff, notCutOff, notCutOff]);
      // What a phone asks to see whether there is a captive portal: any address, port 80.
      assert.deepEqual(await Promise.all([get(lab.camera, target.v4, "/generate_204", {}, 80), get(lab.camera, target.v6, "/hotspot-detect.html", {}, 80)]), [
        cutOff,
        cutOff,
      ]);
      // An address that nobody has seen of it: its MAC address tells.
      await lab.camera.run("ip", ["addr", "add", "2001:db8:1::feed/64", "dev", "eth0", "nodad"]);
      await lab.camera.run("ip", ["-6", "route", "replace", lan.v6, "dev", "eth0", "src", "2001:db8:1::feed"]);
      await until("its new address is known", async () => await get(lab.camera, lan.v6) === cutOff);

      // The provider's side, with a firewall and without one.
      assert.equal(await get(lab.isp, wan.v4), "ECONNREFUSED");
      await lab.router.run("nft", ["insert", "rule", "inet", "fw4", "input", "tcp", "dport", String(port), "accept"]);
      assert.deepEqual(await Promise.all([get(lab.isp, wan.v4), get(lab.isp, wan.v6), get(lab.isp, lan.v6)]), ["ECONNRESET", "ECONNRESET", "ECONNRESET"]);
      const after = residentMegabytes(scene.daemon.pid);
      console.log(`# the daemon: ${before.toFixed(1)} MB without the page, ${after.toFixed(1)} MB with it, after ten requests`);

      scene.daemon.signal("SIGKILL");
      await scene.daemon.ended;
      scene.startDaemon();
      await scene.daemon.logged(/: session with/);
      await until("after a restart it is there again", async () => await get(lab.camera, lan.v4) === cutOff);

      assert.equal((await scene.daemon.cli("release", "1")).code, 0);
      await until("it is gone", async () => await get(lab.camera, lan.v4) === "ECONNREFUSED");
      await attack.end();
    }));

  it("under a flood from the device: the daemon goes on, others get their page, and it costs no memory to speak of", () =>
    playScene({ globals: quarantining }, async (scene) => {
      const { lab, daemon } = scene;
      const attack = await quarantine(scene);
      await until("the page is there", async () => await get(lab.camera, lan.v4) === cutOff);
      const before = residentMegabytes(daemon.pid);
      const flood = lab.camera.run(process.execPath, ["-e", floodScript, lan.v4, "1000"]);
      await until("another device gets an answer", async () => await get(lab.laptop, lan.v4) === notCutOff);
      assert.equal((await daemon.cli("list")).code, 0);
      let most = 0;
      const look = setInterval(() => {
        most = Math.max(most, accepted(daemon.pid));
      }, 20);
      await flood;
      clearInterval(look);
      const grown = residentMegabytes(daemon.pid) - before;
      console.log(`# 1,000 connections: ${most} held at a time, the daemon has grown by ${grown.toFixed(1)} MB`);
      assert.ok(most > 0 && most <= noticeLimits.connections, `${most} connections at a time`);
      assert.ok(grown < 30, `${grown} MB`);
      assert.equal(daemon.log.filter((line) => /^(warn|error)/.test(line)).length, 0);
      await until("and so does the device", async () => await get(lab.camera, lan.v4) === cutOff);
      await attack.end();
    }));

  it("says in status that something else has its port, and the quarantine holds all the same", () =>
    playScene({ globals: quarantining, without: ["daemon"] }, async (scene) => {
      const holder = scene.lab.router.spawn(process.execPath, ["-e", `require("node:net").createServer().listen(${port}, "0.0.0.0", () => console.log("up"))`],
        { stdio: ["ignore", "pipe", "ignore"] });
      await new Promise((resolve) => holder.stdout?.once("data", resolve));
      scene.startDaemon();
      await scene.daemon.logged(/: session with/);
      const attack = await quarantine(scene);
      const warnings = await eventually("it is said", async () => {
        const status = await scene.daemon.json("status") as { warnings: string[] };
        return status.warnings.length > 0 ? status.warnings : undefined;
      });
      assert.deepEqual(warnings, [`there is no notice page for devices that are cut off: TCP port ${port}: something else listens there`]);
      await attack.end();
    }));
});

describe("Wi-Fi (hostapd is played, on a small ubusd of ours)", { timeout: suiteLimit }, () => {
  it("the device is put off every network, also after a restart and on networks that come later, and let in again by a release", () =>
    playScene({ without: ["daemon"] }, async (scene) => {
      const path = `${scene.lab.files.folder}/ubus.sock`;
      const ubusd = await startUbusd(path);
      const services = openUbus({ path });
      const [home, late] = [playHostapd(Date.now), playHostapd(Date.now)];
      services.publish({ path: "hostapd.phy0-ap0", methods: home.methods });
      try {
        await until("published", async () => services.isConnected && (await services.lookup("hostapd.phy0-ap0")).length === 1);
        scene.startDaemon({ globals: { ...quarantining, ubus_socket: path } });
        await scene.daemon.logged(/: session with/);
        await scene.daemon.logged(/ubus: connected/);
        assert.ok(home.join(camera.mac) && home.join(laptop.mac));
        const attack = await quarantine(scene);
        await until("it is off", () => !home.join(camera.mac));
        const [only = "", ...others] = home.calls;
        const [, banned = ""] = new RegExp(`^${camera.mac} (\\d+)$`).exec(only) ?? [];
        assert.ok(Number(banned) > 60_000 && Number(banned) <= 600_000, `${only}: its report lives for ten minutes`);
        assert.deepEqual(others, []);
        assert.ok(home.clients.has(laptop.mac));

        services.publish({ path: "hostapd.phy1-ap0", methods: late.methods });
        await until("it is off there too", () => !late.join(camera.mac));

        scene.daemon.signal("SIGKILL");
        await scene.daemon.ended;
        home.calls.length = 0;
        scene.startDaemon({ globals: { ...quarantining, ubus_socket: path } });
        await scene.daemon.logged(/: session with/);
        await until("the ban is armed anew", () => home.calls.length > 0);
        assert.equal(home.join(camera.mac), false);

        assert.equal((await scene.daemon.cli("release", "1")).code, 0);
        await until("it is back", () => home.join(camera.mac) && late.join(camera.mac));
        assert.equal(scene.daemon.log.filter((line) => /^(warn|error)/.test(line)).length, 0);
        await attack.end();
      } finally {
        services.close();
        await ubusd.stop();
      }
    }));
});
