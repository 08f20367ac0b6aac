import assert from "node:assert/strict";
import { test } from "node:test";
import { NftError } from "../src/nft-error.ts";
import { openNftables } from "../src/open-nftables.ts";
import { spawnNft } from "../src/spawn-nft.ts";
import type { Statement } from "../src/statement.ts";

const table = { family: "inet", name: "t" } as const;
const answering = (answer: string | NftError): ReturnType<typeof openNftables> => (
  openNftables({ run: () => (answer instanceof NftError ? Promise.reject(answer) : Promise.resolve(answer)) })
);
const failsWith = (failure: NftError["failure"], message?: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof NftError);
  assert.equal(error.failure, failure);
  if (message) assert.match(error.message, message);
  return true;
};

test("a transaction goes to nft as one text", async () => {
  const calls: unknown[][] = [];
  await openNftables({
    run: (...call) => {
      calls.push(call);
      return Promise.resolve("");
    },
  })
    .runTransaction([{ do: "add table", table }, { do: "delete table", table }]);
  assert.deepEqual(calls, [[["-f", "-"], "add table inet t\ndelete table inet t\n"]]);
});

test("an error names the statement that nft means, though others before it have several lines", async () => {
  const statements: readonly Statement[] = [
    { do: "add table", table },
    { do: "add elements", table, set: "s", elements: [{ key: [{ number: 1 }] }, { key: [{ number: 2 }] }] },
    { do: "delete counter", table, name: "m1" },
  ];
  const refusal = new NftError("refused", "nft refused", "/dev/stdin:6:1-9: Error: Could not process rule: Device or resource busy\n");
  await assert.rejects(answering(refusal).runTransaction(statements),
    (error: NftError) => error.statement === statements[2] && failsWith("refused", /delete counter inet t m1/)(error));
});

test("what is not there is empty, or undefined", async () => {
  const nothing = answering(new NftError("not-found", "no"));
  assert.deepEqual(await nothing.listCounters(table), new Map());
  assert.deepEqual(await nothing.listSet(table, "set", "s"), []);
  assert.equal(await nothing.listNames(table), undefined);
});

test("an answer that is no JSON, or other JSON", async () => {
  await assert.rejects(answering("not json").listCounters(table), failsWith("unreadable"));
  for (const answer of ["null", "[]", "{}", '{"nftables": 3}', '{"nftables": [null, 1, {"counter": null}]}']) {
    assert.deepEqual(await answering(answer).listCounters(table), new Map());
  }
});

test("elements of every form that nft prints", async () => {
  const elem =
    '["1.2.3.4", 7, {"elem": {"val": {"concat": ["02:00:00:00:00:17", {"prefix": {"addr": "1.2.3.0", "len": 24}}, {"range": [1, 2]}]}, "timeout": 60, "expires": 59}}]';
  assert.deepEqual(await answering(`{"nftables": [{"metainfo": {}}, {"set": {"name": "s", "elem": ${elem}}}]}`).listSet(table, "set", "s"), [
    { key: ["1.2.3.4"] },
    { key: ["7"] },
    { key: ["02:00:00:00:00:17", "1.2.3.0/24", "1-2"], timeout: 60, expires: 59 },
  ]);
});

// The real runner, with another program in the place of nft.
const node = (script: string, options: object = {}): ReturnType<typeof spawnNft> => spawnNft({ command: [process.execPath, "-e", script, "--"], ...options });

test("arguments and input arrive as they are, without a shell", async () => {
  const program = node("process.stdin.pipe(process.stdout); console.log(JSON.stringify(process.argv.slice(1)))");
  assert.equal(await program.run(["$(id)", "a b", ";"], "flush ruleset"), '["$(id)","a b",";"]\nflush ruleset');
});
test("a program that is missing", () =>
  assert.rejects(spawnNft({ command: ["no-such-nft"] }).run([]), failsWith("not-installed", /no-such-nft is not installed/)));
test("a program that may not be run", () => assert.rejects(spawnNft({ command: ["/etc/passwd"] }).run([]), failsWith("not-started")));
test("a program that hangs", () => assert.rejects(node("setInterval(() => 0, 1000)", { timeout: 200 }).run([]), failsWith("timed-out")));
test("a program that prints without end", () => (
  assert.rejects(node("setInterval(() => process.stdout.write('x'.repeat(1e5)))", { outputLimit: 1e6 }).run([]), failsWith("too-much-output"))
));
test("a program that does not read, and fails", () => (
  assert.rejects(node("process.stderr.write('Error: Operation not permitted\\n'); process.exit(1)").run([], "x".repeat(1e6)),
    failsWith("refused", /Operation not permitted/))
));
test("a program that is killed", () => assert.rejects(node("process.kill(process.pid, 'SIGKILL')").run([]), failsWith("refused", /SIGKILL/)));
