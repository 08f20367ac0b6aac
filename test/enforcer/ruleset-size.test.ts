import assert from "node:assert/strict";
import { test } from "node:test";
import { buildRuleset } from "../../src/enforcer/build-ruleset.ts";
import { buildNetdevRuleset } from "../../src/enforcer/netdev-ruleset.ts";
import { nobodySpared } from "../../src/enforcer/reported-chains.ts";
import type { EnforcementRule, ReportedFlows } from "../../src/model/enforcement.ts";
import { renderTransaction } from "nftables-js";
import { port, reported, rule, source, target } from "./sample-rules.ts";

interface Size {
  readonly mitigations?: number;
  readonly targets?: number;
  readonly ports?: number;
  readonly sourcePorts?: number;
  readonly devices?: number; /** Of mitigations that name the same targets. */
  readonly together?: number;
}

/** Characters of all that nft is given for mitigations of that size, both tables. */
function textOf({ mitigations = 1, targets = 1, ports = 1, sourcePorts = 1, devices = 1, together = 1 }: Size): number {
  const ranges = (length: number, from: number) => Array.from({ length }, (_, at) => port(from + 4 * at, from + 4 * at + 1));
  const macs = Array.from({ length: devices }, (_, at) => `02:00:00:00:01:${at.toString(16).padStart(2, "0")}`);
  const rules: EnforcementRule[] = [];
  const flows: ReportedFlows[] = [];
  for (let at = 0; at < mitigations; at += 1) {
    const net = Math.floor(at / together);
    const asked = target(Array.from({ length: targets }, (_, host) => `${10 + (net >> 8)}.${net & 255}.0.${host}`), {
      ports: ranges(ports, 1000),
      protocols: [17],
    });
    rules.push(...macs.map((mac) => rule({ mitigation: at, mac, target: asked })));
    flows.push(
      reported({
        mitigation: at,
        target: asked,
        source: source(["203.0.113.7"], { ports: ranges(sourcePorts, 20_000) }),
        addresses: macs.map((_, host) => `192.168.1.${host}`),
      }),
    );
  }
  const traffic = { flows, spared: nobodySpared };
  const cards = { wan: ["wan0", "wan1"], ports: new Map(macs.map((mac, at) => [mac, `lan${at % 4}`])) };
  return renderTransaction(buildRuleset(rules, undefined, undefined, traffic)).length + renderTransaction(buildNetdevRuleset(rules, traffic, cards)).length;
}

test("the text grows with the sum of what is listed: each list twice as long makes it twice as long at most", () => {
  const once = textOf({ targets: 32, ports: 32, sourcePorts: 32, devices: 32 });
  const twice = textOf({ targets: 64, ports: 64, sourcePorts: 64, devices: 64 });
  assert.ok(twice < 2 * once, `${once} -> ${twice}`);
  assert.ok(twice < 64_000, `${twice} characters`);
});

test("it grows with the number of mitigations, and not faster where all of them name the same targets and devices", () => {
  const apart = textOf({ mitigations: 128, targets: 4, ports: 6, sourcePorts: 4, devices: 8 });
  const more = textOf({ mitigations: 256, targets: 4, ports: 6, sourcePorts: 4, devices: 8 });
  assert.ok(more < 2.1 * apart, `${apart} -> ${more}`);
  const same = textOf({ mitigations: 256, targets: 4, ports: 6, sourcePorts: 4, devices: 8, together: 256 });
  assert.ok(same < 1.5 * more, `apart ${more}, together ${same}`);
});

test("the largest that an upstream may hold stays below 2 MB", () => {
  const largest = textOf({ mitigations: 256, targets: 6, ports: 4, sourcePorts: 4, devices: 4, together: 2 });
  assert.ok(largest < 2_000_000, `${largest} characters`);
});
