import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";

test("hashes are those of the standards", () => {
  // FIPS 180-2 appendix B.1; RFC 4231 §4.3.
  assert.equal(createHash("sha256").update("a").update("bc").digest("hex"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(createHmac("sha256", "Jefe").update("what do ya want for nothing?").digest("hex"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  assert.equal(createHash("sha256").digest("base64"), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  assert.throws(() => createHash("md17").update("x").digest());
});

test("random numbers are as many as were asked for, and differ", () => {
  assert.equal(randomBytes(32).length, 32);
  assert.ok(!randomBytes(32).equals(randomBytes(32)));
  assert.match(randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
