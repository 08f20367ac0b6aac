import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { patience, suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { playScene, type Scene } from "./scene.ts";
import { startAttack, type Attack } from "./scene-attack.ts";

/** Which call of nft or conntrack the daemon does not survive, and whether the tool still does its work. */
interface Fate {
  readonly call: number;
  readonly when: "before" | "after";
}

/** nft and conntrack, between the daemon and the real ones. */
interface Tools {
  readonly folder: string;
  /** From now on calls are counted. */
  arm(fate: Fate): void;
  disarm(): void;
  /** Those since `arm`. */
  calls(): readonly string[];
}

/** An `nft` that has no interactive mode, as OpenWrt's: every transaction is a call. Followers (`monitor`, `-E`) and readings, which go on for ever, are none. */
function makeTools(scene: Scene): Tools {
  const folder = `${scene.lab.files.folder}/tools`;
  mkdirSync(folder);
  for (const tool of ["nft", "conntrack"]) {
    writeFileSync(`${folder}/${tool}`, `#!/bin/sh
cd ${folder}
case "$*" in
  -i*|"-j -i"*) echo "no interactive mode" >&2; exit 1 ;;
  *monitor*|*-E*|-j*) exec /usr/sbin/${tool} "$@" ;;
esac
exec 9>lock; flock 9
call=0; when=none
if [ -f fate ]; then
  echo "${tool} $*" >>calls
  read -r call when <fate
  [ "$(wc -l <calls)" = "$call" ] || when=none
fi
exec 9>&-
[ "$when" = before ] && { kill -9 $PPID; exit 1; }
/usr/sbin/${tool} "$@"; code=$?
[ "$when" = after ] && kill -9 $PPID
exit $code
`);
    chmodSync(`${folder}/${tool}`, 0o755);
  }
  const file = (name: string): string => `${folder}/${name}`;
  return {
    folder,
    arm({ call, when }) {
      rmSync(file("calls"), { force: true });
      writeFileSync(file("fate"), `${call} ${when}\n`);
    },
    disarm: () => {
      rmSync(file("fate"), { force: true });
    },
    calls: () => (existsSync(file("calls")) ? readFileSync(file("calls"), "utf8").trim().split("\n") : []),
  };
}

/** Kills the daemon before and after each of its calls in turn, until it has no more of them; how many there were. */
async function killAtEach(tools: Tools, play: (fate: Fate) => Promise<"killed" | "survived">): Promise<number> {
  for (let call = 1;; call += 1) {
    for (const when of ["before", "after"] as const) {
      if (await play({ call, when }) === "survived") return call - 1;
    }
    assert.ok(call < 40, `no end of calls: ${tools.calls().join("; ")}`);
  }
}

const living = async (scene: Scene): Promise<MitigationView[]> =>
  (await scene.daemon.json("list") as MitigationView[]).filter(({ state }) => state !== "ended");

const tablesOf = async (scene: Scene): Promise<string[]> =>
  (await scene.lab.router.run("nft", ["list", "tables"])).stdout.split("\n").filter((line) => line.includes("dots_callhome"));

const tooLong = (): Promise<never> =>
  new Promise((_resolve, reject) =>
    setTimeout(() => {
      reject(new Error("the daemon neither did its work nor ended"));
    }, patience)
  );

/** Whether the fate was met; the daemon runs again afterwards, and has a session. */
async function restartIfKilled(scene: Scene, tools: Tools, isDone: () => Promise<unknown>): Promise<"killed" | "survived"> {
  const ended = scene.daemon.ended.then(() => "killed" as const);
  const outcome = await Promise.race([ended, isDone().then(() => "survived" as const, () => Promise.race([ended, tooLong()]))]);
  tools.disarm();
  // A tool that had read its fate by then may still meet it.
  if (outcome === "survived" && await scene.daemon.json("list").then(() => true, () => false)) return "survived";
  scene.startDaemon({ path: tools.folder });
  await scene.daemon.logged(/: session with/);
  return "killed";
}

interface Round {
  readonly scene: Scene;
  readonly attack: Attack;
  readonly tools: Tools;
  readonly fate: Fate;
  readonly mid: number;
}

/** A round for each fate: what was remembered holds, and goes when it is withdrawn; then the attack flows and nothing is left. */
function playRounds(globals: Readonly<Record<string, string>>, leastCalls: number, play: (round: Round) => Promise<"killed" | "survived">): Promise<void> {
  return playScene({ globals: { ...globals, terminating_period: "0" }, without: ["daemon"] }, async (scene) => {
    const tools = makeTools(scene);
    scene.startDaemon({ path: tools.folder });
    await scene.daemon.logged(/: session with/);
    const attack = await startAttack(scene.lab);
    let mid = 0;
    const calls = await killAtEach(tools, async (fate) => {
      mid += 1;
      const outcome = await play({ scene, attack, tools, fate, mid });
      if ((await living(scene)).length > 0) {
        await attack.stops(300);
        assert.equal((await scene.delete(mid)).code, "2.02");
      } else await until(`nothing stale is left (${JSON.stringify(fate)})`, async () => (await tablesOf(scene)).length === 0);
      await attack.arrives();
      await until("nothing is left", async () => (await tablesOf(scene)).length === 0);
      return outcome;
    });
    assert.ok(calls >= leastCalls, `only ${calls} calls`);
    await attack.end();
  });
}

describe("the daemon is killed before and after each of its steps", { timeout: suiteLimit, concurrency: 3 }, () => {
  for (const action of ["block", "quarantine"])
    it(`of a request for a ${action}: it comes or stays when the daemon is back, and goes when it is withdrawn`, () =>
      playRounds({ action }, 3, async ({ scene, attack, tools, fate, mid }) => {
        const scope = await attack.reported();
        tools.arm(fate);
        scene.peer.send({ do: "put", mid, scope, wait: false });
        return restartIfKilled(scene, tools, () => scene.daemon.logged(/, (likely|exact)$/).then(() => attack.stops(700)));
      }));

  it("of a withdrawal: the traffic flows again when it has been withdrawn once more", () =>
    playRounds({}, 1, async ({ scene, attack, tools, fate, mid }) => {
      assert.equal((await scene.put(mid, await attack.reported())).code, "2.01");
      await attack.stops(500);
      tools.arm(fate);
      scene.peer.send({ do: "delete", mid, wait: false });
      return restartIfKilled(scene, tools, () => attack.arrives().then(() => attack.arrives()));
    }));
});
