import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

const features = ["callhome-server", "nat-lookup", "policy", "enforcer", "operator"];
const pure = ["model", "config", "cli", ...features];
const otherPackages = ["system", "dtls", "ubus", "nftables"];

/** Folders that a folder must not import from, as no-restricted-imports patterns. */
const forbid = (folders, message) => ({ regex: `^(\\.\\./)+(${folders.join("|")})/`, message });
const noNode = { regex: "^node:", message: "pure folder: take what you need as an argument (docs: import rule)" };

export default tseslint.config(
  { ignores: ["dist/", "build/", "node_modules/", "openwrt/", "test/browser/runtime/"] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", name: ["test", "it", "describe", "suite"], package: "node:test" }] }],
    },
  },
  // Objects made of closures are taken apart in tests; there is no `this` to lose.
  { files: ["test/**"], rules: { "@typescript-eslint/unbound-method": "off" } },
  { files: ["eslint.config.js"], extends: [tseslint.configs.disableTypeChecked] },
  {
    files: ["src/{model,text}/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [noNode, forbid([...features, ...otherPackages], "model/ and text/ import nothing of ours")] }] },
  },
  ...features.map((feature) => ({
    files: [`src/${feature}/**`],
    rules: {
      "no-restricted-imports": ["error", { patterns: [
        noNode,
        forbid([...features.filter((f) => f !== feature), "system", "ubus", ...(feature === "enforcer" ? [] : ["nftables"]), "dtls"], "features import model/ and never each other"),
      ] }],
    },
  })),
  { files: ["src/{config,cli}/**"], rules: { "no-restricted-imports": ["error", { patterns: [noNode, forbid(otherPackages, "pure: main.ts joins it with the system")] }] } },
  {
    files: ["src/{ubus,nftables,dtls}/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [forbid([...pure, "system"], "usable without the rest")] }] },
  },
  {
    files: ["src/pipeline.ts", "src/ports.ts", "src/config.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: [noNode, { regex: "^\\./system/", message: "only main.ts sees system/" }] }] },
  },
);
