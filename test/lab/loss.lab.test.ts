import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { suiteLimit } from "../patience.ts";
import { runUnderLoss } from "./loss-run.ts";

/** The whole table: test/bench/loss.ts. */
describe("30 % loss in each direction", { timeout: suiteLimit }, () => {
  it("has sessions all the same, answers requests, and executes none twice", async () => {
    const { sessions, asked, answers, executed, duplicates } = await runUnderLoss({
      transport: "udp", loss: 30, sessions: 4, rounds: 1, patienceMs: 25_000, answerSeconds: 12, beside: 0,
    });
    // With 4 of each, chance has a say.
    assert.ok(sessions.length >= 2, `${sessions.length} of 4 sessions within 25 s`);
    assert.ok(answers.length >= 1 && answers.length >= asked / 4, `${answers.length} of ${asked} answers`);
    assert.ok(executed >= answers.length, `${executed} executed, ${answers.length} answered`);
    assert.equal(duplicates, 0);
  });
});
