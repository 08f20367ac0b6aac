import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openVisitors, type Visitor, type Visitors, type VisitorsDeps } from "../../../src/system/notice/visitors.ts";
import { fakeClock } from "../../fake-clock.ts";
import { prefixes } from "../../nat-lookup/asking.ts";

const mac = "02:00:00:00:0a:01";
const entry = (address: string, of = mac, device = "br-lan"): { address: string; mac: string; device: string } => ({ address, mac: of, device });

function home(
  other: Partial<VisitorsDeps> = {},
): {
  asked: string[];
  newcomers: string[];
  pass: (span: number) => Promise<void>;
  identify: (from: string) => Promise<Visitor | undefined>;
  seenAs: Visitors["seenAs"];
} {
  const clock = fakeClock();
  const newcomers: string[] = [];
  const asked: string[] = [];
  const visitors = openVisitors({
    network: {
      addresses: () => {
        asked.push("addresses");
        return Promise.resolve({
          outside: prefixes("203.0.113.7 2001:db8:1::/64"),
          router: [],
          inside: prefixes("192.168.1.0/24 2001:db8:1::/64 fd00::/64"),
          wans: [],
          resolvers: [],
        });
      },
    },
    lanDevices: () => Promise.resolve(["br-lan", "guest"]),
    neighbours: () => {
      asked.push("neighbours");
      return Promise.resolve([
        entry("192.168.1.23"),
        entry("2001:db8:1::23"),
        entry("fe80::23"),
        entry("fe80::23", "02:00:00:00:0a:09", "guest"),
        entry("192.168.1.99"),
        entry("192.168.1.99", "02:00:00:00:0a:02"),
        ...newcomers.map((address) => entry(address)),
      ]);
    },
    clock: clock.steady,
    ...other,
  });
  return {
    asked,
    newcomers,
    seenAs: (from) => visitors.seenAs(from),
    pass: (span) => clock.advance(span),
    async identify(from) {
      const known = visitors.identify(from);
      await clock.advance(500);
      return known;
    },
  };
}

describe("who is at the other end of a connection", () => {
  for (
    const [from, expected] of [
      ["192.168.1.23", { address: "192.168.1.23", macs: [mac] }],
      ["::ffff:192.168.1.23", { address: "192.168.1.23", macs: [mac] }],
      ["2001:db8:1::23", { address: "2001:db8:1::23", macs: [mac] }],
      ["192.168.1.77", { address: "192.168.1.77", macs: [] }],
      ["192.168.1.99", { address: "192.168.1.99", macs: [mac, "02:00:00:00:0a:02"] }], // two claim it
      ["fe80::23%br-lan", { address: "fe80::23", macs: [mac] }],
      ["fe80::23%guest", { address: "fe80::23", macs: ["02:00:00:00:0a:09"] }],
      ["fe80::23%wan", undefined],
      ["fe80::23", undefined],
      ["203.0.113.1", undefined],
      ["2001:db8:2::1", undefined],
      ["::ffff:198.51.100.9", undefined],
      ["127.0.0.1", undefined],
      ["192.168.2.1", undefined],
      ["", undefined],
      ["nonsense", undefined],
    ] as const
  )
    it(`${from === "" ? "nothing" : from}: ${expected ? `${expected.address}, ${expected.macs.join(" or ") || "nobody knows"}` : "a stranger"}`, async () => {
      assert.deepEqual(await home().identify(from), expected);
    });

  it("a flood of connections asks once in some seconds", async () => {
    const { identify, asked, pass } = home();
    await Promise.all(Array.from({ length: 1_000 }, () => identify("192.168.1.23")));
    assert.deepEqual(asked, ["addresses", "neighbours"]);
    await pass(3_000);
    await identify("192.168.1.23");
    assert.deepEqual(asked, ["addresses", "neighbours", "neighbours"]);
    await pass(10_000);
    await identify("192.168.1.23");
    assert.equal(asked.length, 5);
  });

  it("one that is new to the table is looked for again, a flood of them once", async () => {
    const { identify, asked, newcomers } = home();
    await identify("192.168.1.23");
    newcomers.push("192.168.1.50");
    assert.deepEqual(await identify("192.168.1.50"), { address: "192.168.1.50", macs: [mac] });
    assert.deepEqual(asked, ["addresses", "neighbours", "neighbours"]);
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => identify(`192.168.1.${100 + at % 50}`)));
    assert.ok(asked.length <= 5, asked.join());
  });

  it("whose an address is can be asked at once, as far as the table was read", async () => {
    const { identify, seenAs } = home();
    assert.equal(seenAs("192.168.1.23"), undefined);
    await identify("192.168.1.23");
    assert.deepEqual([seenAs("::ffff:192.168.1.23"), seenAs("2001:db8:1::23"), seenAs("fe80::23%br-lan"), seenAs("fe80::23%guest"), seenAs("192.168.1.77"),
      seenAs("nonsense")], [mac, mac, mac, "02:00:00:00:0a:09", undefined, undefined]);
  });

  it("nobody is of the home if its networks are not known; somebody still is if the neighbours are not", async () => {
    const fails = (): Promise<never> => Promise.reject(new Error("ip is not installed"));
    assert.equal(await home({ network: { addresses: fails } }).identify("192.168.1.23"), undefined);
    assert.deepEqual(await home({ neighbours: fails }).identify("192.168.1.23"), { address: "192.168.1.23", macs: [] });
  });
});
