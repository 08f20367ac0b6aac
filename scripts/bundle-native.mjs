// Bundles a program for the native runtime: node scripts/bundle-native.mjs OUT.js [ENTRY.ts]; without an entry, the daemon.
// The sources are the same as for Node. What they import of Node is the adapter in host/node instead; what no adapter offers fails here.
import { build } from "esbuild";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const adapters = resolve("host/node");
const inPlaceOf = (name) => `${adapters}/${name.replace(/^node:/, "").replace(/[/_]/g, "-")}.ts`;
/** Beside Node: a package, and what loads and runs WebAssembly. */
const others = { "mqtt": "mqtt", "./dtls-module.ts": "dtls-module", "./system/dial/load-dtls.ts": "load-dtls", "../system/dial/load-dtls.ts": "load-dtls" };

export const nativeAdapters = {
  name: "native-adapters",
  setup({ onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path }) => {
      const adapter = inPlaceOf(path);
      return existsSync(adapter) ? { path: adapter } : { errors: [{ text: `the native runtime has no adapter for ${path}` }] };
    });
    onResolve({ filter: /^mqtt$|\/(dtls-module|load-dtls)\.ts$/ },
      ({ path, importer }) => (importer.startsWith(adapters) || !Object.hasOwn(others, path) ? undefined : { path: inPlaceOf(others[path]) }));
  },
};

/** esbuild's options, for a program that begins with these modules. */
export const nativeBundle = (modules, outfile) => ({
  stdin: {
    contents: ["globals.ts"].map((name) => `${adapters}/${name}`).concat(modules.map((file) => resolve(file))).map((file) =>
      `import ${JSON.stringify(file)};\n`
    ).join(""),
    resolveDir: ".",
    loader: "ts",
  },
  outfile,
  bundle: true,
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["import"],
  format: "iife",
  target: "es2023",
  legalComments: "none",
  define: { "import.meta.url": "programUrl" },
  // The vendor list lies beside the executable.
  banner: { js: `const programUrl="file://"+native.realPath("/proc/self/exe");` },
  plugins: [nativeAdapters],
  logLevel: "warning",
});

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [outfile = "build/native/program.js", entry = "src/main.ts"] = process.argv.slice(2);
  await build({ ...nativeBundle([entry], outfile), minify: true });
}
