import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readDotsPath } from "../../../src/callhome-server/dots/uri-path.ts";

const read = (path: string): ReturnType<typeof readDotsPath> => readDotsPath(path.split("/"));

const paths: readonly [path: string, expected: object][] = [
  ["mitigate/cuid=dz6p/mid=123", { operation: "mitigate", cuid: "dz6p", mid: 123 }],
  ["mitigate/cuid=dz6p", { operation: "mitigate", cuid: "dz6p" }],
  ["mitigate", { operation: "mitigate" }],
  ["mitigate/cdid=7eea/cuid=dz6p/mid=0", { operation: "mitigate", cuid: "dz6p", mid: 0 }],
  ["mitigate/cuid=a=b/mid=4294967295", { operation: "mitigate", cuid: "a=b", mid: 0xffff_ffff }],
  [`mitigate/cuid=${"x".repeat(128)}`, { operation: "mitigate", cuid: "x".repeat(128) }],
  ["config", { operation: "config" }],
  ["config/sid=7", { operation: "config", sid: 7 }],
  ["hb", { operation: "hb" }],
  ["redirect", { operation: "redirect" }],
  ["redirect/cuid=dz6p/mid=123", { operation: "redirect", cuid: "dz6p", mid: 123 }],
];
for (const [path, expected] of paths)
  test(`read: ${path.slice(0, 60)}`, () => {
    assert.deepEqual(read(`.well-known/dots/${path}`), expected);
  });

for (
  const path of ["", "x", ".well-known", ".well-known/core", ".well-known/dots", ".well-known/dots/", ".well-known/dots/tm", ".well-known/dots/Mitigate",
    "dots/.well-known/hb", ".well-known/dots/__proto__"]
) {
  test(`not found: /${path}`, () => {
    assert.equal(read(path), "not-found");
  });
}

const wrong: readonly [path: string, text: RegExp][] = [
  ["mitigate/mid=1/cuid=a", /'mid' without 'cuid'|unexpected/],
  ["mitigate/mid=1", /'mid' without 'cuid'/],
  ["mitigate/cuid=a/cdid=b", /unexpected/],
  ["mitigate/cuid=a/cdid=b/mid=1", /unexpected/],
  ["mitigate/cuid=a/cuid=b", /unexpected/],
  ["mitigate/cuid=a/mid=1/mid=2", /unexpected/],
  ["mitigate/cuid=a/sid=1", /unexpected/],
  ["mitigate/cuid=a/mid=1/x", /unexpected/],
  ["mitigate/cuid=a/", /unexpected/],
  ["mitigate/cuid", /unexpected/],
  ["mitigate/cuid=a\u0000", /cuid with a control/],
  ["mitigate/cuid=a\u009b/mid=1", /cuid with a control/],
  ["mitigate/cuid=\u202ea/mid=1", /cuid with a control or invisible/],
  ["mitigate/cuid=", /empty Uri-Path parameter 'cuid'/],
  ["mitigate/cdid=/cuid=a", /unexpected/],
  ["mitigate/cuid=a/mid=", /empty Uri-Path parameter 'mid'/],
  ...["-1", "01", "1.0", "0x1", " 1", "1e3", "4294967296", "99999999999", "one"].map((
    mid,
  ): [string, RegExp] => [`mitigate/cuid=a/mid=${mid}`, /'mid' must be an integer/]),
  [`mitigate/cuid=${"x".repeat(129)}`, /too long/],
  ["config/cuid=a", /unexpected/],
  ["config/cuid=a/sid=1", /unexpected/],
  ["config/sid=x", /'sid' must be an integer/],
  ["hb/cuid=a", /unexpected/],
  ["hb/cdid=a", /unexpected/],
  ["hb/mid=1", /unexpected/],
];
for (const [path, text] of wrong) {
  test(`4.00: ${path.slice(0, 60)}`, () => {
    const got = read(`.well-known/dots/${path}`);
    assert.ok(typeof got === "object" && "wrong" in got);
    assert.match(got.wrong, text);
  });
}

test("arbitrary segments never throw", () => {
  const segment = fc.oneof(fc.string(), fc.constantFrom(".well-known", "dots", "mitigate", "config", "cuid=a", "mid=1", "sid=2", "cdid=x", "hb", ""));
  fc.assert(fc.property(fc.array(segment, { maxLength: 7 }), (path) => {
    readDotsPath(path);
  }));
});
