import { namesDeclared, buildRuleset, nothingHeld } from "../../src/enforcer/build-ruleset.ts";
import type { EnforcementRule, ReportedTraffic } from "../../src/model/enforcement.ts";
import type { TableNames } from "nftables-js";
import { nothingReported } from "../../src/enforcer/reported-chains.ts";
import { port, reported, rule, source, target } from "./sample-rules.ts";
import { seconds } from "../../src/model/time.ts";

export interface GoldenCase {
  readonly file: string;
  readonly title: string;
  readonly rules: readonly EnforcementRule[];
  readonly reported?: ReportedTraffic;
  /** The rules before; none if absent. */
  readonly before?: readonly EnforcementRule[];
}

const onlyAddresses = { mac: null, addresses: ["192.168.1.23", "2001:db8:1::23"] };
const bothFamilies = target(["198.51.100.9", "2001:db8:9::9"]);

const longLists = target(["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5", "203.0.113.0/25"], {
  ports: [port(80), port(443), port(1000, 2000), port(3000), port(4000), port(5000)],
  protocols: [6, 17],
});

export const goldenCases: readonly GoldenCase[] = [
  { file: "no-rules", title: "Nothing to enforce: no table", rules: [] },
  { file: "host-ipv4", title: "A camera, known by its MAC address, and one IPv4 host", rules: [rule()] },
  { file: "host-ipv6", title: "A camera and one IPv6 host", rules: [rule({ target: target(["2001:db8:9::9"]) })] },
  {
    file: "ports-and-protocols",
    title: "TCP and UDP to ports 80 and 443 of a host, and GRE to it",
    rules: [rule({ target: target(["198.51.100.9"], { ports: [port(80), port(443)], protocols: [6, 17, 47] }) })],
  },
  {
    file: "ports-only",
    title: "Port 443 of a host, in every protocol that has ports",
    rules: [rule({ target: target(["198.51.100.9"], { ports: [port(443)] }) })],
  },
  {
    file: "port-ranges",
    title: "Ranges of ports that overlap, over IPv4 and IPv6",
    rules: [rule({ target: target(["198.51.100.9", "2001:db8:9::9"], { ports: [port(1000, 2000), port(53), port(1500, 3000)], protocols: [17] }) })],
  },
  {
    file: "prefixes",
    title: "Prefixes, one within another",
    rules: [rule({ target: target(["198.51.100.0/24", "198.51.100.9", "203.0.113.0/25", "2001:db8:9::/48"]) })],
  },
  {
    file: "lists",
    title: "Long lists stand in sets of their own, once for all rules and both devices of the mitigation",
    rules: ["02:00:00:00:00:17", "02:00:00:00:00:18"].map((mac) => rule({ mac, target: longLists })),
    reported: {
      flows: [
        reported({
          target: longLists,
          source: source(["203.0.113.7"], { ports: [port(40000, 40100), port(41000), port(42000), port(43000), port(44000), port(45000)] }),
        }),
      ],
      spared: nothingReported.spared,
    },
  },
  {
    file: "icmp-types",
    title: "ICMP and ICMPv6 types",
    rules: [rule({ target: bothFamilies, icmpTypes: [port(8), port(13, 14)] })],
  },
  { file: "limit", title: "Ten packets a second to a host, to both its addresses together", rules: [rule({ action: "limit", target: bothFamilies })] },
  {
    file: "quarantine",
    title: "A camera, cut from all that is forwarded, in both directions",
    rules: [rule({ action: "quarantine", addresses: ["192.168.1.23", "2001:db8:1::23"] })],
  },
  { file: "address-only", title: "A device that is known by its addresses only", rules: [rule({ ...onlyAddresses, target: bothFamilies })] },
  {
    file: "two-mitigations-same-target",
    title: "Two upstreams ask for the same: each has its drops counted, and either alone keeps the block",
    rules: [rule(), rule({ mitigation: 18, timeout: seconds(3600) })],
  },
  {
    file: "overlap-with-quarantine",
    title: "A block and a quarantine of the same device, and a block of another one",
    rules: [
      rule({ target: target(["198.51.100.9"], { ports: [port(443)], protocols: [6] }) }),
      rule({ mitigation: 18, action: "quarantine", addresses: [] }),
      rule({ mitigation: 18, mac: "02:00:00:00:00:99" }),
    ],
  },
  {
    file: "renewal-after-an-end",
    title: "Mitigation 17 is renewed; 16, which needed a chain, and 15, which needed an address, have ended",
    rules: [rule()],
    before: [rule({ mitigation: 15, ...onlyAddresses }), rule({ mitigation: 16, action: "limit", mac: "02:00:00:00:00:99" }), rule()],
  },
  {
    file: "reported-unknown-device",
    title: "UDP from reported ports, dropped where it leaves the home; the device is not known yet",
    rules: [],
    reported: { flows: [reported({ target: target(["198.51.100.9"], { ports: [port(443)], protocols: [17] }) })], spared: nothingReported.spared },
  },
  {
    file: "reported-consent-pending",
    title: "The owner has not answered: whoever sends it is recorded, over IPv4 and IPv6, and nothing is dropped",
    rules: [],
    reported: {
      flows: [reported({ action: "watch", target: bothFamilies, source: source(["203.0.113.7", "2001:db8:1::/64"], { ports: [], icmpTypes: [port(8)] }) })],
      spared: nothingReported.spared,
    },
  },
  {
    file: "reported-spared",
    title: "A block with a known device; a limit whose target lies within; devices that are never cut, or not without being asked",
    rules: [rule({ target: target(["198.51.100.0/24"]) })],
    reported: {
      flows: [
        reported({ target: target(["198.51.100.0/24"]), sparesUnasked: false }),
        reported({ mitigation: 18, action: "limit", timeout: seconds(60) }),
        reported({ mitigation: 19 }),
      ],
      spared: {
        macs: ["02:00:00:00:00:99"],
        unaskedMacs: ["02:00:00:00:00:98"],
        prefixes: target(["192.168.1.2", "192.168.1.0/30", "2001:db8:1::2"]).prefixes,
      },
    },
  },
  {
    file: "reported-held",
    title: "A block with a known device: what leaves from its addresses is dropped, whoever's MAC address it bears",
    rules: [rule({ target: target(["198.51.100.9"], { ports: [port(443)], protocols: [17] }) })],
    reported: {
      flows: [
        reported({
          target: target(["198.51.100.9", "2001:db8:9::9"], { ports: [port(443)], protocols: [17] }),
          source: source(["203.0.113.7", "2001:db8:1::23"]),
          sparesUnasked: false,
          addresses: ["192.168.1.23", "2001:db8:1::23"],
        }),
      ],
      spared: nothingReported.spared,
    },
  },
  {
    file: "reported-anything",
    title: "A target of everything, which policy refuses",
    rules: [rule({ target: target(["::/0", "0.0.0.0/0"]) })],
    reported: { flows: [reported({ target: target(["::/0", "0.0.0.0/0"]) })], spared: nothingReported.spared },
  },
];

/** What the table holds under these rules. */
export function heldAfter(rules: readonly EnforcementRule[], traffic: ReportedTraffic = nothingReported): TableNames {
  return rules.length === 0 && traffic.flows.length === 0 ? nothingHeld : namesDeclared(buildRuleset(rules, nothingHeld, new Map(), traffic));
}
