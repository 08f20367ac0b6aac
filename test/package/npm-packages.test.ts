// Each package of packages/ works without the rest: packed as npm packs it, and used by plain JavaScript.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "npm-packages-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What a stranger writes, and what it prints. */
const uses: Readonly<Record<string, readonly [program: string, prints: string]>> = {
  "ubus-ts": [
    `import { encodeTable, decodeTable, openUbus } from "ubus-ts";
     console.log(typeof openUbus, JSON.stringify(decodeTable(encodeTable({ level: 3, on: true }))));`,
    'function {"level":3,"on":true}',
  ],
  "nftables-js": [
    `import { renderTransaction, InvalidStatement } from "nftables-js";
     const table = { family: "inet", name: "guard" };
     console.log(renderTransaction([{ do: "add table", table }]).trim());
     try { renderTransaction([{ do: "add table", table: { family: "inet", name: "x; flush ruleset" } }]); }
     catch (error) { console.log(error instanceof InvalidStatement); }`,
    "add table inet guard\ntrue",
  ],
  "dtls-wasm": [
    `import { readFileSync } from "node:fs";
     import { compileDtls, DtlsSession } from "dtls-wasm";
     const module = await compileDtls(readFileSync(new URL(import.meta.resolve("dtls-wasm/dtls.wasm"))));
     const credentials = { is: "psk", identity: "cpe-0001", key: new Uint8Array(16) };
     const host = { random: (bytes) => crypto.getRandomValues(bytes), nowMs: () => performance.now(), unixSeconds: () => 1_800_000_000 };
     const [hello] = new DtlsSession(module, { credentials, serverName: "isp.example" }, host).start();
     console.log(hello.is, hello.datagram[0]); // a handshake record (RFC 6347 §4.1)`,
    "transmit 22",
  ],
};

for (const [name, [program, prints]] of Object.entries(uses)) {
  test(`${name}: packed, unpacked and used by plain Node`, () => {
    const [packed] = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", folder, "-w", name], { cwd: root, encoding: "utf8" }),
    ) as { readonly filename: string }[];
    assert.ok(packed);
    const home = join(folder, name, "node_modules", name);
    mkdirSync(home, { recursive: true });
    execFileSync("tar", ["-xzf", join(folder, packed.filename), "-C", home, "--strip-components=1"]);
    writeFileSync(join(folder, name, "use.mjs"), program);
    const output = execFileSync(process.execPath, ["use.mjs"], { cwd: join(folder, name), encoding: "utf8" });
    assert.equal(output.trim(), prints);
    assert.ok(readdirSync(home).includes("README.md"));
    const { types } = (JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { exports: { ".": { types: string } } }).exports["."];
    assert.match(readFileSync(join(home, types), "utf8"), /export/);
  });
}

test("no package imports from the rest of the repository", () => {
  for (const name of Object.keys(uses)) {
    const src = join(root, "packages", name, "src");
    for (const file of readdirSync(src).filter((each) => each.endsWith(".ts"))) {
      const from = [...readFileSync(join(src, file), "utf8").matchAll(/^(?:import|export|\}).* from "([^"]+)";$/gm)].map(([, specifier = ""]) => specifier);
      for (const specifier of from) assert.match(specifier, /^(\.\/|node:)/, `${name}/src/${file}`);
    }
  }
});
