import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { openLog, type LogLevel } from "../../../src/system/process/log.ts";
import { systemClock } from "../../../src/system/process/system-clock.ts";
import { milliseconds, sinceEpoch, wallInstant } from "../../../src/model/time.ts";

function record(isTTY: boolean, threshold: () => LogLevel = () => "debug"): { log: ReturnType<typeof openLog>; written: string[] } {
  const written: string[] = [];
  return { log: openLog({ write: (text) => written.push(text), isTTY }, { now: () => wallInstant(0) }, threshold), written };
}

describe("the log", () => {
  it("writes a line an event, with the time only on a terminal", () => {
    const [daemon, terminal] = [record(false), record(true)];
    daemon.log("warn", "no route");
    terminal.log("warn", "no route");
    assert.deepEqual([daemon.written, terminal.written], [["warn: no route\n"], ["1970-01-01T00:00:00.000Z warn: no route\n"]]);
  });

  it("leaves out what is below the threshold of the moment", () => {
    let threshold: LogLevel = "error";
    const { log, written } = record(false, () => threshold);
    for (const level of ["error", "warn", "info"] as const) log(level, "a");
    threshold = "info";
    for (const level of ["error", "warn", "info", "debug"] as const) log(level, "b");
    assert.deepEqual(written, ["error: a\n", "error: b\n", "warn: b\n", "info: b\n"]);
  });

  it("cannot be made to write a second line, or an endless one", () => {
    const { log, written } = record(false);
    log("info", "camera\nerror: forged\u001b[2J");
    log("info", "x".repeat(100_000));
    assert.equal(written[0], "info: camera\\nerror: forged\\u001b[2J\n");
    assert.equal(written[1]?.length, "info: ".length + 1000 + 1);
  });

  it("goes on when nobody reads it", () => {
    const log = openLog({
      write: () => {
        throw new Error("EPIPE");
      },
    }, { now: () => wallInstant(0) }, () => "info");
    log("info", "a");
  });
});

describe("the system clock", () => {
  it("waits longer than setTimeout can", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const fired: string[] = [];
      const month = 30 * 86_400_000;
      systemClock.after(milliseconds(month), () => fired.push("month"));
      systemClock.after(milliseconds(0), () => fired.push("now"));
      systemClock.after(milliseconds(-5), () => fired.push("past"));
      systemClock.after(milliseconds(Infinity), () => fired.push("never"));
      const cancel = systemClock.after(milliseconds(month), () => fired.push("cancelled"));
      mock.timers.tick(1);
      assert.deepEqual(fired, ["now", "past"]);
      mock.timers.tick(0x7fff_ffff - 1); // exactly to the first step, as mocked timers that start late count from then
      cancel();
      mock.timers.tick(month - 0x7fff_ffff - 1);
      assert.deepEqual(fired, ["now", "past"]);
      mock.timers.tick(1);
      assert.deepEqual(fired, ["now", "past", "month"]);
    } finally {
      mock.timers.reset();
    }
  });

  it("tells the time", () => {
    const before = Date.now();
    const now = sinceEpoch(systemClock.now());
    assert.ok(before <= now && now <= Date.now());
  });
});
