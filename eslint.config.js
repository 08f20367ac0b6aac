import eslint from "@eslint/js";
import tseslint from "typescript-eslint";
import { pureFolders } from "./scripts/pure-folders.mjs";
import { requireDocstring } from "./scripts/require-docstring.mjs";

/** Steps of the flow: each imports model/ and text/, and never another. */
const features = ["callhome-server", "nat-lookup", "policy", "enforcer", "operator"];
const pure = [...pureFolders, "memory"];
const packages = ["dtls-wasm", "nftables-js", "ubus-ts"];
const outside = ["system", "daemon"];
/** What a pure file takes as an argument: time, chance, the process, Node's own types. */
const impureGlobals = ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "process", "Buffer", "performance", "crypto", "fetch",
  "console", "require"]
  .map((name) => ({ name, message: "pure folder: take it as an argument" }));

/** Folders that a folder must not import from, as no-restricted-imports patterns. */
const forbid = (folders, message) => ({ regex: `^(\\.\\./)+(${folders.join("|")})/`, message });
const noNode = { regex: "^node:", message: "pure folder: take what you need as an argument (docs: import rule)" };

export default tseslint.config(
  { ignores: ["**/dist/", "build/", "node_modules/", "openwrt/", "test/browser/runtime/"] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-floating-promises": ["error", {
        allowForKnownSafeCalls: [{ from: "package", name: ["test", "it", "describe", "suite"], package: "node:test" }],
      }],
    },
  },
  { files: ["src/**", "packages/*/src/**"], plugins: { ours: { rules: { docstring: requireDocstring } } }, rules: { "ours/docstring": "error" } },
  // Objects made of closures are taken apart in tests; there is no `this` to lose.
  { files: ["test/**"], rules: { "@typescript-eslint/unbound-method": "off" } },
  { files: ["eslint.config.js"], extends: [tseslint.configs.disableTypeChecked] },
  folder("model", []),
  folder("text", ["model"]),
  ...features.map((feature) => folder(feature, ["model", "text"], feature === "enforcer" ? ["nftables-js"] : [])),
  folder("memory", ["model", "text", "policy"]),
  folder("pipeline", ["model", "text", "memory", ...features]),
  folder("config", ["model", "text"]),
  folder("cli", ["model", "text", "operator"]),
  {
    files: pure.map((name) => `src/${name}/**`),
    rules: {
      "no-restricted-globals": ["error", ...impureGlobals],
      "no-restricted-properties": ["error",
        ...[["Math", "random"], ["Date", "now"]].map(([object, property]) => ({ object, property, message: "pure folder: take it as an argument" }))],
      // A date made from a number is arithmetic; one made from nothing reads the clock.
      "no-restricted-syntax": ["error", {
        selector: "NewExpression[callee.name='Date'][arguments.length=0]",
        message: "pure folder: take the time as an argument",
      }],
    },
  },
  {
    files: ["packages/*/src/**"],
    rules: {
      "no-restricted-imports": ["error", {
        patterns: [{ regex: `^((\\.\\./){3,}|(${packages.join("|")})$)`, message: "a package is usable without the rest" }],
      }],
    },
  },
  { files: ["src/daemon/**"], rules: { "no-restricted-imports": ["error", { patterns: [{ ...noNode, message: "only system/ and main.ts touch Node" }] }] } },
  {
    files: ["src/system/**"],
    rules: {
      "no-restricted-imports": ["error", {
        patterns: [forbid(["daemon", "pipeline", "cli"], "only daemon/ and main.ts see system/, never the other way round")],
      }],
    },
  },
);

/** A pure folder, and those of ours, folders and packages, that it may import from. */
function folder(name, from, fromPackages = []) {
  const others = [...pure, ...outside].filter((other) => other !== name && !from.includes(other));
  const message = `${name}/ imports ${[...from, ...fromPackages].join(", ") || "nothing of ours"} only`;
  const otherPackages = { regex: `^(${packages.filter((each) => !fromPackages.includes(each)).join("|")})$`, message };
  return { files: [`src/${name}/**`], rules: { "no-restricted-imports": ["error", { patterns: [noNode, forbid(others, message), otherPackages] }] } };
}
