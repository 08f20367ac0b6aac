import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeTable, type UbusTable } from "ubus-ts";
import type { AttackReport } from "../../src/model/attack-report.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { describeMitigation } from "../../src/operator/describe-mitigation.ts";
import { costOf, shareOf } from "../../src/policy/request-cost.ts";
import { prefixes, ranges } from "../nat-lookup/asking.ts";
import { active, camera, requested } from "../policy/samples.ts";

/** libubox' blobs, and ubusd with them, end here. */
const ubusMessage = 1024 * 1024;

const [wan] = prefixes("203.0.113.7");
assert.ok(wan);
const attack: AttackReport["attacks"][number] = {
  vendorId: 0xffff_ffff,
  attackId: 0xffff_ffff,
  description: null,
  severity: "unknown",
  startedAt: active.requestedAt,
  endedAt: active.requestedAt,
  talkers: [],
};
const reports: Readonly<Record<string, AttackReport["attacks"]>> = {
  attacks: Array(4).fill(attack),
  talkers: [{ ...attack, talkers: Array(6).fill({ prefix: wan, ports: [], icmpTypes: [], isSpoofed: false }) }],
  ranges: [{ ...attack, talkers: [{ prefix: wan, ports: ranges(Array(10).fill("10000-20000").join(" ")), icmpTypes: [], isSpoofed: false }] }],
  text: [{ ...attack, description: "\u20ac".repeat(64) }],
};

for (const [what, attacks] of Object.entries(reports)) {
  test(`an upstream that fills its share does not make the list too large for the page: ${what}`, () => {
    const share = shareOf({ maxMitigations: 256, upstreams: [{ name: "isp" }] });
    const asked = requested({
      to: "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4",
      from: "2001:db8:1::1",
      fromPorts: Array(11).fill("10000-20000").join(" "),
    });
    const request = { ...asked, target: { ...asked.target, uris: ["u".repeat(490)] }, report: { attacks, bitsPerSecond: 1.5e12, packetsPerSecond: 1.5e9 } };
    const { entries, textBytes, reportBytes } = costOf(request);
    const fits = (each: number, all: number): boolean => each * share.mitigations > 0.9 * all && each * share.mitigations <= all * 1.02;
    assert.ok(fits(entries, share.entries) && fits(textBytes, share.textBytes) && fits(reportBytes, share.reportBytes),
      JSON.stringify([entries, textBytes, reportBytes]));
    const mitigation: Mitigation = { ...active, request, devices: [camera] };
    const list = Array.from({ length: share.mitigations }, (_, id) => describeMitigation({ ...mitigation, id }));
    const { length } = encodeTable(JSON.parse(JSON.stringify({ mitigations: list })) as UbusTable);
    assert.ok(length < 0.7 * ubusMessage, `${length} bytes, beside those that have ended`);
  });
}
