import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { expectSuccess } from "./namespace.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { watchLines } from "./watch-lines.ts";

/** Under an attack the first SYN is lost, and the next comes a second later: what the owner and the provider are told must arrive all the same. */
const { isp } = labAddresses;
const mosquitto = existsSync("/usr/sbin/mosquitto");
const name = "isp.example";
const ports = { dots: 4647, webhook: 8080, ntfy: 8081, mqtt: 1883 } as const;
const places = { "one address": [isp.v4], "two addresses": [isp.v4, isp.v6] } as const;

/** Drops the first SYN of each connection that comes from the customer; they are told apart by their ports and family. */
const lostSyn = `table inet lost_syn {
	set seen { typeof meta nfproto . tcp sport . tcp dport; flags dynamic; size 65535; }
${Object.entries(ports).map(([service]) => `	counter ${service} { }\n`).join("")}
	chain input {
		type filter hook input priority 0;
		iifname != "customer" accept
		tcp flags & (syn | ack) != syn accept
		meta nfproto . tcp sport . tcp dport @seen accept
		add @seen { meta nfproto . tcp sport . tcp dport }
${Object.entries(ports).map(([service, port]) => `		tcp dport ${port} counter name ${service} drop\n`).join("")}	}
}
`;

/** Prints the bodies of what is posted, by port. */
const receiver =
  `for (const port of [${ports.webhook}, ${ports.ntfy}]) require("node:http").createServer((q, r) => { let b = ""; q.on("data", (d) => b += d).on("end", () => { console.log(JSON.stringify({ port, body: JSON.parse(b) })); r.end(); }); }).listen(port, "::", () => console.log(JSON.stringify({ port, body: null })));`;

function sections(host: string): string {
  const section = (type: string, url: string): string => `config notify '${type}'\n\toption type '${type}'\n\toption url '${url}'\n`;
  return [
    section("webhook", `http://${host}:${ports.webhook}/hook`),
    section("ntfy", `http://${host}:${ports.ntfy}/topic`),
    ...mosquitto ? [section("mqtt", `mqtt://${host}:${ports.mqtt}`)] : [],
  ].join("\n");
}

async function play(addresses: readonly string[],
  act: (scene: Scene, heard: ReturnType<typeof watchLines<{ port: number; body: { title?: string } | null }>>) => Promise<void>): Promise<void> {
  const host = addresses.length > 1 ? name : addresses[0] ?? "";
  const names: string[] = [];
  try {
    await playScene({ transport: "tcp", upstream: { host }, globals: { consent: "ask" }, more: sections(host), without: ["peer", "daemon"] }, async (scene) => {
      const { lab } = scene;
      const folder = `/etc/netns/${lab.router.name}`; // `ip netns exec` shows it as /etc
      names.push(folder);
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${folder}/hosts`, addresses.map((address) => `${address} ${name}\n`).join(""));
      await expectSuccess("nft", lab.isp.run("nft", ["-f", "-"], { input: lostSyn }));
      const heard = watchLines<{ port: number; body: { title?: string } | null }>();
      const child = lab.isp.spawn(process.execPath, ["-e", receiver], { stdio: ["ignore", "pipe", "inherit"] });
      if (child.stdout)
        createInterface({ input: child.stdout }).on("line", (line) => {
          heard.add(JSON.parse(line) as never);
        });
      for (const port of [ports.webhook, ports.ntfy]) await heard.until("it listens", (line) => line.port === port);
      if (mosquitto) {
        writeFileSync(`${lab.files.folder}/mosquitto.conf`, `listener ${ports.mqtt}\nallow_anonymous true\n`);
        lab.isp.spawn("/usr/sbin/mosquitto", ["-c", `${lab.files.folder}/mosquitto.conf`], { stdio: "ignore" });
        await until("the broker listens", async () => (await lab.isp.run("ss", ["-Htln", `sport = :${ports.mqtt}`])).stdout.includes("[::]"));
      }
      await act(scene, heard);
    });
  } finally {
    for (const folder of names) rmSync(folder, { recursive: true, force: true });
  }
}

describe("the first SYN of every connection is lost", { timeout: suiteLimit, concurrency: 2 }, () => {
  for (const [place, addresses] of Object.entries(places))
    it(`${place}: the provider has its session, and the owner is told, by each way at its first attempt`, () =>
      play(addresses, async (scene, heard) => {
        await scene.startPeer(addresses.length > 1 ? { listen: `[${isp.v6}]:${ports.dots}` } : {});
        const daemon = scene.startDaemon();
        await daemon.logged(/: session with .* over tcp/);
        if (mosquitto) await daemon.logged(/notify mqtt: connected/);
        const attack = await startAttack(scene.lab);
        assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
        for (const port of [ports.webhook, ports.ntfy]) {
          const { body } = await heard.until(`the question at ${port}`, (line) => line.port === port && line.body !== null);
          assert.match(body?.title ?? "", /is attacking a stranger/);
        }
        assert.deepEqual(daemon.log.filter((line) => /next attempt|no session with|not delivered/.test(line)), [], "nothing had to be tried again");
        const { stdout } = await scene.lab.isp.run("nft", ["list", "counters", "table", "inet", "lost_syn"]);
        const lost = new Map([...stdout.matchAll(/counter (\w+) \{\s*packets (\d+)/g)].map(([, service = "", packets]) => [service, Number(packets)]));
        for (const service of ["dots", "webhook", "ntfy", ...mosquitto ? ["mqtt"] : []]) assert.ok((lost.get(service) ?? 0) > 0,
            `a SYN to ${service} was lost: ${stdout}`);
        await attack.end();
      }));
});
