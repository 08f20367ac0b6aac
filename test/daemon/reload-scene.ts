/**
 * In a network namespace of its own: a broker, the daemon, and reloads that follow each other quickly, each with another topic. Prints as JSON how
 * many connections the broker has then, and what becomes of daemon and connections at SIGTERM. Argument: a folder.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { patience } from "../patience.ts";
import { until } from "../until.ts";
import { connack, playBroker } from "../system/notify/hostile-broker.ts";

const folder = process.argv[2] ?? "";
const bundle = fileURLToPath(new URL("../../dist/dots-callhome.js", import.meta.url));
const reloads = 20;

execFileSync("ip", ["link", "set", "lo", "up"]);
// It acknowledges nothing, so that each goodbye takes its second.
const connectedAs: string[] = [];
const broker = await playBroker((socket) => (packet) => {
  if ((packet[0] ?? 0) >> 4 !== 1) return;
  connectedAs.push(/(first|reload\d+)\/availability/.exec(packet.toString("latin1"))?.[1] ?? "nobody");
  socket.write(connack());
});
mkdirSync(join(folder, "dots-callhome"), { mode: 0o700 });
const configFile = join(folder, "config");
writeFileSync(join(folder, "psk"), "hex:00112233445566778899aabbccddeeff\n", { mode: 0o600 });
const configure = (prefix: string): void => {
  writeFileSync(configFile, `config globals 'globals'
	option state_dir '${folder}/dots-callhome'
	option control_socket '${folder}/dots-callhome/control.sock'
	option ubus_socket 'none'
config upstream 'isp'
	option host '127.0.0.1'
	option psk_identity 'cpe'
	option psk_file '${folder}/psk'
config notify 'home'
	option type 'mqtt'
	option url 'mqtt://127.0.0.1:${broker.port}'
	option topic_prefix '${prefix}'
	option commands '1'
`, { mode: 0o600 });
};

configure("first");
const daemon = spawn(process.execPath, [bundle, "run", "--config", configFile], { stdio: ["ignore", "ignore", "pipe"] });
let said = "";
daemon.stderr.on("data", (text: Buffer) => {
  said += text.toString();
});
const ended = new Promise<number | null>((resolve) => {
  daemon.once("exit", (code) => {
    resolve(code);
  });
});
try {
  await until("it is connected", () => said.includes("notify home: connected"));
  for (let at = 1; at <= reloads; at++) {
    configure(`reload${at}`);
    daemon.kill("SIGHUP");
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
  const last = (): number => said.split("configuration reloaded").length - 1;
  // The last topic prefix is in the last connection's CONNECT.
  await until("the last configuration is in force", () => connectedAs.at(-1) === `reload${reloads}`);
  await until("one connection is left", () => broker.open() === 1).catch(() => undefined);
  const connections = broker.open();
  daemon.kill("SIGTERM");
  const code = await Promise.race([ended, new Promise((resolve) => {
    setTimeout(resolve, patience, "it goes on");
  })]);
  await until("no connection is left", () => broker.open() === 0).catch(() => undefined);
  process.stdout.write(JSON.stringify({ reloaded: last() > 1, connections, code, left: broker.open() }));
} finally {
  daemon.kill("SIGKILL");
  broker.close();
}
process.exit();
