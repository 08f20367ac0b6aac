// Compiles tests once and runs them with Node's own runner: node scripts/run-tests.mjs pure|unit|lab|native [PATH-PART…]
//   pure   the pure folders: no socket, process, clock, root or WebAssembly; all tests of a folder in one process
//   unit   those, and the rest that needs no lab, in a process each
//   lab    end to end, in network namespaces
//   native the native runtime beside Node: the same commands, the same answers
// With parts of paths only the files that have one of them in their names.
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { pureFolders } from "./pure-folders.mjs";

/** Of a pure folder, but long: a process of its own for each. */
const long = /\/(fuzz|conformance|reconnect-storm)\.test/;
const kinds = { pure: isPure, unit: (file) => !isLab(file) && !isNative(file), lab: isLab, native: isNative };

/** A module finds the files beside it where its source is. */
const ownUrls = {
  name: "own-urls",
  setup({ onLoad }) {
    onLoad({ filter: /\/(test|src|packages)\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      return { contents: text.replaceAll("import.meta.url", () => JSON.stringify(pathToFileURL(path).href)), loader: "ts", resolveDir: dirname(path) };
    });
  },
};

const [kind = "", ...parts] = process.argv.slice(2);
if (!Object.hasOwn(kinds, kind)) fail("usage: node scripts/run-tests.mjs pure|unit|lab|native [PATH-PART…]");
const trees = ["test", ...readdirSync("packages").map((name) => `packages/${name}/test`)];
const named = trees.flatMap((tree) => readdirSync(tree, { recursive: true }).map((name) => join(tree, name))).sort()
  .filter((file) => file.endsWith(".test.ts") && !file.endsWith(".offload.test.ts"))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
const files = named.filter(kinds[kind]);
if (files.length === 0) fail(noSuchTest());

removeStale("build/tests");
const folder = `build/tests/${process.pid}`;
try {
  process.exitCode = await run(await compile(files));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** There may be some of another kind. */
function noSuchTest() {
  const asked = parts.join(" ");
  const targets = { pure: `make pure TESTS="${asked}"`, unit: `make unit TESTS="${asked}"`, lab: `make lab-test TESTS="${asked}"`, native: "make test-native" };
  const other = Object.keys(kinds).find((name) => named.some(kinds[name]));
  return other === undefined
    ? `there is no test with ${asked} in its path`
    : `no test with ${asked} in its path is of the kind '${kind}'; try ${targets[other]}`;
}

function isLab(file) {
  return file.endsWith(".lab.test.ts") || file.startsWith("test/lab/");
}

function isNative(file) {
  return file.startsWith("test/native/");
}

function isPure(file) {
  return pureFolders.includes(file.split("/")[1]) && !/\.(kernel|lab)\.test\.ts$/.test(file);
}

/** One program for each file, but one for each pure folder. What several share is compiled once. */
async function compile(tests) {
  const sources = `${folder}/entries`;
  mkdirSync(sources, { recursive: true });
  const grouped = new Map();
  for (const file of tests) {
    const name = isPure(file) && !long.test(file) ? `${file.split("/")[1]}.pure` : file.replace(/^test\//, "").replaceAll("/", ".").replace(/\.test\.ts$/, "");
    grouped.set(name, [...(grouped.get(name) ?? []), file]);
  }
  const entries = [...grouped].map(([name, members]) => {
    writeFileSync(`${sources}/${name}.ts`, members.map((file) => `import ${JSON.stringify(resolve(file))};\n`).join(""));
    return `${sources}/${name}.ts`;
  });
  await build({
    entryPoints: entries,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    sourcemap: true,
    logLevel: "warning",
    plugins: [ownUrls],
  });
  return [...grouped.keys()].map((name) => `${folder}/${name}.mjs`);
}

/** Its exit code. What Node prints ends with `# tests`, `# pass` and `# fail` where nobody looks at a terminal. */
function run(programs) {
  const atOnce = kind === "lab" ? Number(process.env.LABS_AT_ONCE ?? Math.min(2, availableParallelism())) : availableParallelism();
  const reporter = process.env.TEST_REPORTER ?? (process.stdout.isTTY ? "spec" : "tap");
  const dots = `${folder}/dots`;
  const reporters = [`--test-reporter=${reporter}`, "--test-reporter-destination=stdout", "--test-reporter=dot", `--test-reporter-destination=${dots}`];
  const child = spawn(process.execPath, ["--enable-source-maps", "--test", `--test-concurrency=${atOnce}`, ...reporters, ...programs], { stdio: "inherit" });
  return new Promise((done) =>
    child.once("exit", (code) => {
      if (!readFileSync(dots, "utf8").includes(".")) fail("no test has passed");
      done(code ?? 1);
    })
  );
}

/** Of runs that were killed. */
function removeStale(parent) {
  if (!existsSync(parent)) return;
  for (const pid of readdirSync(parent)) if (!existsSync(`/proc/${pid}`)) rmSync(join(parent, pid), { recursive: true, force: true });
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
