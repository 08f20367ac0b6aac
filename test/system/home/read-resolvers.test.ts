import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatIpAddress } from "../../../src/model/ip-prefix.ts";
import { parseResolvers, readResolvers } from "../../../src/system/home/read-resolvers.ts";

test("the name servers of resolv.conf, those that are link-local too", () => {
  const text = "# Interface wan\nnameserver 9.9.9.9\n  nameserver\tfe80::1%wan\nsearch lan\n# nameserver 1.1.1.1\nnameserver none\nnameserver 2620:fe::fe\n";
  assert.deepEqual(parseResolvers(text).map(formatIpAddress), ["9.9.9.9", "fe80::1", "2620:fe::fe"]);
  assert.equal(parseResolvers("nameserver 9.9.9.9\n".repeat(1_000)).length, 32);
});

test("a file that is not there, is a folder, or is too large is passed over", () => {
  const folder = mkdtempSync(join(tmpdir(), "dots-resolvers-"));
  try {
    writeFileSync(join(folder, "auto"), "nameserver 192.0.2.53\n");
    writeFileSync(join(folder, "large"), "nameserver 192.0.2.54\n".repeat(10_000));
    assert.deepEqual(readResolvers([join(folder, "none"), folder, join(folder, "large"), join(folder, "auto")]).map(formatIpAddress), ["192.0.2.53"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
