import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { lookup } from "node:dns/promises";
import { test } from "node:test";

interface Finished {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly complaints: string;
}

const finish = (child: ChildProcess): Promise<Finished> =>
  new Promise((resolve, reject) => {
    let out = "", complaints = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaints += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, out, complaints });
    });
  });

test("a program gets its arguments, its environment and its input, and says how it ended", async () => {
  const child = spawn("sh", ["-c", 'cat; echo "$0 $GREETING" >&2; exit 3', "it's"], {
    env: { PATH: "/usr/bin:/bin", GREETING: "h\u00e9" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.write("one ");
  child.stdin.end("two €");
  assert.deepEqual(await finish(child), { code: 3, signal: null, out: "one two €", complaints: "it's h\u00e9\n" });
});

test("a long output comes whole, also where nobody is quick to read it", async () => {
  const { out, code } = await finish(spawn("seq", ["1", "100000"], { stdio: ["ignore", "pipe", "ignore"] }));
  assert.deepEqual([code, out.length, out.slice(-7)], [0, 588_895, "100000\n"]);
});

test("a few words that nobody reads keep nobody waiting", async () => {
  const child = spawn("echo", ["a few words"]);
  await new Promise((resolve) => {
    child.on("close", resolve);
  });
  assert.equal(child.exitCode, 0);
});

test("one that is killed, and one that does not exist", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  assert.ok((child.pid ?? 0) > 1);
  const ended = finish(child);
  assert.ok(child.kill("SIGKILL"));
  assert.deepEqual([(await ended).code, (await ended).signal], [null, "SIGKILL"]);
  assert.equal(child.kill(), false);
  await assert.rejects(finish(spawn("no-such-program", ["x"])), { code: "ENOENT", syscall: "spawn no-such-program" });
  await assert.rejects(finish(spawn("/etc/passwd", [])), { code: "EACCES" });
});

test("a child's end is heard while a name is looked up that nobody knows", async () => {
  const looking = lookup("a-name-that-takes-its-time.invalid", { all: true }).catch(() => []);
  assert.equal((await finish(spawn("sh", ["-c", "exit 5"]))).code, 5);
  await looking;
});

test("a child has its own signals, and twenty end at once", async () => {
  const { signal } = await finish(spawn("sh", ["-c", "kill -PIPE $$; exit 1"]));
  assert.equal(signal, "SIGPIPE");
  const all = await Promise.all(Array.from({ length: 20 }, (_, at) => finish(spawn("sh", ["-c", `exit ${at}`]))));
  assert.deepEqual(all.map(({ code }) => code), all.map((_, at) => at));
});
