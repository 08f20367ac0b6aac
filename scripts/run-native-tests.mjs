// Runs tests on the native runtime: node scripts/run-native-tests.mjs host|pure [PATH-PART…]
//   host   the adapters of host/node, on the build with AddressSanitizer and UBSan; the same files run on Node in `make unit`
//   pure   the tests of the pure folders, on the build that ships
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { nativeBundle } from "./bundle-native.mjs";
import { pureFolders } from "./pure-folders.mjs";

/** Tests that are about Node itself. Those that import of it what no adapter has are left out too, and named. */
const aboutNode = ["test/text/error-text.test.ts", "test/callhome-server/stream-endpoint.test.ts"]; // what a failed dial says; what V8 holds
/** Files that may be left out; more, and somebody has lost sight of this runtime. */
const mostLeftOut = 12;
const kinds = {
  host: { program: "build/native/run-script-sanitized", folders: ["test/host"], matches: (file) => /\.(test|native)\.ts$/.test(file) },
  pure: {
    program: "build/native/run-script",
    folders: pureFolders.map((name) => `test/${name}`),
    matches: (file) => /(?<!\.(kernel|lab))\.test\.ts$/.test(file),
  },
};
/** Seconds for one program of tests. */
const patience = 600;

const [kind = "", ...parts] = process.argv.slice(2);
if (!Object.hasOwn(kinds, kind)) fail("usage: node scripts/run-native-tests.mjs host|pure [PATH-PART…]");
const { program, folders, matches } = kinds[kind];
const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name))).sort()
  .filter((file) => matches(file) && !aboutNode.includes(file) && (parts.length === 0 || parts.some((part) => file.includes(part))));
if (files.length === 0) fail(`there is no such test: ${[kind, ...parts].join(" ")}`);

const work = `build/native/tests/${process.pid}`;
mkdirSync(work, { recursive: true });
const leftOut = [];
const totals = { tests: 0, pass: 0, fail: 0 };
try {
  const programs = await compile();
  const worker = async () => {
    for (let next = programs.shift(); next !== undefined; next = programs.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), programs.length) }, worker));
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`# tests ${totals.tests}\n# pass ${totals.pass}\n# fail ${totals.fail}`);
if (totals.fail > 0 || totals.pass === 0) process.exitCode = 1;

/** One program for each folder of tests. */
async function compile() {
  const grouped = new Map();
  for (const file of files) grouped.set(file.split("/")[1], [...(grouped.get(file.split("/")[1]) ?? []), file]);
  const adapters = resolve("test/host/adapters");
  const testing = {
    name: "testing",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^node:(test|assert\/strict)$/ }, ({ path }) => ({ path: `${adapters}/${path.slice(5).replace("/", "-")}.ts` }));
      // A module finds the files beside it where its source is.
      onLoad({ filter: /\/(test|src|packages)\/.*\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, "utf8").replaceAll("import.meta.url", () => JSON.stringify(pathToFileURL(path).href)),
        loader: "ts",
        resolveDir: dirname(path),
      }));
    },
  };
  const bundle = (outfile, members, extra = {}) => {
    const options = nativeBundle([], outfile);
    const tests = members.map((file) => `import ${JSON.stringify(resolve(file))};`).join("\n");
    const contents = `${options.stdin.contents}${tests}\nimport { runTests } from ${JSON.stringify(`${adapters}/test.ts`)};\nrunTests();\n`;
    return build({ ...options, stdin: { ...options.stdin, contents }, plugins: [testing, ...options.plugins], ...extra });
  };
  const isRunnable = (file) => bundle(`${work}/trial.js`, [file], { write: false, logLevel: "silent" }).then(() => true, () => false);
  const programs = await Promise.all([...grouped].map(async ([name, members]) => {
    const outfile = `${work}/${name}.js`;
    if (await bundle(outfile, members, { logLevel: "silent" }).then(() => true, () => false)) return outfile;
    const runnable = [];
    for (const file of members) {
      if (await isRunnable(file)) runnable.push(file);
      else leftOut.push(file);
    }
    if (runnable.length === 0) return undefined;
    await bundle(outfile, runnable);
    return outfile;
  }));
  if (leftOut.length > 0) console.log(`# left out, as they import of Node what the runtime does not have: ${leftOut.join(", ")}`);
  if (kind === "host" ? leftOut.length > 0 : leftOut.length > mostLeftOut) fail("too many tests are left out");
  return programs.filter((each) => each !== undefined);
}

function run(bundle) {
  return new Promise((done) => {
    const child = spawn(program, [bundle], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: patience * 1000,
      env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0" },
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
    child.once("close", (code, signal) => {
      const counted = [...printed.matchAll(/^# (tests|pass|fail) (\d+)$/gm)];
      for (const [, name, count] of counted) totals[name] += Number(count);
      process.stdout.write(printed.replaceAll(/^# .*\n/gm, ""));
      const failed = Number(counted.find(([, name]) => name === "fail")?.[2] ?? 0);
      if (counted.length < 3 || (code !== 0 && failed === 0)) {
        console.log(`not ok - ${bundle}: ${code === null ? `killed by ${signal}` : `exit code ${code}`}`);
        totals.tests++;
        totals.fail++;
      }
      done();
    });
  });
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
