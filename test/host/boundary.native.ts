/** What C is called with, whatever it is, is refused with an exception or an error number: run with AddressSanitizer and UBSan. */
import assert from "node:assert/strict";
import { test } from "node:test";

/** Those that would end the test, or what is not its own. */
const deadly = ["arguments", "end", "kill", "close", "hold", "onTurn", "onSignal", "onUnhandled", "exitCode", "changeMask", "unlink", "removeFolder", "rename",
  "changeMode", "signal", "unwatch"];
/** Of descriptors none that is open. */
const values: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  2 ** 31,
  -(2 ** 31),
  2 ** 53,
  1.5,
  NaN,
  Infinity,
  77_777,
  "",
  "text",
  "\0",
  "\ud800",
  "é".repeat(300),
  Symbol("s"),
  5n,
  {},
  [],
  [1, 2, 3],
  ["a", 5],
  new Uint8Array(0),
  new Uint8Array(7),
  new Uint16Array(3),
  new Float64Array(1),
  new ArrayBuffer(8),
  new DataView(new ArrayBuffer(4)),
  new Uint8Array(new ArrayBuffer(64), 60, 4),
  () => undefined,
  new Proxy({}, {}),
  new Date(0),
];

test("no function of the host can be called so that it breaks", () => {
  let seed = 1;
  const draw = (): unknown => {
    seed = seed * 48_271 % 2_147_483_647;
    return values[seed % values.length];
  };
  const functions = Object.entries(native).filter(([name, value]) => typeof value === "function" && !deadly.includes(name)) as unknown as [
    string,
    (...args: unknown[]) => unknown,
  ][];
  assert.ok(functions.length > 25);
  let thrown = 0, answered = 0;
  for (let round = 0; round < 400; round++) {
    for (const [name, call] of functions) {
      const args = Array.from({ length: 1 + seed % 6 }, draw);
      // A program is looked for, and a folder made, where there is none.
      if (["spawn", "makeFolder", "open", "bind", "socket"].includes(name) && typeof args[0] !== "symbol") args[0] = "/nowhere/x";
      try {
        call(...args);
        answered++;
      } catch (error) {
        assert.ok(error instanceof Error, name);
        thrown++;
      }
    }
  }
  assert.ok(thrown > 1000 && answered > 100, `${thrown} thrown, ${answered} answered`);
});
