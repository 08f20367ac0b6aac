import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Flow } from "../../src/model/flow.ts";
import { parseIpPrefix } from "../../src/model/ip-prefix.ts";
import type { IpPrefix } from "../../src/model/ip-prefix.ts";
import type { AttackFlows } from "../../src/model/mitigation-request.ts";
import type { NumberRange } from "../../src/model/number-range.ts";
import { parseConntrack } from "../../src/nat-lookup/conntrack/parse-conntrack.ts";

/** Prefixes separated by spaces. */
export function prefixes(text: string): IpPrefix[] {
  return text.split(" ").filter((word) => word !== "").map((word) => {
    const prefix = parseIpPrefix(word);
    assert.ok(prefix, word);
    return prefix;
  });
}

/** Ranges separated by spaces: `443 40000-40100`. */
export function ranges(text: string): NumberRange[] {
  return text.split(" ").filter((word) => word !== "").map((word) => {
    const [lower = NaN, upper = lower] = word.split("-").map(Number);
    return { lower, upper };
  });
}

export interface Words {
  readonly from?: string;
  readonly fromPorts?: string;
  readonly types?: string;
  readonly to?: string;
  readonly toPorts?: string;
  readonly protocols?: readonly number[];
}

/** What an upstream reports, in words. Unless they say more: anything from 203.0.113.7 to 198.51.100.9. */
export function asking({ from = "203.0.113.7", fromPorts = "", types = "", to = "198.51.100.9", toPorts = "", protocols = [] }: Words = {}): AttackFlows {
  return {
    source: { prefixes: prefixes(from), ports: ranges(fromPorts), icmpTypes: ranges(types) },
    target: { prefixes: prefixes(to), ports: ranges(toPorts), protocols, fqdns: [], uris: [] },
  };
}

export function flow(line: string): Flow {
  const parsed = parseConntrack(line);
  assert.ok(parsed, line);
  return parsed;
}

/** A file of test/vectors. */
export function vector(path: string): string {
  return readFileSync(new URL(`../vectors/${path}`, import.meta.url), "utf8");
}

/** The flows of a recorded `conntrack -L`. */
export function recordedFlows(file: string): Flow[] {
  return vector(`conntrack/${file}`).trimEnd().split("\n").map(flow);
}

/** The home in which the outputs under test/vectors were recorded. */
export const recordedBorders = {
  router: prefixes("203.0.113.7 192.168.1.1 2001:db8:1::1 2001:db8:ff::2 127.0.0.1 ::1"),
  inside: prefixes("192.168.1.0/24 2001:db8:1::/64"),
};

export const macs = { camera: "02:00:00:00:0a:01", laptop: "02:00:00:00:0a:02" };
export const recordedNeighbours = [
  { address: "192.168.1.21", mac: macs.camera },
  { address: "192.168.1.22", mac: macs.laptop },
  { address: "2001:db8:1::21", mac: macs.camera },
  { address: "fe80::ff:fe00:a01", mac: macs.camera },
  { address: "203.0.113.1", mac: "be:2e:ce:00:4c:7f" },
];
