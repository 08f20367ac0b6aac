import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openConntrack, type ConntrackTable } from "../../../src/system/flows/flow-table.ts";
import { CommandFailure } from "../../../src/system/process/run-command.ts";
import type { CommandResult, RunCommand } from "../../../src/system/process/run-command.ts";
import { asking, flow, prefixes, vector } from "../../nat-lookup/asking.ts";

interface Played {
  readonly table: ConntrackTable;
  readonly calls: string[];
  readonly log: string[];
}

/** A conntrack that prints the same lines whatever the filters are. */
function play(lines: string, end: Partial<CommandResult> = {}): Played {
  const calls: string[] = [];
  const log: string[] = [];
  const run: RunCommand = (tool, args, options) => {
    calls.push([tool, ...args].join(" "));
    for (const line of lines.split("\n")) options?.onLine?.(line);
    return Promise.resolve({ status: 0, stdout: "", stderr: "", ...end });
  };
  return {
    table: openConntrack({
      run,
      log: (level, message) => {
        log.push(`${level}: ${message}`);
      },
    }),
    calls,
    log,
  };
}

const recorded = vector("conntrack/list-ipv4.txt");

describe("openConntrack, matching", () => {
  it("keeps what may be meant", async () => {
    const { table, calls } = play(recorded);
    const flows = await table.matching(asking({ from: "203.0.113.7 203.0.113.8", to: "198.51.100.9 198.51.100.10" }));
    assert.deepEqual(calls, ["conntrack -L -f ipv4"]);
    assert.equal(flows.length, recorded.trimEnd().split("\n").length - 4, "all but IGMP, the hairpin, the ISP's ping and the flow to 198.51.100.99");
  });
  it("passes over what it cannot read", async () => {
    const { table } = play(`garbage\n\u0000\n${recorded.slice(0, 5000)}`);
    assert.ok((await table.matching(asking())).length > 0);
  });
  it("fails in conntrack's words", async () => {
    const { table } = play("", { status: 1, stderr: "conntrack v1.4.7 (conntrack-tools): Operation failed: sorry, you must be root\n" });
    await assert.rejects(table.matching(asking()), /you must be root/);
  });
  it("fails if conntrack is missing", async () => {
    const run: RunCommand = () => Promise.reject(new CommandFailure("conntrack", "missing", "conntrack is not installed: install the package conntrack"));
    await assert.rejects(openConntrack({ run, log: () => undefined }).matching(asking()), /install the package conntrack/);
  });
  it("says when it has to leave flows out", async () => {
    const lines = Array.from({ length: 5000 },
      (_, at) => `udp 17 9 src=10.0.${at >> 8}.${at & 255} dst=198.51.100.9 sport=1 dport=2 src=198.51.100.9 dst=203.0.113.7 sport=2 dport=${at} use=1`);
    const { table, log } = play(lines.join("\n"));
    assert.equal((await table.matching(asking({ to: "198.51.100.0/24", from: "203.0.113.0/24" }))).length, 4096);
    assert.deepEqual(log, ["warn: conntrack: 904 of 5000 flows that match a request do not fit into its evidence"]);
  });
});

describe("openConntrack, cut", () => {
  const nothing = { status: 1, stderr: "conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n" };
  it("deletes both ways, and is content with nothing", async () => {
    const { table, calls } = play("", nothing);
    await table.cut(["192.168.1.21", "2001:db8:1::21"], prefixes("198.51.100.9"));
    assert.deepEqual(calls, [
      "conntrack -D -f ipv4 --orig-src 192.168.1.21 --reply-src 198.51.100.9",
      "conntrack -D -f ipv4 --reply-src 192.168.1.21 --orig-src 198.51.100.9",
    ]);
  });
  it("fails if conntrack does", async () => {
    await assert.rejects(play("", { status: 1, stderr: "Operation failed: sorry" }).table.cut(["192.168.1.21"], []), /sorry/);
  });
  it("begins again where a flow that has just ended by itself stopped it, five times at most", async () => {
    const gone = { status: 1, stderr: "conntrack v1.4.7 (conntrack-tools): Operation failed: such conntrack doesn't exist\n" };
    for (const [failures, attempts] of [[1, 2], [4, 5], [5, undefined]] as const) {
      let calls = 0;
      const run: RunCommand = (_tool, args) =>
        Promise.resolve({ status: 0, stdout: "", stderr: "", ...(args[3] === "--orig-src" && ++calls <= failures ? gone : {}) });
      const cut = openConntrack({ run, log: () => undefined }).cut(["192.168.1.21"], prefixes("198.51.100.9"));
      if (attempts === undefined) await assert.rejects(cut, /doesn't exist/);
      else await cut;
      assert.equal(calls, attempts ?? 5);
    }
  });
  it("looks first where there is much to try", async () => {
    const { table, calls } = play(recorded, { stderr: "3 flow entries have been deleted." });
    await table.cut(["192.168.1.21", "192.168.1.22", "192.168.1.23", "2001:db8:1::21"], prefixes("198.51.100.9 198.51.100.10 198.51.100.11"));
    assert.deepEqual(calls, [
      "conntrack -L -f ipv4",
      "conntrack -D -f ipv4 --orig-src 192.168.1.21 --reply-src 198.51.100.9",
      "conntrack -D -f ipv4 --reply-src 192.168.1.21 --orig-src 198.51.100.9",
      "conntrack -D -f ipv4 --orig-src 192.168.1.22 --reply-src 198.51.100.9",
      "conntrack -D -f ipv4 --orig-src 192.168.1.22 --reply-src 198.51.100.10",
    ]);
  });
  it("tries only what living flows call for, where those are known, and returns what it ended", async () => {
    const line =
      "udp 17 9 src=192.168.1.21 dst=198.51.100.9 sport=1 dport=2 packets=7 bytes=700 src=198.51.100.9 dst=203.0.113.7 sport=2 dport=3 packets=0 bytes=0 use=1";
    const { table, calls } = play(line, { stderr: "1 flow entries have been deleted." });
    const ended = await table.cut(["192.168.1.21"], prefixes("198.51.100.9"), [flow(line)]);
    assert.deepEqual([calls, ended.map(({ originalPackets }) => originalPackets)], [["conntrack -D -f ipv4 --orig-src 192.168.1.21 --reply-src 198.51.100.9"], [
      7,
    ]]);
    assert.deepEqual(await table.cut(["192.168.1.21"], prefixes("198.51.100.9"), []), []);
    assert.equal(calls.length, 1);
  });
  it("never spawns more than 32 deletions", async () => {
    const addresses = Array.from({ length: 40 }, (_, at) => `192.168.1.${at + 100}`);
    const lines = addresses.map((address) => `udp 17 9 src=${address} dst=198.51.100.9 sport=1 dport=2 src=198.51.100.9 dst=203.0.113.7 sport=2 dport=3 use=1`);
    const { table, calls, log } = play(lines.join("\n"));
    await table.cut(addresses, prefixes("198.51.100.9"));
    assert.deepEqual([calls.length, log.length], [33, 1]);
  });
  it("passes over what is no address", async () => {
    const { table, calls } = play("");
    await table.cut(["-F", "camera", "192.168.1.0/24"], []);
    assert.deepEqual(calls, []);
  });
});
