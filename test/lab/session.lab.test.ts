import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { patience, suiteLimit } from "../patience.ts";
import { playScene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import { scopeOf, type PeerEvent } from "./start-peer.ts";

const isHeartbeat = ({ event, method, path }: PeerEvent): boolean => event === "request" && method === "PUT" && path === "/.well-known/dots/hb";

// Mostly waiting, so at the same time.
describe("a session", { timeout: suiteLimit, concurrency: 4 }, () => {
  for (const library of ["openssl", "gnutls"] as const) {
    it(`with ${library}: it carries heartbeats in both directions, as often as was agreed`, () =>
      playScene({ library }, async ({ peer, daemon }) => {
        const first = await peer.until("the router's heartbeat", isHeartbeat);
        assert.equal(first.answered, "2.04");
        assert.deepEqual(first.body, { heartbeat: { "peer-hb-status": true } });
        const ours = await peer.ask({ do: "heartbeat", "peer-hb-status": true });
        assert.equal(ours.code, "2.04");
        assert.equal(ours["payload-hex"] ?? "", "");

        const before = setOf(await peer.ask({ do: "config-get" }), "idle-config");
        assert.equal(before["heartbeat-interval"]?.["current-value"], 30);
        assert.equal(before["heartbeat-interval"]["min-value"], 15);
        const wished = {
          "idle-config": { "heartbeat-interval": { "current-value": 15 } },
          "mitigating-config": { "heartbeat-interval": { "current-value": 16 } },
        };
        assert.equal((await peer.ask({ do: "config-put", sid: 7, config: wished })).code, "2.01");
        const agreed = await peer.ask({ do: "config-get", sid: 7 });
        assert.equal(setOf(agreed, "idle-config")["heartbeat-interval"]?.["current-value"], 15);
        assert.equal(setOf(agreed, "mitigating-config")["heartbeat-interval"]?.["current-value"], 16);
        const tooOften = { "idle-config": { "heartbeat-interval": { "current-value": 5 } } };
        assert.equal((await peer.ask({ do: "config-put", sid: 8, config: tooOften })).code, "4.22");

        const second = await peer.until("the next heartbeat", (event) => isHeartbeat(event) && event.t > first.t);
        const interval = (second.t - first.t) / 1000;
        assert.ok(interval > 14.5 && interval < 29, `${interval} s between two heartbeats: 15 were agreed, 30 are usual`);
        const status = await daemon.json("status") as StatusView;
        assert.deepEqual([status.upstreams[0]?.state, status.upstreams[0]?.sessions], ["connected", 1]);
        assert.deepEqual(peer.events.filter(({ event }) => event === "session").map(({ is }) => is), ["up"]);
      }));

    it(`with ${library}: it ends when the upstream closes it, and is dialled again`, () =>
      playScene({ library }, async (scene) => {
        scene.peer.send({ do: "close-session" });
        scene.peer.send({ do: "loss", value: "100%" }); // so that there is no next session until we have looked
        assert.match(await scene.daemon.logged(/session ended/), /the server closed the session/);
        const gone = (await scene.daemon.json("status") as StatusView).upstreams[0];
        assert.match(gone?.last_error ?? "", /closed/);
        scene.peer.send({ do: "loss", value: "0%" });
        const up = (number: number): Promise<PeerEvent> =>
          scene.peer.until(`session ${number}`, ({ event, is, session }) => event === "session" && is === "up" && session === number, {
            timeoutMs: 2 * patience,
          });
        await up(2); // within ten seconds, so that an upstream that restarts is not overrun
        // Who does not want to wait says so; here there is nothing to wait for, and it is dialled anew.
        assert.equal((await scene.daemon.cli("reconnect")).code, 0);
        await up(3);
        assert.equal((await scene.peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
        const { state, sessions, last_error } = (await scene.daemon.json("status") as StatusView).upstreams[0] ?? {};
        assert.deepEqual([state, sessions, last_error], ["connected", 3, null]);
      }));

    it(`with ${library}: it and the block survive a reload of the configuration; SIGTERM ends the daemon in order`, () =>
      playScene({ library }, async (scene) => {
        const { daemon, peer } = scene;
        const attack = await startAttack(scene.lab);
        assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
        await scene.observe(1);
        await scene.notified(1, ({ status }) => status === 2);
        await attack.stops(300);
        const stopped = Date.now();
        writeFileSync(daemon.configFile, readFileSync(daemon.configFile, "utf8").replace("consent 'auto'", "consent 'ask'"));
        daemon.signal("SIGHUP");
        await daemon.logged(/configuration reloaded/);
        assert.equal(scopeOf(await scene.get(1)).status, 2);
        assert.deepEqual(peer.events.filter(({ event }) => event === "session").map(({ is }) => is), ["up"]);

        // A mistake in the file changes nothing.
        appendFileSync(daemon.configFile, "\nconfig globals\n\toption consnt 'auto'\n");
        daemon.signal("SIGHUP");
        const complaint = await daemon.logged(/not reloaded/);
        assert.match(complaint, new RegExp(`${daemon.configFile}:\\d+`));
        assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");

        assert.equal(statSync(`${scene.lab.files.folder}/control.sock`).mode & 0o777, 0o600);
        assert.equal(attack.since(stopped), 0, "nothing got through meanwhile");
        daemon.signal("SIGTERM");
        assert.equal(await daemon.ended, 0);
        await peer.until("the end of the session", ({ event, is }) => event === "session" && is === "down");
        assert.match(await scene.ruleset(), /02:1d:c0:4f:7a:23/, "existing blocks stay until they expire");
        assert.equal(attack.since(stopped), 0);
        await attack.end();
      }));

    it(`with ${library}: what a reload changes holds for new requests`, () =>
      playScene({ library }, async (scene) => {
        const { daemon } = scene;
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported();
        writeFileSync(daemon.configFile, readFileSync(daemon.configFile, "utf8").replace("consent 'auto'", "consent 'ask'"));
        daemon.signal("SIGHUP");
        await daemon.logged(/configuration reloaded/);
        assert.equal((await scene.put(1, scope)).code, "2.01");
        assert.equal((await daemon.json("list") as MitigationView[])[0]?.state, "pending");
        await attack.end();
      }));
  }
});

type ConfigSet = Record<string, Record<string, number> | undefined>;

function setOf(answer: PeerEvent, name: "idle-config" | "mitigating-config"): ConfigSet {
  const { "signal-config": sets } = answer.body as { "signal-config": Record<string, ConfigSet | undefined> };
  return sets[name] ?? {};
}
