// The spike: how much of the tree runs on QuickJS today, how large it is and what it needs. `make spike-quickjs`.
// 1. bundles the pure folders (no Node, by lint) and loads them; 2. bundles their tests, on shims.js, and runs them.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = resolve(here, "../..");
const work = join(root, "build/quickjs");
mkdirSync(work, { recursive: true });
const qjs = execFileSync(join(here, "build-quickjs.sh"), { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();

const pure = ["model", "config", "cli", "callhome-server", "nat-lookup", "policy", "enforcer", "operator"];
const filesIn = (folder, pattern) => readdirSync(join(root, folder), { recursive: true }).map(String).filter((name) => pattern.test(name)).map((name) => join(root, folder, name)).sort();
const sources = [...pure.flatMap((folder) => filesIn(`src/${folder}`, /\.ts$/)), join(root, "src/pipeline/pipeline.ts"), join(root, "src/memory/store.ts")];
const tests = [...pure, "pipeline"].flatMap((folder) => { try { return filesIn(`test/${folder}`, /(?<!\.kernel|\.lab)\.test\.ts$/); } catch { return []; } });

const onShims = {
  name: "shims",
  setup(plugin) {
    plugin.onResolve({ filter: /^node:(fs|url|path|test|assert)/ }, () => ({ path: join(here, "shims.js") }));
    plugin.onResolve({ filter: /^(std|os)$/ }, ({ path }) => ({ path, external: true }));
    // A file knows where it is, for the golden files beside the tests.
    plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => ({ contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(`file://${path}`)), loader: "ts" }));
  },
};
const bundle = (name, contents, extra = {}) => build({
  stdin: { contents, resolveDir: root, loader: "js" }, outfile: join(work, name), bundle: true, format: "esm", target: "es2022", platform: "neutral",
  mainFields: ["module", "main"], conditions: ["import"], plugins: [onShims], inject: [], logLevel: "error", ...extra,
});
const imports = (files) => files.map((file) => `import * as m${files.indexOf(file)} from ${JSON.stringify(file)};`).join("\n");
const kept = `globalThis.kept = [${sources.map((_file, at) => `m${at}`).join(",")}];`;
const shims = JSON.stringify(join(here, "shims.js"));

await bundle("pure.js", `${imports(sources)}\n${kept}`, { minify: true });
await bundle("loaded.js", `import { report } from ${shims};\n${imports(sources)}\n${kept}\nreport();`, { minify: true });
const runnable = [];
const onNode = [];
for (const [at, file] of tests.entries()) {
  // What a test takes of Node beyond the shims (its heap, child processes) keeps it there.
  await bundle(`test${at}.js`, `import { runTests } from ${shims};\nimport ${JSON.stringify(file)};\nrunTests();`, { logLevel: "silent" })
    .then(() => runnable.push({ file, bundled: join(work, `test${at}.js`) }), () => onNode.push(file));
}
// How much slower without a JIT: the lines of a connection table of 65,000 flows.
await bundle("speed.js", `import { parseConntrack } from ${JSON.stringify(join(root, "src/nat-lookup/conntrack/parse-conntrack.ts"))};
const line = "udp      17 28 src=192.168.1.21 dst=198.51.100.9 sport=40001 dport=443 packets=3 bytes=384 src=198.51.100.9 dst=203.0.113.7 sport=443 dport=50058 packets=2 bytes=256 mark=0 use=1";
const start = Date.now();
for (let n = 0; n < 65000; n++) if (!parseConntrack(line.replace("40001", String(n)))) throw new Error("not parsed");
console.log(JSON.stringify({ parseMs: Date.now() - start }));`);
writeFileSync(join(work, "node-loaded.mjs"), `import { readFileSync } from "node:fs";\nimport "./pure.js";\nconst m = (f) => Number(new RegExp(f + ":\\\\s+(\\\\d+)").exec(readFileSync("/proc/self/status", "utf8"))[1]);\nconsole.log(JSON.stringify({ residentKb: m("VmRSS"), peakKb: m("VmHWM") }));\n`);
writeFileSync(join(work, "package.json"), '{ "type": "module" }\n');

const timed = (program, args) => {
  const start = process.hrtime.bigint();
  const out = execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26, timeout: 120_000, stdio: ["ignore", "pipe", "pipe"] });
  return { ...JSON.parse(out.trim().split("\n").at(-1)), ms: Number((process.hrtime.bigint() - start) / 1_000_000n) };
};
const pureCode = readFileSync(join(work, "pure.js"));
const loaded = timed(qjs, ["--module", join(work, "loaded.js")]);
const inNode = timed(process.execPath, [join(work, "node-loaded.mjs")]);
const [slow, fast] = [timed(qjs, ["--module", join(work, "speed.js")]), timed(process.execPath, [join(work, "speed.js")])];
const ran = { passed: 0, failed: [], peakKb: 0, ms: 0 };
for (const { file, bundled } of runnable) {
  const name = file.slice(root.length + 1);
  try {
    const { passed, failed, peakKb, ms } = timed(qjs, ["--no-unhandled-rejection", "--stack-size", "4194304", "--module", bundled]);
    ran.passed += passed;
    ran.failed.push(...failed.map((each) => `${name}: ${each}`));
    ran.peakKb = Math.max(ran.peakKb, peakKb);
    ran.ms += ms;
  } catch (error) {
    ran.failed.push(`${name}: did not run: ${String(error.stderr ?? error.message).slice(0, 600)}`);
  }
}

const mb = (kb) => `${(kb / 1024).toFixed(1)} MB`;
console.log(`pure folders: ${sources.length} files, ${(pureCode.length / 1024).toFixed(0)} KB bundled, ${(gzipSync(pureCode).length / 1024).toFixed(0)} KB gzipped`);
console.log(`qjs: ${(statSync(qjs).size / 1024).toFixed(0)} KB, node: ${(statSync(process.execPath).size / 1024 / 1024).toFixed(0)} MB on disk (without the libraries that either shares with the system)`);
console.log(`loaded and idle: QuickJS ${mb(loaded.residentKb)} in ${loaded.ms} ms, Node ${mb(inNode.residentKb)} in ${inNode.ms} ms`);
console.log(`parsing 65,000 lines of conntrack: QuickJS ${slow.parseMs} ms, Node ${fast.parseMs} ms, ${(slow.parseMs / fast.parseMs).toFixed(1)} times as long`);
console.log(`tests: ${runnable.length} of ${tests.length} files on QuickJS, ${ran.passed} passed, ${ran.failed.length} failed, ${(ran.ms / 1000).toFixed(1)} s, peak ${mb(ran.peakKb)}`);
for (const failure of ran.failed) console.log(`  ${failure.split("\n").slice(0, process.env.VERBOSE ? 12 : 1).join("\n  ")}`);
if (onNode.length > 0) console.log(`  not on QuickJS, as they use more of Node: ${onNode.map((file) => file.slice(root.length + 6)).join(", ")}`);
if (ran.passed === 0) process.exitCode = 1;
