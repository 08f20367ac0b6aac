// Bundles the daemon into one file that runs with plain Node and no node_modules beside it.
import { build } from "esbuild";
import { writeFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";

// A .js file without a package.json beside it is CommonJS.
const common = { bundle: true, platform: "node", target: "node20", format: "cjs", minify: true, legalComments: "none" };

/** Modules of Node that an idle daemon may never need, HTTP for one, are loaded when something of them is first used. */
const builtinsWhenUsed = {
  name: "builtins-when-used",
  setup({ onResolve, onLoad }) {
    const neededAtOnce = ["node:child_process", "node:crypto", "node:dgram", "node:fs", "node:net", "node:path", "node:tls"];
    onResolve({ filter: /^node:/ },
      ({ path, kind }) => (kind === "import-statement" && !neededAtOnce.includes(path) ? { path, namespace: "when-used" } : undefined));
    onLoad({ filter: /.*/, namespace: "when-used" }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== "default");
      const getters = names.map((name) => `get ${name}() { return of().${name}; }`);
      return { contents: `const of = () => require(${JSON.stringify(path)}); module.exports = { ${getters.join(", ")} };` };
    });
  },
};

/**
 * V8 reads the whole text of a program at its start and keeps it as long as it runs. That of MQTT.js, as much as all the rest, lies packed
 * in a comment, the bundle's last line, until it is wanted.
 */
const { outputFiles: [{ contents: mqtt }] } = await build({
  ...common,
  write: false,
  stdin: { contents: "module.exports = require('mqtt');", resolveDir: "." },
});
const mqttPacked = {
  name: "mqtt-packed",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^mqtt$/ }, ({ path }) => ({ path, namespace: "packed" }));
    onLoad({ filter: /.*/, namespace: "packed" }, () => ({
      contents: `
        const bundle = require("node:fs").readFileSync(__filename, "latin1");
        const text = require("node:zlib").inflateRawSync(Buffer.from(bundle.slice(bundle.lastIndexOf("//") + 2), "base64url")).toString();
        require("node:vm").compileFunction(text, ["module", "require"], { filename: "mqtt.js" })(module, require);`,
    }));
  },
};

await build({
  ...common,
  entryPoints: ["src/main.ts"],
  outfile: "dist/dots-callhome.js",
  banner: {
    js: `#!/usr/bin/env node
const bundleUrl=require("node:url").pathToFileURL(__filename).href;
const steady={timeOrigin:Date.now(),now:(s=>()=>{const[a,b]=process.hrtime(s);return a*1e3+b/1e6})(process.hrtime())};`,
  },
  footer: { js: `//${deflateRawSync(mqtt, { level: 9 }).toString("base64url")}` },
  define: {
    "import.meta.url": "bundleUrl",
    // Node's own takes 0.3 MB more.
    "performance.now": "steady.now",
    "performance.timeOrigin": "steady.timeOrigin",
  },
  plugins: [builtinsWhenUsed, mqttPacked],
});
// The repository is of "type": "module"; the bundle is not.
writeFileSync("dist/package.json", '{ "type": "commonjs" }\n');
await import("./build-vendors.mjs");
