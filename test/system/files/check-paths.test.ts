import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { complainOfGlobals } from "../../../src/config/config.ts";
import { checkPaths } from "../../../src/system/files/check-paths.ts";

let folder: string;
const problems = (stateDir: string, controlSocket: string): string[] =>
  checkPaths({ stateDir, controlSocket }).map(({ option, message }) => `${option}: ${message}`);
const ofState = (path: string): string => problems(path, join(folder, "new/control.sock")).join("\n");
const ofSocket = (path: string): string => problems(join(folder, "new"), path).join("\n");
const expected = /expected a folder below \/etc\/dots-callhome, \/var, \/run or \/tmp that is ours alone: new, empty, or this daemon's already$/;

suite("paths that root hands over, and that the removal clears", () => {
  beforeEach(() => {
    folder = mkdtempSync("/tmp/dots-paths-");
    chmodSync(folder, 0o755);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("the defaults, and what the package sets", () => {
    assert.deepEqual(problems("/etc/dots-callhome", "/var/run/dots-callhome.sock"), []);
    assert.deepEqual(problems("/etc/dots-callhome/state", "/var/run/dots-callhome/control.sock"), []);
  });

  test("elsewhere, or one of the roots itself", () => {
    for (
      const path of ["/etc/dropbear", "/etc", "/etc/dots-callhome-other", "/root/.ssh", "/", "/tmp", "/var", "/run", "/var/run", "/tmp/../etc/dropbear",
        "/usr/lib/dots-callhome"]
    ) {
      assert.match(ofState(path), expected, path);
      assert.match(ofState(path), /^state_dir: '/);
    }
    assert.match(ofSocket("/etc/crontabs/control.sock"), expected);
  });

  test("a link that leads out of them, or nowhere", () => {
    mkdirSync(join(folder, "own"));
    symlinkSync("/etc", join(folder, "out"));
    symlinkSync(join(folder, "nothing"), join(folder, "dangling"));
    symlinkSync(join(folder, "own"), join(folder, "in"));
    assert.match(ofState(join(folder, "out")), /leads to \/etc, which lies elsewhere/);
    assert.match(ofState(join(folder, "out/dropbear")), /leads to \/etc\/dropbear, which lies elsewhere/);
    assert.match(ofState(join(folder, "dangling")), /is a link that leads nowhere/);
    assert.match(ofSocket(join(folder, "out/control.sock")), /control_socket: .* lies elsewhere/);
    assert.equal(ofState(join(folder, "in")), "");
  });

  test("new, empty, or the daemon's already", async () => {
    const own = join(folder, "own");
    assert.equal(ofState(own), "");
    assert.equal(ofState(join(own, "further/down")), "");
    mkdirSync(own);
    assert.equal(ofState(own), "");
    writeFileSync(join(own, "state.json.new"), "");
    assert.equal(ofState(own), "");
    const server = createServer().listen(join(own, "control.sock"));
    await new Promise((resolve) => {
      server.once("listening", resolve);
    });
    assert.equal(ofSocket(join(own, "control.sock")), "", "beside the running daemon");
    await new Promise((resolve) => {
      server.close(resolve);
    });
    writeFileSync(join(own, "isp.psk"), "x");
    assert.match(ofState(own), /holds what is not this daemon's/);
    writeFileSync(join(own, "owner.json"), "{}");
    assert.equal(ofState(own), "", "its own, beside a key");
  });

  test("a folder of others, unless it is closed to all but us", () => {
    const others = join(folder, "others");
    mkdirSync(others);
    writeFileSync(join(others, "authorized_keys"), "x");
    assert.match(ofState(others), /holds what is not this daemon's/);
    assert.match(ofSocket(join(others, "control.sock")), /holds what is not this daemon's/);
    chmodSync(others, 0o700);
    assert.equal(ofState(others) + ofSocket(join(others, "control.sock")), "");
  });

  test("a file where a folder or a socket should be", () => {
    writeFileSync(join(folder, "file"), "x");
    assert.match(ofState(join(folder, "file")), /is not a folder/);
    assert.match(ofSocket(join(folder, "file")), /exists and is not a socket/);
    assert.match(ofSocket("/etc/passwd"), /exists and is not a socket/);
  });

  test("the init script and the removal see it alike", () => {
    const shell = fileURLToPath(new URL("../../../openwrt/dots-callhome/files/usr/lib/dots-callhome/own-paths", import.meta.url));
    const isOwn = (path: string): boolean => spawnSync("sh", ["-c", '. "$0"; is_own_folder "$1" "$2"', shell, path, "/x/control.sock"]).status === 0;
    mkdirSync(join(folder, "empty"));
    mkdirSync(join(folder, "others"));
    writeFileSync(join(folder, "others/authorized_keys"), "x");
    mkdirSync(join(folder, "kept"));
    writeFileSync(join(folder, "kept/state.json.kept-1"), "");
    mkdirSync(join(folder, "false"));
    writeFileSync(join(folder, "false/control.sock"), "no socket");
    mkdirSync(join(folder, "own"));
    writeFileSync(join(folder, "own/owner.json"), "");
    writeFileSync(join(folder, "own/isp.psk"), "");
    symlinkSync("/etc", join(folder, "out"));
    writeFileSync(join(folder, "file"), "");
    for (const name of ["empty", "kept", "own", "new"]) assert.ok(isOwn(join(folder, name)), name);
    for (const name of ["others", "false", "out", "out/dropbear", "file"]) assert.ok(!isOwn(join(folder, name)), name);
    for (const path of ["/etc/dots-callhome", "/etc/dots-callhome/state"]) assert.ok(isOwn(path), path);
    for (const path of ["/etc/dropbear", "/etc", "/tmp", "/var", "/run", "/var/run", "/", "/etc/crontabs", "/root"]) assert.ok(!isOwn(path), path);
    for (const name of ["empty", "kept", "own", "new", "others", "out", "file"])
      assert.equal(ofState(join(folder, name)) === "", isOwn(join(folder, name)), name);
  });

  test("the complaint names file, line, section and option", () => {
    const text = "config globals 'globals'\n\toption consent 'ask'\n\toption state_dir '/etc/dropbear'\n";
    assert.equal(complainOfGlobals(text, "/etc/config/dots-callhome", "state_dir", "'/etc/dropbear' lies elsewhere"),
      "/etc/config/dots-callhome:3: config globals 'globals': option state_dir: '/etc/dropbear' lies elsewhere");
    assert.equal(complainOfGlobals("", "f", "state_dir", "x"), "f:1: option state_dir: x");
  });
});
