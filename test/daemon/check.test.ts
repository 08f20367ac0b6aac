/** `dots-callhome check`, as the owner runs it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const bundle = fileURLToPath(new URL("../../dist/dots-callhome.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "dch-check-"));
after(() => {
  rmSync(folder, { recursive: true });
});

test("a device that is not there is a warning, whichever option names it; one that is there is none", async () => {
  mkdirSync(join(folder, "dots-callhome"), { mode: 0o700 });
  const [config, psk] = [join(folder, "config"), join(folder, "psk")];
  writeFileSync(psk, "hex:00112233445566778899aabbccddeeff\n", { mode: 0o600 });
  writeFileSync(config, `config globals 'globals'
	option state_dir '${folder}/dots-callhome'
	option control_socket '${folder}/dots-callhome/control.sock'
	list wan_device 'nowhere0'
	list wan_device 'lo'
	list lan_device 'nowhere1'
config upstream 'isp'
	option host 'dots.isp.example.'
	option psk_identity 'cpe'
	option psk_file '${psk}'
	option bind_device 'nowhere2'
`, { mode: 0o600 });
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [bundle, "check", "--config", config]);
  assert.equal(stdout, `${config}: fine, 1 upstream\n`);
  assert.deepEqual(stderr.trim().split("\n"),
    ["wan_device 'nowhere0'", "lan_device 'nowhere1'", "bind_device 'nowhere2'"].map((what) => `warning: ${config}: ${what} does not exist on this router`));
});
