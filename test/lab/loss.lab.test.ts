import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { patience, suiteLimit } from "../patience.ts";
import { runUnderLoss } from "./loss-run.ts";

/** The whole table: test/bench/loss.ts. */
describe("30 % loss in each direction", { timeout: suiteLimit }, () => {
  it("has sessions all the same, answers every request, and executes none twice", async () => {
    const { sessions, asked, answers, executed, duplicates } = await runUnderLoss({
      transport: "udp",
      loss: 30,
      sessions: 6,
      enough: 3,
      rounds: 1,
      patienceMs: 4 * patience,
      answerSeconds: 50,
      beside: 0,
    });
    assert.ok(sessions.length >= 3, `${sessions.length} of 6 sessions`);
    // 16 repetitions in 50 s, each answered with 0.7 × 0.7: one in 50,000 requests is not.
    assert.ok(asked >= 1 && answers.length === asked, `${answers.length} of ${asked} answers`);
    assert.ok(executed >= answers.length, `${executed} executed, ${answers.length} answered`);
    assert.equal(duplicates, 0);
  });
});
