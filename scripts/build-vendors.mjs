// Makes dist/vendors.txt of the IEEE's list of MAC address prefixes, as the npm package oui-data ships it: vendors with two
// 24-bit prefixes or more, half of all prefixes in a sixth of the space. src/nat-lookup/identity/vendor-of.ts reads it.
import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";

const registry = createRequire(import.meta.url)("oui-data");
const nobody = /^(private|ieee registration authority)$/i;
const prefixesOf = new Map();
for (const [prefix, text] of Object.entries(registry)) {
  const name = String(text).split("\n")[0].trim().replace(/\s+/g, " ").slice(0, 60);
  // Longer prefixes are shared blocks of small vendors.
  if (prefix.length !== 6 || name === "" || nobody.test(name)) continue;
  if (!prefixesOf.has(name)) prefixesOf.set(name, []);
  prefixesOf.get(name).push(Number.parseInt(prefix, 16));
}
const lines = [...prefixesOf].filter(([, prefixes]) => prefixes.length > 1).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, prefixes]) => {
  const sorted = prefixes.sort((a, b) => a - b);
  return `${name}\t${sorted.map((prefix, at) => (prefix - (sorted[at - 1] ?? 0)).toString(36)).join(" ")}\n`;
});
mkdirSync("dist", { recursive: true });
writeFileSync("dist/vendors.txt", lines.join(""));
