import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { callDaemon } from "../../src/system/operator/control-client.ts";
import { systemClock } from "../../src/system/process/system-clock.ts";
import { patience, suiteLimit } from "../patience.ts";
import { labAddresses } from "./lab.ts";
import { playScene, type Scene } from "./scene.ts";
import { chosenRuntime, labPsk, runtimes, type Daemon } from "./start-daemon.ts";
import { milliseconds } from "../../src/model/time.ts";

const { isp } = labAddresses;

// An attempt that nobody answers takes 25 seconds: at the same time, then.
describe("when there is no session to be had", { timeout: suiteLimit, concurrency: true }, () => {
  for (const library of ["openssl", "gnutls"] as const) {
    it(`says that the key is wrong, and tries again (${library})`, () =>
      playScene({ library, without: ["daemon"] }, async (scene) => {
        const daemon = scene.startDaemon({ psk: "not the key of the lab" });
        // OpenSSL falls silent; libcoap on GnuTLS says goodbye or sends an alert.
        const reason = /pre-shared key is probably wrong|may not accept our identity or key/;
        assert.match(await daemon.logged(/no session with/, 3 * patience), reason);
        await assertTriesAgain(scene, reason);
        assert.equal(scene.peer.events.filter(({ event }) => event === "session").length, 0);
      }));

    it(`says that its identity is unknown, and tries again (${library})`, () =>
      playScene({ library, without: ["daemon"], upstream: { psk_identity: "cpe-9999" } }, async (scene) => {
        const daemon = scene.startDaemon();
        // libcoap does not send unknown_psk_identity: with OpenSSL it says goodbye, with GnuTLS handshake_failure.
        const reason = library === "openssl" ? /may not accept our identity or key|identity/ : /handshake_failure|identity/;
        assert.match(await daemon.logged(/no session with/, 3 * patience), reason);
        await assertTriesAgain(scene, reason);
        assert.equal(scene.peer.events.filter(({ event }) => event === "session").length, 0);
      }));

    it(`tries again after a minute (RFC 9132 §4.7), or at once when the owner says so (${library})`, () =>
      playScene({ library, without: ["peer", "daemon"] }, async (scene) => {
        const daemon = scene.startDaemon();
        assert.match(await daemon.logged(/no session with/, 2 * patience), /203\.0\.113\.1.*nobody listens/);
        await assertTriesAgain(scene, /nobody listens/);
        const [, wait] = /next attempt in (\d+) s/.exec(await daemon.logged(/next attempt in \d+ s/)) ?? [];
        assert.ok(Number(wait) >= 60 && Number(wait) <= 90, `in ${wait} s`);
        const peer = await scene.startPeer();
        await callDaemon(`${scene.lab.files.folder}/control.sock`, "reconnect", {}, { clock: systemClock, timeout: milliseconds(patience) });
        await peer.until("a session", ({ event, is }) => event === "session" && is === "up", { timeoutMs: 3 * patience });
        const [upstream] = (await daemon.json("status") as StatusView).upstreams;
        assert.deepEqual([upstream?.state, upstream?.sessions, upstream?.last_error], ["connected", 1, null]);
      }));
  }

  it("says that there is no route, and tries again", () =>
    playScene({ without: ["peer", "daemon"], upstream: { host: "198.18.0.1" } }, async (scene) => {
      await scene.lab.router.run("ip", ["route", "add", "unreachable", "198.18.0.1"]);
      const daemon = scene.startDaemon();
      assert.match(await daemon.logged(/no session with 198\.18\.0\.1/), /198\.18\.0\.1.*: the server cannot be reached/);
      await assertTriesAgain(scene, /cannot be reached/);
      // The owner has plugged the cable in.
      await scene.lab.router.run("ip", ["route", "del", "unreachable", "198.18.0.1"]);
      await scene.lab.isp.run("ip", ["addr", "add", "198.18.0.1/32", "dev", "lo"]);
      const peer = await scene.startPeer({ listen: "198.18.0.1:4647" });
      await peer.until("a session", ({ event, is }) => event === "session" && is === "up", { timeoutMs: 3 * patience });
    }));

  it("says that a name does not resolve, and tries again", () =>
    playScene({ without: ["peer", "daemon"], upstream: { host: "dots.isp.invalid" } }, async (scene) => {
      const daemon = scene.startDaemon();
      assert.match(await daemon.logged(/no session with/, 2 * patience), /the name dots\.isp\.invalid does not resolve/);
      await assertTriesAgain(scene, /does not resolve/);
    }));

  it("dials the address that a name resolves to", () =>
    playScene({ without: ["daemon"], upstream: { host: "dots.isp.example" } }, async (scene) => {
      // `ip netns exec` puts this in the place of /etc/hosts.
      const etc = `/etc/netns/${scene.lab.router.name}`;
      mkdirSync(etc, { recursive: true });
      writeFileSync(`${etc}/hosts`, `${isp.v4} dots.isp.example\n`);
      try {
        await scene.startDaemon().logged(/session with 203\.0\.113\.1:4647/);
      } finally {
        rmSync(etc, { recursive: true });
      }
    }));
});

