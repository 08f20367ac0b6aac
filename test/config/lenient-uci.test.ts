import assert from "node:assert/strict";
import { test } from "node:test";
import { readLenientUci } from "../../src/config/lenient-uci.ts";
import { readDhcpConfig } from "../../src/nat-lookup/identity/static-hosts.ts";

const host = (name: string, mac: string): string => `config host\n\toption name '${name}'\n\toption mac '${mac}'\n\n`;
const named = (text: string): unknown => readDhcpConfig(readLenientUci(text).sections).hosts.map(({ mac, name }) => [mac, name]);

test("one apostrophe too many costs the line that it stands in", () => {
  const text = `config dnsmasq\n\toption leasefile '/tmp/x'\n\n${host("nas", "02:00:00:00:00:01")}${host("Tom's laptop", "02:00:00:00:00:02")}${
    host("tv", "02:00:00:00:00:03")
  }`;
  assert.deepEqual(named(text), [["02:00:00:00:00:01", "nas"], ["02:00:00:00:00:02", null], ["02:00:00:00:00:03", "tv"]]);
  assert.deepEqual(readDhcpConfig(readLenientUci(text).sections).leaseFiles, ["/tmp/x"]);
  assert.equal(readLenientUci(text).problem, "line 9 cannot be read");
});

test("of two that quote what lies between them, neither swallows the other's host", () => {
  const text = `${host("Tom's", "02:00:00:00:00:01")}${host("tv", "02:00:00:00:00:02")}${host("Anna's", "02:00:00:00:00:03")}`;
  assert.deepEqual(named(text), [["02:00:00:00:00:01", null], ["02:00:00:00:00:02", "tv"], ["02:00:00:00:00:03", null]]);
  assert.equal(readLenientUci(text).problem, "line 2 cannot be read");
});

test("a sound file is read as ever; one that is no text, or endless, not at all", () => {
  assert.deepEqual(named(host("nas", "02:00:00:00:00:01")), [["02:00:00:00:00:01", "nas"]]);
  assert.equal(readLenientUci(host("nas", "02:00:00:00:00:01")).problem, null);
  for (const bad of [`${host("nas", "02:00:00:00:00:01")}\0`, `config x '\n${"x".repeat(1024 * 1024)}`]) {
    const { sections, problem } = readLenientUci(bad);
    assert.deepEqual(sections, []);
    assert.ok(problem);
  }
});
