import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CommandFailure, failedStatus, runCommand, runForJson } from "../../../src/system/process/run-command.ts";
import type { FailureReason, RunCommand } from "../../../src/system/process/run-command.ts";
import { milliseconds } from "../../../src/model/time.ts";

const node = process.execPath;
const script = (code: string): readonly string[] => ["-e", code];

function failsFor(reason: FailureReason, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CommandFailure);
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };
}

describe("runCommand", () => {
  it("gives output, errors and status", async () => {
    assert.deepEqual(await runCommand(node, script("console.log('ö'); console.error('e'); process.exitCode = 3")), { status: 3, stdout: "ö\n", stderr: "e\n" });
  });
  it("passes arguments as they are, through no shell", async () => {
    const { stdout } = await runCommand("printf", ["%s|", "$(id)", "; ls", "a b", "*"]);
    assert.equal(stdout, "$(id)|; ls|a b|*|");
  });
  it("delivers whole lines only, however they come in", async () => {
    const lines: string[] = [];
    const result = await runCommand(node, script("process.stdout.write('one\\ntw'); setTimeout(() => process.stdout.write('o\\n\\nhalf'), 20)"), {
      onLine: (line) => {
        lines.push(line);
      },
    });
    assert.deepEqual([lines, result.stdout], [["one", "two", ""], ""]);
  });
  it("names the package of a tool that is missing", async () => {
    const path = process.env["PATH"];
    await assert.rejects(runCommand("no-such-tool-at-all", []), failsFor("missing", /no-such-tool-at-all is not installed/));
    assert.equal(process.env["PATH"], path);
  });
  it("kills what takes too long", async () => {
    const start = performance.now();
    await assert.rejects(runCommand(node, script("setInterval(() => {}, 1000)"), { timeout: milliseconds(200) }), failsFor("timeout", /longer than 200 ms/));
    assert.ok(performance.now() - start < 30_000);
  });
  it("kills what takes too long though its child holds the pipe", async () => {
    const start = performance.now();
    await assert.rejects(runCommand("sh", ["-c", "sleep 60 & wait"], { timeout: milliseconds(100) }), failsFor("timeout", /sh took/));
    assert.ok(performance.now() - start < 30_000);
  });
  it("kills what prints too much, in lines or not", async () => {
    await assert.rejects(runCommand("yes", [], { mostOutput: 100_000 }), failsFor("output", /more than 100000 bytes/));
    await assert.rejects(runCommand("yes", [], { mostOutput: 100_000, onLine: () => undefined }), failsFor("output", /more than 100000 bytes/));
  });
  it("holds neither an endless line nor endless complaints", async () => {
    const { stderr } = await runCommand(node, script("process.stderr.write('e'.repeat(1e6))"));
    assert.equal(stderr.length, 4096);
    const lengths: number[] = [];
    await runCommand(node, script("process.stdout.write('x'.repeat(1e6)); setTimeout(() => process.stdout.write('\\nok\\n'), 20)"), {
      onLine: (line) => {
        lengths.push(line.length);
      },
    });
    assert.ok(lengths.length === 2 && (lengths[0] ?? 0) <= 2 * 65_536 && lengths[1] === 2, String(lengths));
  });
  it("tells of a signal", async () => {
    await assert.rejects(runCommand("sh", ["-c", "kill -9 $$"]), failsFor("killed", /SIGKILL/));
  });
  it("turns a reader's mistake into a failure, not a crash", async () => {
    await assert.rejects(runCommand("echo", ["x"], {
      onLine: () => {
        throw new Error("mine");
      },
    }), failsFor("output", /mine/));
  });
});

describe("runForJson", () => {
  const prints = (status: number, stdout: string, stderr = ""): RunCommand => () => Promise.resolve({ status, stdout, stderr });
  it("reads JSON, and nothing as an empty list", async () => {
    assert.deepEqual(await runForJson(prints(0, '[{"a":1}]\n'), "ip", []), [{ a: 1 }]);
    assert.deepEqual(await runForJson(prints(0, "\n"), "ip", []), []);
  });
  it("asks for ip-full where BusyBox answers", async () => {
    await assert.rejects(runForJson(prints(1, "", "ip: unrecognized option: j\nUsage: ip"), "ip", []),
      failsFor("status", /unrecognized option: j \(is the package ip-full installed\?\)/));
    await assert.rejects(runForJson(prints(0, "192.168.1.1 dev br-lan"), "ip", []), failsFor("output", /ip-full/));
  });
});

describe("failedStatus", () => {
  it("quotes the first line", () => {
    const failure = failedStatus("conntrack", { status: 1, stdout: "", stderr: "conntrack v1.4.7: Operation failed: sorry\nTry -h\n" });
    assert.equal(failure.message, "conntrack failed with status 1: conntrack v1.4.7: Operation failed: sorry");
  });
});
