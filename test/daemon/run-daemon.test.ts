import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deferred } from "../../src/daemon/deferred.ts";
import type { LoadedConfig } from "../../src/daemon/loaded-config.ts";
import { runDaemon, type Daemon } from "../../src/daemon/run-daemon.ts";
import { settle } from "../fake-clock.ts";
import { configured, fakeRouter, type FakeRouter } from "./fake-router.ts";

interface Played extends FakeRouter {
  readonly daemon: Daemon;
  readonly log: string[];
  /** What has happened since this was asked last. */
  news(): string[];
}

function play(prepare: (router: FakeRouter) => void = () => undefined, first: LoadedConfig = configured()): Played {
  const fake = fakeRouter();
  prepare(fake);
  const log: string[] = [];
  const daemon = runDaemon({
    version: "1.2.3",
    first,
    router: fake.router,
    log: (level, message) => {
      log.push(`${level}: ${message}`);
    },
  });
  return { ...fake, daemon, log, news: () => fake.happened.splice(0) };
}

/** Started, with what happened. */
async function start(first?: LoadedConfig): Promise<Played & { readonly before: readonly string[] }> {
  const played = play(undefined, first);
  await played.clock.advance(0);
  await played.daemon.started;
  return { ...played, before: played.news() };
}

const stopped = ["hang up one", "unwatch rules", "close ubus /ubus", "close notifiers phone", "close /control"];

describe("runDaemon", () => {
  it("dials as soon as it is the only one, and starts tools when the first datagram has left", async () => {
    const { before, log, daemon, news } = await start();
    assert.deepEqual(before, ["listen at /control", "read /state/state.json", "read /state/owner.json", "read /state/ids.json", "upstream one", "dial one",
      "read counters", "run tools", "ubus /ubus", "notifiers phone", "read counters", "replace rules"]);
    assert.ok(log.includes("info: dots-callhome 1.2.3 runs with 1 upstream, consent 'ask'"), log.join("\n"));
    await daemon.stop();
    assert.deepEqual(news(), ["hear no more of the clock", ...stopped]);
  });

  it("another daemon listens: nothing else is touched", async () => {
    const { daemon, happened } = play(({ failing }) => failing.add("listen at /control"));
    await assert.rejects(daemon.started, /no: listen at/);
    await daemon.stop();
    assert.deepEqual(happened, ["listen at /control"]);
  });

  it("answers the owner when the kernel has said what it holds of an earlier run", async () => {
    const counters = deferred();
    const { clock, ask, daemon } = play(({ held }) => held.set("read counters", counters.promise));
    await clock.advance(0);
    const reply = ask("status");
    assert.equal(await Promise.race([reply, settle().then(() => "no answer yet")]), "no answer yet");
    counters.resolve();
    assert.ok("result" in await reply);
    await daemon.stop();
  });

  it("stop during the start: what is under way ends, and nothing more is opened", async () => {
    const counters = deferred();
    const { clock, daemon, news } = play(({ held }) => held.set("read counters", counters.promise));
    await clock.advance(0);
    assert.ok(news().includes("read counters"));
    const over = daemon.stop();
    counters.resolve();
    await over;
    await daemon.started;
    assert.deepEqual(news(), ["hang up one", "unwatch rules", "close /control"]);
  });

  it("reloads overlap: one set of notifiers at a time, and the last configuration holds", async () => {
    const { daemon, held, news, log } = await start();
    const goodbye = deferred();
    held.set("close notifiers phone", goodbye.promise);
    const reloads = ["a", "b", "c"].map((notify) => daemon.reload(configured({ notify })));
    await settle();
    assert.deepEqual(news(), ["close notifiers phone"]);
    goodbye.resolve();
    await Promise.all(reloads);
    assert.deepEqual(news().filter((what) => what.includes("notifiers")), ["notifiers a", "close notifiers a", "notifiers c"]);
    assert.deepEqual(log.filter((line) => line === "info: configuration reloaded").length, 2);
    await daemon.stop();
  });

  it("a reload that does not concern an upstream or the notifiers leaves them alone", async () => {
    const { daemon, news } = await start();
    await daemon.reload(configured({ globals: "option consent 'auto'" }));
    assert.deepEqual(news().filter((what) => what !== "replace rules"), []);
    await daemon.stop();
  });

  it("a part that fails: the others go back to the configuration before", async () => {
    const { daemon, news, failing, ask } = await start();
    failing.add("upstream two");
    await assert.rejects(daemon.reload(configured({ host: "two", notify: "tablet", globals: "option ubus_socket '/other'" })), /no: upstream two/);
    const happened = news();
    assert.deepEqual(happened.filter((what) => what.includes("notifiers")), ["close notifiers phone", "notifiers tablet", "close notifiers tablet",
      "notifiers phone"]);
    assert.deepEqual(happened.filter((what) => /upstream|dial|hang/.test(what)), ["hang up one", "upstream two", "upstream one"]);
    assert.match(JSON.stringify(await ask("status")), /"warnings":\["told by one"/);
    failing.clear();
    await daemon.reload(configured({ host: "two" }));
    assert.match(JSON.stringify(await ask("status")), /"warnings":\["told by two"/);
    await daemon.stop();
  });

  it("says which options wait for a restart", async () => {
    const { daemon, log } = await start();
    await daemon.reload(configured({ globals: "option state_dir '/elsewhere'" }));
    const said = log.filter((line) => line.includes("started again"));
    assert.deepEqual(said, ["warn: option state_dir has changed: the new value is used when the daemon is started again"]);
    await daemon.stop();
  });

  it("hears of a clock that was put right, until it is stopped", async () => {
    const { daemon, jump, log, news } = await start();
    jump(90_000);
    assert.ok(log.includes("warn: the clock jumped forward by 90 s"));
    assert.ok(news().includes("notifiers try again"));
    await daemon.stop();
  });
});
