import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRedial, type Redial } from "../../src/callhome-server/redial.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";

interface Played {
  readonly redial: Redial;
  readonly clock: FakeClock;
  readonly dials: AbortSignal[];
  /** Seconds of each wait. */
  readonly waits: number[];
}

/** Random is always a half. */
function play(): Played {
  const clock = fakeClock();
  const dials: AbortSignal[] = [];
  const waits: number[] = [];
  const redial = createRedial({
    clock: clock.steady,
    random: () => 0.5,
    dial: (signal) => {
      dials.push(signal);
      return Promise.resolve();
    },
    waits: (delay) => {
      waits.push(delay / 1000);
    },
  });
  return { redial, clock, dials, waits };
}

/** What happens before the next dial, and the wait that it leads to, in seconds. */
const table: readonly (readonly [string, (redial: Redial) => void, number[]])[] = [
  ["a start dials at once", () => undefined, []],
  ["RFC 9132 §4.7: nobody answers a home that starts", (redial) => {
    redial.failed("unanswered");
  }, [75]],
  ["nobody answers any more where there was a session", (redial) => {
    redial.connected();
    redial.failed("unanswered");
  }, [330]],
  ["nothing was sent: no name, no route", (redial) => {
    redial.failed("unsent");
  }, [2.5]],
  ["a session that lasted is lost", (redial) => {
    redial.connected();
    redial.ended("settled");
  }, [5]],
  ["three in a row ended as soon as they had begun", (redial) => {
    for (let at = 0; at < 3; at++) {
      redial.connected();
      redial.ended("unsettled");
    }
  }, [20]],
  ["one that lasts begins the count again", (redial) => {
    for (const how of ["unsettled", "unsettled", "settled", "unsettled"] as const) {
      redial.connected();
      redial.ended(how);
    }
  }, [5]],
  ["the upstream has sent us elsewhere", (redial) => {
    redial.connected();
    redial.ended("moving");
  }, []],
  ["an alternate is given up", (redial) => {
    redial.connected();
    redial.ended("moving");
    redial.failed("elsewhere");
  }, [5]],
];

describe("redial", () => {
  for (const [what, happens, expected] of table) {
    it(what, async () => {
      const { redial, clock, dials, waits } = play();
      happens(redial);
      redial.later();
      assert.deepEqual(waits, expected);
      await clock.advance(1000 * (expected[0] ?? 0));
      assert.equal(dials.length, 1);
    });
  }

  it("an order ends the wait or the dial under way; three at once, then once a minute", async () => {
    const { redial, clock, dials, waits } = play();
    const firsts: number[] = [];
    redial.failed("unanswered");
    redial.later();
    for (let at = 1; at <= 5; at++) {
      redial.order(() => {
        firsts.push(at);
      });
      await clock.advance(0);
    }
    assert.deepEqual([dials.map(({ aborted }) => aborted), firsts, waits], [[true, true, true], [1, 2, 3, 4], [75, 180]], "the fifth finds the fourth waiting");
    await clock.advance(180_000);
    assert.equal(dials.length, 4);
  });

  it("stopped, it dials no more", async () => {
    const { redial, clock, dials } = play();
    redial.later();
    await clock.advance(0);
    redial.stop();
    redial.later();
    redial.order(() => {
      assert.fail("it is stopped");
    });
    await clock.advance(600_000);
    assert.deepEqual(dials.map(({ aborted }) => aborted), [true]);
  });
});
