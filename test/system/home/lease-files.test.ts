import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { bytesInOneTurn, openLeaseFiles } from "../../../src/system/home/lease-files.ts";

const folder = mkdtempSync(join(tmpdir(), "dch-leases-"));
after(() => {
  rmSync(folder, { recursive: true });
});
const refuse = (file: string, error: unknown): never => assert.fail(`${file}: ${String(error)}`);
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** How many turns of the event loop others have had until it is done. */
async function turnsUntil(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const take = (): void => {
    turns += 1;
    if (!isDone) setImmediate(take);
  };
  setImmediate(take);
  await work;
  isDone = true;
  return turns;
}

describe("openLeaseFiles", () => {
  const blocked = Array.from({ length: 60_000 }, (_, at) => `0.0.0.0 advertisement-${at}.example\n`).join("");

  it("reads blocklists a piece in each turn, so that others have theirs, once for all who ask, and not again", async () => {
    for (let at = 0; at < 4; at += 1) write(`blocklist-${at}`, blocked);
    write("names", "192.168.1.22\tlaptop.lan\tlaptop\n");
    const files = openLeaseFiles();
    const paths = [`${folder}/`];
    const turns = await turnsUntil(Promise.all([files.read(paths, refuse), files.read(paths, refuse)]));
    const atLeast = 4 * (512 * 1024 / bytesInOneTurn - 1);
    assert.ok(turns >= atLeast && turns < 2 * atLeast, `${turns} turns for others while four files were read, expected some ${atLeast}`);
    let found: readonly { name: string | null }[] = [];
    assert.ok(await turnsUntil(files.read(paths, refuse).then((leases) => {
      found = leases;
    })) <= 1, "the second time nothing is read");
    assert.deepEqual(found.map(({ name }) => name), ["laptop"]);
  });

  it("reads lines and letters that lie across two pieces, no line that is too long, nor the end of one", async () => {
    const lines = Array.from({ length: 3_000 }, (_, at) => `192.168.${at >> 8}.${at & 255} caf\u00e9-${at}\n`);
    const tooLong = `192.168.99.1 ${"x".repeat(2 * bytesInOneTurn)} 192.168.99.2 end\n`;
    const file = write("many", `${lines.slice(0, 1_500).join("")}${tooLong}${lines.slice(1_500).join("")}192.168.99.3 half`);
    assert.ok(lines.join("").length > 3 * bytesInOneTurn);
    const leases = await openLeaseFiles().read([file], refuse);
    assert.deepEqual(leases.map(({ name }) => name), lines.map((_, at) => `caf\u00e9-${at}`));
  });

  it("stops at a bound", async () => {
    const file = write("endless", Array.from({ length: 40_000 }, (_, at) => `10.0.${(at >> 8) & 255}.${at & 255} n${at}\n`).join(""));
    const { length } = await openLeaseFiles().read([file], refuse);
    assert.ok(length >= 8_192 && length < 10_000, `${length} leases`);
  });
});