describe("a daemon that cannot run", { timeout: suiteLimit, concurrency: 4 }, () => {
  const mistakes: readonly (readonly [string, object, RegExp])[] = [
    ["a value out of range", { globals: { terminating_period: "soon" } }, /config:\d+: .*terminating_period.*expected/],
    ["an unknown value", { globals: { consent: "maybe" } }, /config:\d+: .*consent.*expected/],
    ["a port that is none", { upstream: { port: "70000" } }, /config:\d+: .*port.*expected/],
    ["no such key file", { upstream: { psk_file: "/nowhere/isp.psk" } }, /psk_file.*\/nowhere\/isp\.psk/],
    ["a host that is none", { upstream: { host: "dots isp" } }, /config:\d+: .*host.*expected/],
    ["a device without MAC address", { more: "config device\n\toption name 'Lamp'\n" }, /config:\d+: .*mac/],
    ["no UCI at all", { more: "config 'unfinished\n" }, /config:\d+: /],
  ];
  for (const [what, options, message] of mistakes)
    it(`ends with 2 and says where: ${what}`, () =>
      playScene({ without: ["peer", "daemon"] }, async (scene) => {
        const daemon = scene.startDaemon(options);
        assert.equal(await exitCode(daemon), 2, daemon.log.join("\n"));
        assert.match(daemon.log.join("\n"), message);
        const check = await daemon.cli("check");
        assert.equal(check.code, 2);
        assert.match(check.stderr, message);
      }));

  it("runs in spite of an option that it does not know, but says which was meant", () =>
    playScene({ without: ["peer"], globals: { consnt: "auto" } }, async ({ daemon }) => {
      await daemon.logged(/runs with 1 upstream/);
      assert.match(await daemon.logged(/consnt/), /warn: .*config:\d+: .*did you mean.*consent/i);
      assert.match(String((await daemon.json("status") as StatusView).warnings), /consnt/);
    }));

  it("ends with 2: no such configuration, or words that it does not know", () =>
    playScene({ without: ["peer", "daemon"] }, async ({ lab }) => {
      for (
        const [words, message] of [
          [["run", "--config", "/nowhere/dots-callhome"], /\/nowhere\/dots-callhome/],
          [["rnu"], /rnu/],
          [["approve"], /ID/],
          [["approve", "seven"], /seven|number/],
          [["list", "--state", "gone"], /gone|pending/],
        ] as const
      ) {
        const { code, stderr } = await lab.router.run("env", [...runtimes[chosenRuntime], ...words]);
        assert.equal(code, 2, `${words.join(" ")}: ${stderr}`);
        assert.match(stderr, message);
      }
    }));

  it("ends with 1: another one is running already, which goes on undisturbed", () =>
    playScene({}, async (scene) => {
      const { daemon, lab } = scene;
      const { code, stderr } = await lab.router.run("env", [...runtimes[chosenRuntime], "run", "--config", daemon.configFile]);
      assert.equal(code, 1);
      assert.match(stderr, /another dots-callhome is running/);
      assert.equal((await scene.peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
      assert.equal((await daemon.cli("status")).code, 0);
    }));

  it("leaves commands that say so, when it does not run", () =>
    playScene({ without: ["peer"] }, async ({ daemon }) => {
      await daemon.logged(/runs with 1 upstream/);
      daemon.signal("SIGKILL");
      await daemon.ended;
      const { code, stderr } = await daemon.cli("status");
      assert.equal(code, 1);
      assert.match(stderr, /not running|no daemon|does it run/i);
    }));

  it("warns of a key file that others may read, or refuses it", () =>
    playScene({ without: ["peer", "daemon"] }, async (scene) => {
      const open = `${scene.lab.files.folder}/open.psk`;
      writeFileSync(open, `${labPsk.key}\n`, { mode: 0o644 });
      const daemon = scene.startDaemon({ upstream: { psk_file: open } });
      assert.equal(await exitCode(daemon), 2);
      assert.match(daemon.log.join("\n"), /psk_file.*others|others.*psk_file|open\.psk/);
    }));
});

function exitCode({ ended }: Daemon): Promise<number | null> {
  return Promise.race([ended, setTimeout(patience, null, { ref: false })]);
}

/** In the state that says so, with the reason, and alive. */
async function assertTriesAgain({ daemon }: Scene, reason: RegExp): Promise<void> {
  assert.match(await daemon.logged(/next attempt in \d+ s/), /upstream isp/);
  const [upstream] = (await daemon.json("status") as StatusView).upstreams;
  assert.ok(upstream);
  assert.ok(upstream.state === "backing-off" || upstream.state === "connecting", upstream.state);
  assert.match(upstream.last_error ?? "", reason);
  assert.deepEqual([upstream.transport, upstream.peer, upstream.sessions], [null, null, 0]);
  assert.match((await daemon.cli("status")).stdout, reason);
}
