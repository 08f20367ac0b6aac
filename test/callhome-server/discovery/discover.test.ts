import assert from "node:assert/strict";
import { test } from "node:test";
import { NothingSent } from "../../../src/callhome-server/backoff.ts";
import { discover, type Discovered, type OfferOn } from "../../../src/callhome-server/discovery/discover.ts";

const hosts: Readonly<Record<string, readonly string[]>> = {
  "dots.isp.example": ["203.0.113.1", "2001:db8::1"],
  "b.isp.example": ["203.0.113.2"],
  "lan.isp.example": ["192.168.1.5"],
};

interface Case {
  readonly known?: Partial<Discovered>;
  readonly offers?: readonly Partial<OfferOn>[];
  /** The SRV record of a domain, for UDP. */
  readonly srv?: Readonly<Record<string, string>>;
}

/** The ways, as `udp 203.0.113.1:4647 dots.isp.example`, and what DNS was asked. */
async function found({ known = {}, offers = [], srv = {} }: Case): Promise<{ ways: string[]; asked: string[] }> {
  const asked: string[] = [];
  const ways = await discover({ host: null, serverName: null, port: 4647, transports: ["udp"], ...known },
    offers.map((offer) => ({ name: null, addresses: [], ...offer })), {
    random: () => 0,
    mayDial: (address) => !address.startsWith("192.168."),
    dns: {
      naptr: (name) => {
        asked.push(name);
        return Promise.resolve([]);
      },
      srv(name) {
        const target = srv[name.replace("_dots-call-home._udp.", "")];
        return Promise.resolve(target === undefined ? [] : [{ priority: 0, weight: 0, port: 4700, name: target }]);
      },
    },
    addresses(host) {
      const list = hosts[host];
      return list
        ? Promise.resolve(list.map((address) => ({ address, family: address.includes(":") ? 6 as const : 4 as const })))
        : Promise.reject(new NothingSent(`the name ${host} does not resolve`));
    },
  });
  return {
    asked,
    ways: ways.map(({ transport, address, port, serverName, device }) =>
      `${transport} ${address}:${port} ${serverName}${device === undefined ? "" : ` by ${device}`}`
    ),
  };
}

const offered = { name: "dots.isp.example", addresses: ["203.0.113.9"] };
const cases: readonly [what: string, given: Case, ways: readonly string[], asked: readonly string[]][] = [
  ["a name alone is resolved, and is what the peer has to prove (§5.2.3)", { offers: [{ name: "dots.isp.example" }] }, ["udp 203.0.113.1:4647 dots.isp.example",
    "udp 2001:db8::1:4647 dots.isp.example"], ["dots.isp.example"]],
  ["with addresses the name MUST NOT be resolved, and is what the peer has to prove", { offers: [offered] }, ["udp 203.0.113.9:4647 dots.isp.example"], []],
  ["addresses alone have to be proved as such", { offers: [{ addresses: ["203.0.113.9"] }] }, ["udp 203.0.113.9:4647 203.0.113.9"], []],
  ["... or the name that the owner has pinned", { offers: [{ addresses: ["203.0.113.9"] }], known: { serverName: "dots.isp.example" } }, [
    "udp 203.0.113.9:4647 dots.isp.example",
  ], []],
  ["where the records lead, the name stays the one that was looked up (§8.2)", {
    offers: [{ name: "dots.isp.example" }],
    srv: { "dots.isp.example": "b.isp.example" },
  }, ["udp 203.0.113.2:4700 dots.isp.example"], ["dots.isp.example"]],
  ["each family's offer (§4)", { offers: [{ addresses: ["2001:db8::9"], name: "dots.isp.example" }, offered] }, ["udp 2001:db8::9:4647 dots.isp.example",
    "udp 203.0.113.9:4647 dots.isp.example"], []],
  ["the same name from both is looked up once", { offers: [{ name: "b.isp.example" }, { name: "b.isp.example" }] }, ["udp 203.0.113.2:4647 b.isp.example"], [
    "b.isp.example",
  ]],
  ["the configured host where DHCP says nothing (§6)", { known: { host: "b.isp.example" } }, ["udp 203.0.113.2:4647 b.isp.example"], ["b.isp.example"]],
  ["an empty offer says nothing", { known: { host: "b.isp.example" }, offers: [{}] }, ["udp 203.0.113.2:4647 b.isp.example"], ["b.isp.example"]],
  ["what DHCP says comes before the configured host", { known: { host: "b.isp.example" }, offers: [offered] }, ["udp 203.0.113.9:4647 dots.isp.example"], []],
  ["both transports", { known: { transports: ["udp", "tcp"] }, offers: [offered] }, ["udp 203.0.113.9:4647 dots.isp.example",
    "tcp 203.0.113.9:4647 dots.isp.example"], []],
  ["of several WANs, by the one that said so (RFC 9284 §5.1)", { offers: [{ ...offered, device: "wan" }, { name: "b.isp.example", device: "wan2" }] }, [
    "udp 203.0.113.9:4647 dots.isp.example by wan",
    "udp 203.0.113.2:4647 b.isp.example by wan2",
  ], ["b.isp.example"]],
  ["of two names the one that is trusted (§8.1)", {
    known: { serverName: "dots.isp.example" },
    offers: [{ name: "evil.example", addresses: ["198.51.100.66"] }, offered],
  }, ["udp 203.0.113.9:4647 dots.isp.example"], []],
];
for (const [what, given, ways, asked] of cases)
  test(what, async () => {
    assert.deepEqual(await found(given), { ways, asked });
  });

const nowhere: readonly [what: string, given: Case, why: RegExp][] = [
  ["nothing from DHCP, and no host", {}, /DHCP on its WAN has not named the provider's DOTS client/],
  ["a name that is not trusted", { known: { serverName: "dots.isp.example" }, offers: [{ name: "evil.example", addresses: ["198.51.100.66"] }] },
    /DHCP names evil\.example, which is not the configured server_name/],
  ["a name that leads into the home", { offers: [{ name: "lan.isp.example" }] }, /none of the addresses that were discovered is one to dial/],
  ["a name that does not resolve", { offers: [{ name: "gone.isp.example" }] }, /gone\.isp\.example does not resolve/],
];
for (const [what, given, why] of nowhere)
  test(`nowhere to dial: ${what}`, async () => {
    await assert.rejects(found(given), (error) => error instanceof NothingSent && why.test(error.message));
  });
