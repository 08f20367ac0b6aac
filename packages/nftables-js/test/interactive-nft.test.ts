import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { interactiveNft } from "../src/interactive-nft.ts";
import type { InteractiveOptions } from "../src/interactive-nft.ts";
import { NftError } from "../src/nft-error.ts";
import { openNftables } from "../src/open-nftables.ts";

// In the place of nft a little program that writes down what it is told: `PID i LINE` by `-i`, `PID f TEXT` by `-f -`.
const played = `
  const { appendFileSync } = require("node:fs");
  const [log, manner, ...how] = process.argv.slice(1);
  const note = (kind, text) => appendFileSync(log, process.pid + " " + kind + " " + JSON.stringify(text) + "\\n");
  const complain = (error, line) => process.stderr.write("Error: " + error + "\\n" + line + "\\n     ^\\n");
  const answer = (token) => complain("syntax error, unexpected newline, expecting string", token);
  /** What it does on a line that is bad, in the place of answering. */
  const manners = {
    "is fine with": answer,
    "dies of": () => process.kill(process.pid, "SIGKILL"),
    "is silent on": () => undefined,
    "talks without end on": () => setInterval(() => process.stderr.write("x".repeat(1e5)), 1),
    "mumbles on": (token) => { process.stderr.write("mumble\\n"); answer(token); },
    "answers another line than": () => answer("answered_77"),
    refuses: (token, line) => { complain("Could not process rule: Device or resource busy", line); answer(token); },
  };
  const readFile = () => {
    let text = "";
    process.stdin.on("data", (chunk) => { text += chunk; }).on("end", () => {
      note("f", text);
      if (!text.includes("bad")) return;
      process.stderr.write("/dev/stdin:2:1-9: Error: Could not process rule: Device or resource busy\\n");
      process.exitCode = 1;
    });
  };
  const readLines = () => {
    let last = "";
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      process.stdout.write("nft> " + line + "\\n"); // as some builds do
      if (!line.startsWith("answered_")) { if (line !== "") note("i", line); last = line; }
      else if (manner !== "is deaf to") (last.includes("bad") ? manners[manner] : answer)(line, last);
    });
  };
  if (how[0] === "-f") readFile();
  else if (manner !== "is without") readLines();
  else { note("i", "no"); process.stderr.write("nft: interactive CLI not supported in this build\\n"); process.exitCode = 1; }
`;

let directory = "";
before(() => {
  directory = mkdtempSync(join(tmpdir(), "played-nft-"));
});
after(() => {
  rmSync(directory, { recursive: true });
});

interface Told {
  readonly pid: number;
  readonly by: string;
  readonly text: string;
}
let scene = 0;

function play(manner: string, options: InteractiveOptions = {}) {
  const log = join(directory, String(scene += 1));
  writeFileSync(log, "");
  const nft = interactiveNft({ command: [process.execPath, "-e", played, "--", log, manner], mostMemory: Infinity, ...options });
  const told = (): Told[] =>
    readFileSync(log, "utf8").split("\n").filter((line) => line !== "").map((line) => {
      const [pid = "", by = "", ...text] = line.split(" ");
      return { pid: Number(pid), by, text: JSON.parse(text.join(" ")) as string };
    });
  const pids = (): number => new Set(told().map(({ pid }) => pid)).size;
  return { nft, told, texts: () => told().map(({ by, text }) => `${by} ${text}`), pids };
}

const failsWith = (failure: NftError["failure"]) => (error: unknown): boolean => {
  assert.ok(error instanceof NftError, String(error));
  assert.equal(error.failure, failure);
  return true;
};

