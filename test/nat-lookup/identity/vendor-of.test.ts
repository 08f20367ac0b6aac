import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRandomised, vendorOf } from "../../../src/nat-lookup/identity/vendor-of.ts";

const list = `Camera Works\t${(0x00_1d_c0).toString(36)} 1\nLamp & Co\t${(0x00_1d_c2).toString(36)} ${(0xa0_00_00).toString(36)}\n`;

describe("vendorOf", () => {
  it("finds the maker by the first three bytes", () => {
    assert.equal(vendorOf(list, "00:1d:c0:4f:7a:23"), "Camera Works");
    assert.equal(vendorOf(list, "00:1D:C1:4f:7a:23"), "Camera Works");
    assert.equal(vendorOf(list, "a0:1d:c2:00:00:01"), "Lamp & Co");
    assert.equal(vendorOf(list, "00:1d:c3:4f:7a:23"), null);
    assert.equal(vendorOf("", "00:1d:c3:4f:7a:23"), null);
    assert.equal(vendorOf(list, "nonsense"), null);
  });
  it("knows that a made-up address has no maker", () => {
    assert.equal(vendorOf(list, "02:1d:c0:4f:7a:23"), null);
    assert.deepEqual(["02:1d:c0:4f:7a:23", "da:a1:19:00:00:01", "00:1d:c0:4f:7a:23"].map(isRandomised), [true, true, false]);
  });
});
