// Bundles the daemon into one file that runs with plain Node and no node_modules beside it.
import { build } from "esbuild";
import { writeFileSync } from "node:fs";

await build({
  entryPoints: ["src/main.ts"],
  outfile: "dist/dots-callhome.js",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs", // a .js file without a package.json beside it is CommonJS
  minify: true,
  legalComments: "none",
  banner: { js: "#!/usr/bin/env node\nconst bundleUrl=require('node:url').pathToFileURL(__filename).href;" },
  define: { "import.meta.url": "bundleUrl" },
});
// The repository is of "type": "module"; the bundle is not.
writeFileSync("dist/package.json", '{ "type": "commonjs" }\n');
await import("./build-vendors.mjs");
