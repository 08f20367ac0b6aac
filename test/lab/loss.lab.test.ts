import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { patience, suiteLimit } from "../patience.ts";
import { runUnderLoss } from "./loss-run.ts";

/** The whole table: test/bench/loss.ts. */
describe("30 % loss in each direction", { timeout: suiteLimit }, () => {
  it("has sessions all the same, answers requests, and executes none twice", async () => {
    const { sessions, asked, answers, executed, duplicates } = await runUnderLoss({
      transport: "udp", loss: 30, sessions: 6, enough: 3, rounds: 1, patienceMs: 4 * patience, answerSeconds: 50, beside: 0,
    });
    assert.ok(sessions.length >= 3, `${sessions.length} of 6 sessions`);
    // Chance has a say: a session may have ended again.
    assert.ok(answers.length >= 1 && answers.length >= asked / 2, `${answers.length} of ${asked} answers`);
    assert.ok(executed >= answers.length, `${executed} executed, ${answers.length} answered`);
    assert.equal(duplicates, 0);
  });
});
