import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMitigation } from "../../src/callhome-server/dots/parse-mitigation.ts";
import { ownersWordIn, writeOwnersWord } from "../../src/memory/owners-word-json.ts";
import { writeRemembered } from "../../src/memory/state-json.ts";
import { leastScope, mitigation } from "../callhome-server/wire.ts";
import { attack, cameraAddress, fakeHome, type FakeHome } from "./fake-home.ts";
import { wallInstant } from "../../src/model/time.ts";

/** A PUT as it comes from the wire; its code. */
async function put(home: FakeHome, mid: number, scope: object, cuid = "dz6p"): Promise<string> {
  const read = parseMitigation("isp", cuid, mid, mitigation({ ...leastScope, ...scope }));
  if ("code" in read) return read.code;
  const admission = await home.pipeline.request(read, false);
  return admission.is === "refused" ? admission.refusal.code : admission.is;
}

const targetOf = (at: number): string => `192.0.${2 + (at >> 8)}.${at & 255}`;
const longest = { 11: Array(2).fill(`${"a".repeat(249)}.com`), 12: [`https://${"b".repeat(504)}`] };

test("300 requests with control characters in names and URIs are refused, and leave nothing", async () => {
  const home = fakeHome();
  for (let at = 0; at < 300; at++) {
    assert.equal(await put(home, at, { 6: [targetOf(at)], 11: Array(16).fill("\u0001".repeat(253)), 12: Array(16).fill("\u0000".repeat(512)) }), "4.00");
  }
  assert.equal(writeRemembered(home.store.snapshot()).length < 1_000, true);
});

for (const consent of ["auto", "ask"] as const)
  test(`consent '${consent}': 600 requests with the longest names, withdrawn or not: the state stays under 1 MB, the owner's word is what they said`, async () => {
    const home = fakeHome({ consent });
    assert.equal(await put(home, 1, { 32769: [{ 8: 40_000 }] }, "first"), "created");
    await home.pipeline.decideByOwner(1, { is: consent === "ask" ? "denied" : "released" });
    home.store.rememberDevice({ mac: "02:00:00:00:0a:02", name: null, addresses: [], port: null, requests: 1, lastRequestAt: wallInstant(0), policy: "never" });
    const word = writeOwnersWord(ownersWordIn(home.store.snapshot()));
    let largest = 0;
    for (let at = 0; at < 600; at++) {
      const to = targetOf(at);
      home.flows.splice(0, Infinity, attack(cameraAddress, 50_000, to));
      assert.match(await put(home, 10 + at, { 6: [to], 32769: [{ 8: 50_000 }], ...longest }), /created|5\.03/);
      if (at % 2 === 0) home.pipeline.withdraw("isp", "dz6p", 10 + at);
      await home.clock.advance(1);
      if (at % 50 === 49) largest = Math.max(largest, Buffer.byteLength(writeRemembered(home.store.snapshot())));
    }
    assert.ok(largest < 1_000_000, `${largest} bytes`);
    assert.equal(writeOwnersWord(ownersWordIn(home.store.snapshot())), word);
    home.flows.splice(0, Infinity, attack(cameraAddress));
    assert.equal(await put(home, 9_999, { 32769: [{ 8: 40_000 }] }, "else"), "4.09");
  });
