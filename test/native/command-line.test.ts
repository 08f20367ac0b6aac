/** The native runtime beside Node: the same commands to the same daemon, which runs on Node, and the same answers, to the letter. */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeCertificates } from "../lab/make-certificates.ts";
import { patience } from "../patience.ts";
import { until } from "../until.ts";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
const onNode: readonly [string, ...string[]] = [process.execPath, join(dist, "dots-callhome.js")];
const natively: readonly [string, ...string[]] = [join(dist, "dots-callhome")];
const folder = mkdtempSync("/tmp/native-");
const configFile = join(folder, "config");
let daemon: ChildProcess | undefined;

const answer = ([program, ...first]: readonly [string, ...string[]], args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(program, [...first, ...args], { timeout: patience }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
const writeConfig = (file: string, upstream: string): void => {
  writeFileSync(file, `config globals 'globals'
	option state_dir '${folder}/dots-callhome'
	option control_socket '${folder}/dots-callhome/control.sock'
	option ubus_socket 'none'
config upstream 'isp'
	option host '127.0.0.1'
${upstream}`, { mode: 0o600 });
};

before(async () => {
  mkdirSync(join(folder, "dots-callhome"), { mode: 0o700 });
  writeFileSync(join(folder, "psk"), "hex:00112233445566778899aabbccddeeff\n", { mode: 0o600 });
  writeConfig(configFile, `\toption psk_identity 'cpe'\n\toption psk_file '${folder}/psk'\n`);
  daemon = spawn("unshare", ["-n", ...onNode, "run", "--config", configFile], { stdio: ["ignore", "ignore", "ignore"] });
  await until("the daemon answers", async () => (await answer(onNode, ["status", "--config", configFile])).code === 0);
});
after(() => {
  daemon?.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** Runs it on both, and gives what the native one answers. */
async function same(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  // Time goes on between the two.
  const timeless = ({ code, stdout, stderr }: Awaited<ReturnType<typeof answer>>) => ({
    code,
    stdout: stdout.replaceAll(/"uptime_seconds": ?\d+|\d+ s(?!\w)|(?<="since": ?)"[^"]*"/g, "…"),
    stderr,
  });
  const [ours, nodes] = [timeless(await answer(natively, args)), timeless(await answer(onNode, args))];
  assert.deepEqual(ours, nodes, args.join(" "));
  return ours;
}

test("help, version and wrong usage need no daemon", async () => {
  assert.match((await same("--help")).stdout, /^Usage: dots-callhome COMMAND/);
  for (const args of [["--version"], ["run", "--help"], ["--completion"]]) assert.equal((await same(...args)).code, 0);
  for (const args of [["bogus"], [], ["approve", "x"], ["list", "--state", "gone"]]) assert.equal((await same(...args)).code, 2);
});

test("a configuration is checked, with its keys and certificates", async () => {
  assert.equal((await same("check", "--config", configFile)).code, 0);
  assert.equal((await same("check", "--config", "/nowhere")).code, 2);
  const wrong = join(folder, "wrong");
  writeConfig(wrong,
    "\toption psk_identity 'cpe'\n\toption psk_file '/etc/passwd'\n\toption port 'x'\nconfig notify 'n'\n\toption type 'ntfy'\n\toption url 'https://'\n");
  assert.equal((await same("check", "--config", wrong)).code, 2);
  const { caFile: ca, router, isp } = makeCertificates(folder);
  chmodSync(router.certFile, 0o600);
  chmodSync(isp.keyFile, 0o600);
  for (
    const [name, cert, key, code] of [["fits", router.certFile, router.keyFile, 0], ["of-another", router.certFile, isp.keyFile, 2], ["no-key", router.certFile,
      router.certFile, 2]] as const
  ) {
    const file = join(folder, name);
    writeConfig(file, `\toption auth 'certificate'\n\toption ca_file '${ca}'\n\toption cert_file '${cert}'\n\toption key_file '${key}'\n`);
    assert.equal((await same("check", "--config", file)).code, code, name);
  }
});

test("the daemon is asked and told", async () => {
  for (const args of [["status"], ["status", "--json"], ["list"], ["list", "--json"], ["pending", "--json"], ["history", "--json"], ["devices", "--json"]])
    assert.equal((await same(...args, "--config", configFile)).code, 0, args.join(" "));
  for (const args of [["approve", "99"], ["policy", "02:00:00:00:00:01", "never"]])
    assert.equal((await same(...args, "--config", configFile)).code, 1, args.join(" "));
  assert.match((await same("lookup", "--source", "203.0.113.7/32", "--target", "198.51.100.9/32", "--config", configFile)).stdout, /./);
});

test("where no daemon is, both say so", async () => {
  const elsewhere = join(folder, "elsewhere");
  writeFileSync(elsewhere, `config globals\n\toption control_socket '${folder}/nobody.sock'\n`);
  assert.match((await same("status", "--config", elsewhere)).stderr, /is not running/);
});
