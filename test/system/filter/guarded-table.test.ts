import assert from "node:assert/strict";
import { test } from "node:test";
import { guardTables } from "../../../src/system/filter/guarded-table.ts";
import { until } from "../../until.ts";

test("an nft monitor that does not run is a warning while there is anything to guard; the log says when it is started again", async () => {
  const log: string[] = [];
  const guard = guardTables([{ family: "inet", name: "dots_callhome" }], { command: ["/bin/false"], log: (level, message) => { log.push(`${level}: ${message}`); } }, () => undefined);
  assert.deepEqual(guard.problems(), []);
  guard.holds(true);
  await until("it is noticed", () => guard.problems().length > 0);
  assert.match(guard.problems().join(), /noticed only when the counters are read: nft monitor ended: exit code 1$/);
  assert.match(log.join("\n"), /^warn: .*exit code 1; next attempt in 0\.2 s$/);
  guard.holds(false);
  assert.deepEqual(guard.problems(), []);
  guard.stop();
});
