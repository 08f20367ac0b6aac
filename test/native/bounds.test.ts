/** How a program ends on the native runtime that goes too far: with a word, and a status that procd takes for a reason to start it again. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { patience } from "../patience.ts";

const build = fileURLToPath(new URL("../../build/native/", import.meta.url));
const folder = mkdtempSync("/tmp/native-bounds-");
after(() => {
  rmSync(folder, { recursive: true });
});

interface End {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** What becomes of this text as a program. `native` is all that it has. */
function run(text: string, env: Readonly<Record<string, string>> = {}, program = join(build, "run-script")): Promise<End> {
  const file = join(folder, "program.js");
  writeFileSync(file, `const print = (text) => { const bytes = native.encodeUtf8(text + "\\n"); native.write(1, bytes, 0, bytes.length); };\n${text}`);
  return new Promise((resolve) => {
    execFile(program, [file], { timeout: patience, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code ?? error.signal : 0, stdout, stderr });
    });
  });
}

test("memory: the limit ends the process, whatever catches exceptions", async () => {
  const limit = { HOST_MEMORY: String(16 * 1024 * 1024) };
  assert.deepEqual(await run(`const all = []; for (;;) { try { for (;;) all.push({ some: "thing " + all.length }); } catch { } }`, limit), {
    code: 1,
    stdout: "",
    stderr: "error: internal: out of memory: the engine's limit is reached; ended\n",
  });
  // A wrong length is somebody's fault, and told to them.
  const { stdout, code } = await run(`try { new Uint8Array(1e9); } catch (error) { print(error.name + ": " + error.message); }`, limit);
  assert.equal(code, 0);
  assert.match(stdout, /out of memory|invalid array/i);
});

test("what is given back is used again: memory stays where it is", async () => {
  const { stdout, stderr } = await run(`
    const resident = () => { const bytes = new Uint8Array(4096); const file = native.open("/proc/self/status", 0, 0); const got = native.read(file, bytes, 0, 4096, -1); native.close(file);
      return Number(/VmRSS:\\s+(\\d+)/.exec(native.decodeUtf8(bytes, 0, got, false))[1]); };
    const work = () => { for (let n = 0; n < 20000; n++) { const text = "flow " + n; new Map([[text, { text, list: [n, n + 1], bytes: new Uint8Array(n % 700) }]]); } };
    work(); const before = resident();
    for (let n = 0; n < 20; n++) work();
    print(String(resident() - before));`, { HOST_MEMORY: String(32 * 1024 * 1024) });
  assert.ok(Number(stdout) < 1024, `${stdout} KB more ${stderr}`);
});

test("time: a step that never ends, ends", async () => {
  const { code, stderr } = await run("for (;;) { try { for (;;); } catch { } }", { HOST_TURN: "200" });
  assert.deepEqual([code, stderr], [1, "error: internal: a step took longer than any may; ended\n"]);
  // Waiting is no work.
  assert.equal(
    (await run(
      `native.hold(1); let due = native.now() + 400; native.onTurn(() => { const left = due - native.now(); if (left > 0) return left; native.hold(-1); return -1; });`,
      { HOST_TURN: "200" },
    )).code,
    0,
  );
});

test("the stack: endless recursion is an exception", async () => {
  const { code, stdout } = await run(
    `const dive = () => dive() + 1; try { dive(); } catch (error) { print(error.message); } print(JSON.stringify(JSON.parse("[".repeat(1000) + "]".repeat(1000))).length + "");`,
  );
  assert.deepEqual([code, stdout], [0, "stack overflow\n2000\n"]);
});

test("an exception that nobody catches is told, and ends it with 1", async () => {
  for (
    const text of [`throw new Error("thrown at once");`, `native.onTurn(() => { throw new Error("thrown at once"); });`,
      `Promise.reject(new Error("thrown at once")); native.onUnhandled = (all) => { throw [...all.values()][0]; };`]
  ) {
    const { code, stderr } = await run(text);
    assert.equal(code, 1, text);
    assert.match(stderr, /^Uncaught Error: thrown at once\n/, text);
  }
});

test("an executable whose program is damaged says so", () => {
  const executable = fileURLToPath(new URL("../../dist/dots-callhome", import.meta.url));
  const bytes = readFileSync(executable);
  // What qjsc wrote; it begins with its version.
  const program = readFileSync(join(build, "program.c"), "utf8").slice(0, 4000).match(/0x[0-9a-f]{2}/g)?.slice(0, 64).map(Number) ?? [];
  const start = bytes.indexOf(Buffer.from(program));
  assert.ok(start > 0, "the bytecode is in it");
  bytes[start] = 0xff;
  const damaged = join(folder, "damaged");
  writeFileSync(damaged, bytes, { mode: 0o755 });
  assert.throws(() => execFileSync(damaged, ["--help"], { stdio: "pipe" }), ({ status, stderr }: { status: number; stderr: Buffer }) => {
    assert.match(stderr.toString(), /the program in this executable is damaged, install the package again/);
    return status === 1;
  });
});
