// Runs the tests of a folder when something in it changes, in src/ or in test/.
import { spawn } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { pureFolders } from "./pure-folders.mjs";

const changed = new Set();
let running = false;

for (const tree of ["src", "test"]) {
  watch(tree, { recursive: true }, (_event, name) => {
    const folder = name?.split("/")[0] ?? "";
    if (name?.endsWith(".ts") && existsSync(`test/${folder}`) && folder !== "lab") changed.add(folder);
    setTimeout(runNext, 100);
  });
}
console.log("Change something in src/ or test/: the tests of its folder run.");

function runNext() {
  const [folder] = changed;
  if (running || folder === undefined) return;
  changed.delete(folder);
  running = true;
  const kind = pureFolders.includes(folder) ? "pure" : "unit";
  console.log(`\n${new Date().toTimeString().slice(0, 8)} ${kind} tests of ${folder}`);
  const child = spawn(process.execPath, ["scripts/run-tests.mjs", kind, `test/${folder}/`], {
    stdio: "inherit",
    env: { ...process.env, TEST_REPORTER: "dot" },
  });
  child.once("exit", (code) => {
    running = false;
    console.log(code === 0 ? "\nfine" : `\nended with ${code}`);
    runNext();
  });
}
