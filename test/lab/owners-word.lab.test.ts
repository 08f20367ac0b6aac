import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { encode } from "cborg";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";

const { wan, lan, isp } = labAddresses;
const legitimateTraffic = 4;

/** A PUT under a cuid of its own, as CBOR (RFC 9132 §6, RFC 9066 §6.2). */
function put(scene: Scene, cuid: string, mid: number, keys: readonly (readonly [number, unknown])[]): ReturnType<Scene["peer"]["ask"]> {
  const body = encode(new Map([[1, new Map([[2, [new Map(keys)]]])]]));
  return scene.peer.ask({
    do: "request",
    method: "PUT",
    path: [".well-known", "dots", "mitigate", `cuid=${cuid}`, `mid=${mid}`],
    "payload-hex": Buffer.from(body).toString("hex"),
  });
}

describe("the owner's word against an upstream that wants it gone", { timeout: 120_000 }, () => {
  for (
    const [what, damage] of Object.entries<(path: string) => void>({
      "cut off": (path) => {
        writeFileSync(path, readFileSync(path).subarray(0, -20));
      },
      "of 5 MB": (path) => {
        writeFileSync(path, Buffer.alloc(5_000_000, " "));
      },
      "noise": (path) => {
        writeFileSync(path, Buffer.alloc(4_096));
      },
    })
  )
    it(`outlives 300 requests of control characters, kill -9, and a state file that is ${what}`, () =>
      playScene({ globals: { consent: "auto", request_rate: "1000" } }, async (scene) => {
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported() as Record<string, unknown>;
        assert.equal((await scene.put(7, scope)).code, "2.01");
        await attack.stops(500);
        assert.equal((await scene.daemon.cli("release", "1")).code, 0);
        await attack.arrives();
        for (let mid = 100; mid < 400; mid++) {
          const answer = await put(scene, "flood", mid, [
            [6, [`192.0.2.${mid % 256}/32`]],
            [11, Array(4).fill("\u0001".repeat(250))],
            [14, 3600],
            [32768, [`${wan.v4}/32`]],
          ]);
          assert.equal(answer.code, "4.00", JSON.stringify(answer));
        }
        const state = `${scene.daemon.stateFolder}/state.json`;
        assert.ok(statSync(state).size < 1_000_000, `${statSync(state).size} bytes`);

        scene.daemon.signal("SIGKILL");
        await scene.daemon.ended;
        damage(state);
        const from = scene.peer.events.length;
        const daemon = scene.startDaemon();
        await daemon.logged(/runs with 1 upstream/);
        await scene.peer.until("a session", ({ event, is }) => event === "session" && is === "up", { from, timeoutMs: 60_000 });
        const { warnings } = await daemon.json("status") as StatusView;
        assert.match(warnings.join("\n"), /state\.json .* it is kept as .*state\.json\.kept-1/);
        assert.ok(existsSync(`${state}.kept-1`));
        // What was reported first: where NAT has given the flow another port since, nobody is found. It is watched for, and nothing is dropped.
        const first = await scene.put(8, scope);
        assert.match(String(first.code), /^(2\.01|4\.09)$/);
        await attack.arrives();
        if (first.code === "2.01") await scene.delete(8);
        // As the flow is now, under another mid, with all of the host's ports: the same device and target.
        const now = Object.entries(await attack.reported()).filter(([name]) => name !== "target-port-range");
        const answer = await scene.peer.ask({ do: "put", mid: 9, scope: Object.fromEntries(now) });
        assert.equal(answer.code, "4.09", JSON.stringify(answer));
        assert.equal(JSON.stringify(answer).includes(`"conflict-cause":${legitimateTraffic}`), true, JSON.stringify(answer));
        await attack.arrives();
        assert.equal(await scene.ruleset(), "");
        await attack.end();
      }));
});

/** Ports of what a device needs from its router: DNS, DHCP, DHCPv6; the page. */
const udpPorts = [53, 67, 547];
const server = `
  for (const port of ${JSON.stringify(udpPorts)}) {
    const socket = require("dgram").createSocket("udp6", (message, from) => socket.send(message, from.port, from.address)).bind(port, "::");
  }
  require("http").createServer((request, response) => response.end("page")).listen(80, "::", () => console.log("ready"));
`;
const client = `
  const [address] = process.argv.slice(1);
  const asked = ${JSON.stringify(udpPorts)}.map((port) => new Promise((resolve) => {
    const socket = require("dgram").createSocket(address.includes(":") ? "udp6" : "udp4", () => { socket.close(); clearInterval(again); resolve(port); });
    const send = () => socket.send("x", port, address);
    const again = setInterval(send, 500);
    send();
  }));
  asked.push(new Promise((resolve, reject) => require("http").get({ host: address }, (response) => response.on("data", resolve)).on("error", reject)));
  Promise.all(asked).then(() => console.log("all answered"));
`;

describe("what a device needs from its router", { timeout: 120_000 }, () => {
  for (const action of ["block", "limit"])
    it(`goes on while it is held by '${action}', over IPv4 and IPv6; no target may be the router, its LAN, its gateway or the peer`, () =>
      playScene({ globals: { consent: "auto", action } }, async (scene) => {
        const { router, camera: device } = scene.lab;
        const services = router.spawn(process.execPath, ["-e", server], { stdio: ["ignore", "pipe", "inherit"] });
        await once(services.stdout ?? services, "data");
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported() as Record<string, unknown>;
        for (
          const to of [`${lan.v4}/32`, lan.prefix4, `${lan.v6}/128`, lan.prefix6, `64:ff9b::${lan.v4}/128`, `${wan.v4}/32`, "fe80::1/128", "240.0.0.1/32",
            `${isp.v4}/32`, `${isp.v6}/128`]
        ) {
          const answer = await scene.put(20, { ...scope, "target-prefix": [to] });
          assert.equal(answer.code, "4.00", `${to}: ${JSON.stringify(answer)}`);
        }
        assert.equal(await scene.ruleset(), "");
        assert.equal((await scene.put(21, scope)).code, "2.01");
        await scene.observe(21);
        await scene.notified(21, ({ status }) => status === 2);
        for (const address of [lan.v4, lan.v6]) {
          // Its neighbour entry is asked for anew: ARP, NDP.
          await device.run("ip", ["neigh", "flush", "dev", "eth0"]);
          const { stdout, stderr } = await device.run("timeout", ["30", process.execPath, "-e", client, address]);
          assert.match(stdout, /all answered/, `${address}: ${stderr}`);
        }
        services.kill();
        await attack.end();
      }));
});