/** Resolves once the process is gone. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await delay(10);
  }
}

test("a transaction is a line, comments left out; one process serves all of them, in turn", async () => {
  const { nft, texts, pids } = play("is fine with");
  await Promise.all([
    nft.transact(["# What is needed.", "add table inet t", "add element inet t s {\n  1.2.3.4,\n  2.3.4.5\n}"]),
    nft.transact(["delete table inet t"]),
  ]);
  assert.deepEqual(texts(), ["i add table inet t; add element inet t s { 1.2.3.4, 2.3.4.5 }", "i delete table inet t"]);
  assert.equal(pids(), 1);
  nft.end();
});

test("an nft that was built without -i: noticed once, nothing is lost and nothing is done twice", async () => {
  const { nft, texts } = play("is without");
  await nft.transact(["add table inet t"]);
  await nft.transact(["add table inet u"]);
  assert.deepEqual(texts(), ["i no", "f add table inet t\n", "f add table inet u\n"]);
});

test("after a while it is tried again: the router may have been busy when it started", async () => {
  const { nft, texts } = play("is without", { retryAfter: 0 });
  await nft.transact(["add table inet t"]);
  await nft.transact(["add table inet u"]);
  assert.deepEqual(texts(), ["i no", "f add table inet t\n", "i no", "f add table inet u\n"]);
});

test("one that does not answer when it starts is not trusted with anything", async () => {
  const { nft, texts } = play("is deaf to", { timeout: 4_000 });
  await nft.transact(["add table inet t"]);
  assert.deepEqual(texts(), ["f add table inet t\n"]);
});

test("nft is not installed: the caller hears so, every time", async () => {
  const nft = interactiveNft({ command: ["no-such-nft"] });
  for (let turn = 0; turn < 2; turn += 1) await assert.rejects(nft.transact(["add table inet t"]), failsWith("not-installed"));
});

for (
  const [manner, failure] of [
    ["dies of", "died"],
    ["is silent on", "timed-out"],
    ["answers another line than", "timed-out"],
    ["talks without end on", "too-much-output"],
    ["mumbles on", "unreadable"],
  ] as const
) {
  test(`one that ${manner} a transaction: it is not repeated, the caller hears that its fate is unknown, and the next goes to a new process`, async () => {
    const { nft, texts, pids } = play(manner, { timeout: 4_000 });
    await nft.transact(["good"]);
    await assert.rejects(nft.transact(["bad"]), failsWith(failure));
    await nft.transact(["good again"]);
    assert.deepEqual(texts(), ["i good", "i bad", "i good again"]);
    assert.equal(pids(), 2);
    nft.end();
  });
}

test("a refusal is had again from a process of its own, which tells the place", async () => {
  const { nft, texts } = play("refuses");
  const table = { family: "inet", name: "t" } as const;
  const bad = { do: "add table", table: { ...table, name: "bad" } } as const;
  await assert.rejects(openNftables(nft).runTransaction([{ do: "add table", table }, bad]), (error: NftError) => {
    assert.equal(error.statement, bad);
    return failsWith("refused")(error);
  });
  assert.deepEqual(texts(), ["i add table inet t; add table inet bad", "f add table inet t\nadd table inet bad\n"]);
});

test("a long transaction, and a list, have a process of their own", async () => {
  const { nft, texts } = play("is fine with", { longestLine: 100 });
  await nft.transact(["add table inet t", `add element inet t s { ${"1, ".repeat(100)}1 }`]);
  await nft.run(["-f", "-"], "list");
  assert.deepEqual(texts().map((text) => text.slice(0, 10)), ["f add tabl", "f list"]);
});

test("a process is replaced after so many transactions, and ended when nobody needs it", async () => {
  const { nft, told, pids } = play("is fine with", { mostTransactions: 3, idle: 2_000 });
  for (let count = 0; count < 7; count += 1) await nft.transact([`add table inet t${String(count)}`]);
  assert.equal(told().length, 7);
  assert.equal(pids(), 3);
  for (const { pid } of told()) await gone(pid);
});

test("one that has taken much memory ends a second after its last transaction", async () => {
  const { nft, told, pids } = play("is fine with", { mostMemory: 1_000 });
  await Promise.all([nft.transact(["one"]), nft.transact(["two"])]);
  assert.equal(pids(), 1);
  await gone(told()[0]?.pid ?? 0);
});

test("one that is killed while idle is replaced before it is given anything", async () => {
  const { nft, told, texts, pids } = play("is fine with");
  await nft.transact(["one"]);
  const { pid } = told()[0] ?? assert.fail();
  process.kill(pid, "SIGKILL");
  await gone(pid);
  // It is gone; that its end is heard takes a turn or two more.
  await delay(100);
  await nft.transact(["two"]);
  assert.deepEqual(texts(), ["i one", "i two"]);
  assert.equal(pids(), 2);
  nft.end();
});
