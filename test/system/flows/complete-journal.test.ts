import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { completeJournal, type JournalCompletion } from "../../../src/system/flows/complete-journal.ts";
import { listFlows } from "../../../src/system/flows/list-flows.ts";
import type { FollowListeners } from "../../../src/system/process/follow-command.ts";
import { fakeClock, type FakeClock } from "../../fake-clock.ts";

interface Played {
  readonly completion: JournalCompletion;
  readonly clock: FakeClock;
  readonly journal: { hasForgotten: boolean; readonly beginListing: () => (isWhole: boolean) => void };
  /** Ends the listing that runs. */
  end(problem?: string): void;
  readonly whole: boolean[];
  readonly log: string[];
}

function play(): Played {
  const clock = fakeClock();
  const whole: boolean[] = [];
  const log: string[] = [];
  const journal = {
    hasForgotten: false,
    beginListing: () => (isWhole: boolean) => {
      whole.push(isWhole);
    },
  };
  let done: ((problem: string | undefined) => void) | undefined;
  const completion = completeJournal({
    clock: clock.steady,
    wallTime: () => clock.now(),
    log: (level, message) => {
      log.push(`${level}: ${message}`);
    },
    journal,
    isFollowing: () => true,
    completed: () => undefined,
    list(listener) {
      done = listener;
      return () => {
        done = undefined;
      };
    },
  });
  return {
    completion,
    clock,
    journal,
    whole,
    log,
    end(problem) {
      (done ?? assert.fail("nothing is listed"))(problem);
      done = undefined;
    },
  };
}

describe("completeJournal", () => {
  it("is complete after the first listing, a quarter of a second after events are heard", () => {
    const { completion, clock, end, whole } = play();
    completion.began();
    clock.skip(249);
    assert.equal(completion.figures.listings, 0);
    clock.skip(1);
    assert.equal(completion.isComplete(), false);
    end();
    assert.deepEqual([completion.isComplete(), whole, clock.waiting()], [true, [true], 0]);
  });

  it("lists again after events were missed, during a listing too, one in 30 s", () => {
    const { completion, clock, end, log } = play();
    completion.began();
    clock.skip(250);
    completion.lost();
    end();
    assert.deepEqual([completion.isComplete(), completion.figures.listings], [false, 1]);
    clock.skip(29_999);
    assert.equal(completion.figures.listings, 1);
    clock.skip(1);
    end();
    assert.deepEqual([completion.isComplete(), completion.figures.listings, completion.figures.completed, log], [true, 2, 2, []]);
    completion.lost();
    assert.equal(log.length, 1);
  });

  it("tries one that failed again, and not while no events are heard", () => {
    const { completion, clock, end, whole } = play();
    completion.began();
    clock.skip(250);
    end("conntrack was killed");
    completion.ended();
    clock.skip(60_000);
    assert.deepEqual([completion.isComplete(), completion.figures.listings, whole], [false, 1, [false]]);
    completion.began();
    clock.skip(250);
    end();
    assert.equal(completion.isComplete(), true);
  });

  it("five minutes after the last, where the journal had to forget what lives; never after a stop", () => {
    const { completion, clock, journal, end } = play();
    completion.began();
    clock.skip(250);
    end();
    completion.mayHaveForgotten();
    assert.equal(clock.waiting(), 0);
    journal.hasForgotten = true;
    completion.mayHaveForgotten();
    clock.skip(300_000);
    assert.equal(completion.figures.listings, 2);
    end();
    completion.mayHaveForgotten();
    completion.stop();
    completion.began();
    assert.equal(clock.waiting(), 0);
  });
});

describe("listFlows", () => {
  it("reads IPv4, then IPv6, and says what went wrong", () => {
    for (const [ends, expected] of [[[0, 0], ["ipv4", "ipv6", undefined]], [[1], ["ipv4", "why"]], [[0, 1], ["ipv4", "ipv6", "why"]]] as const) {
      const happened: (string | undefined)[] = [];
      const runs: FollowListeners[] = [];
      listFlows((_tool, args, listeners) => {
        happened.push(args[2]);
        runs.push(listeners);
        return { pause: () => undefined, resume: () => undefined, stop: () => undefined };
      }, () => undefined, (problem) => {
        happened.push(problem);
      });
      for (const status of ends) runs.at(-1)?.onEnd({ status, isMissing: false, reason: "why" });
      assert.deepEqual(happened, expected);
    }
  });
});
