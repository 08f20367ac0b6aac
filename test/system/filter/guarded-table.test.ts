import assert from "node:assert/strict";
import { test } from "node:test";
import { guardTables } from "../../../src/system/filter/guarded-table.ts";
import { until } from "../../until.ts";

test("an nft monitor that does not run is a warning while there is anything to guard; the log says when it is started again", async () => {
  const log: string[] = [];
  const guard = guardTables([{ family: "inet", name: "dots_callhome" }], {
    command: ["/bin/false"],
    log: (level, message) => {
      log.push(`${level}: ${message}`);
    },
  }, () => undefined);
  assert.deepEqual(guard.problems(), []);
  guard.holds(true);
  await until("it is noticed", () => guard.problems().length > 0);
  assert.match(guard.problems().join(), /noticed only when the counters are read: nft monitor ended: exit code 1$/);
  assert.match(log.join("\n"), /^warn: .*exit code 1; next attempt in 0\.2 s$/);
  guard.holds(false);
  assert.deepEqual(guard.problems(), []);
  guard.stop();
});

const change = "echo 'add rule inet dots_callhome forward'; echo '# new generation 7 by process 1 (nft)'";
const monitors: readonly (readonly [what: string, script: string, why: readonly string[]])[] = [
  ["dies and is started again: nobody is said to have changed anything", "exit 1", ["unwatched", "unwatched"]],
  ["hears of a change that is not ours", `${change}; exec sleep 600`, ["changed"]],
  ["hears of a change, and dies: that somebody changed our rules is what counts", `${change}; exit 1`, ["changed"]],
];
for (const [what, script, expected] of monitors)
  test(`an nft monitor that ${what}`, async () => {
    const heard: string[] = [];
    const guard = guardTables([{ family: "inet", name: "dots_callhome" }], { command: ["/bin/sh", "-c", script], log: () => undefined },
      (why) => heard.push(why));
    guard.holds(true);
    await until("it is told", () => heard.length >= expected.length);
    guard.stop();
    assert.deepEqual(heard.slice(0, expected.length), expected);
  });
