import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nameDevices } from "../../../src/nat-lookup/identity/name-devices.ts";
import { parseLeases } from "../../../src/nat-lookup/identity/parse-leases.ts";

const dnsmasq = `1795291200 aa:bb:cc:dd:ee:01 192.168.1.23 camera 01:aa:bb:cc:dd:ee:01
0 06-aa:bb:cc:dd:ee:02 192.168.1.24 * *
duid 00:01:00:01:2c:00:00:00:02:5c:a6:71:00:01
1795291200 1234567 2001:db8:1::23 camera6 00:01:00:01:2b:11:22:33:aa:bb:cc:dd:ee:03
1795291200 T99 2001:db8:1::24 * 00:04:11:22
`;
const odhcpd2410 = `# br-lan aabbccddee04 ipv4 tv 1795291200 c0a80125 32 192.168.1.37/32
192.168.1.37\ttv.lan\ttv
# br-lan 00030001aabbccddee05 12ab34 broken\\x20my printer 1795291200 25 128 2001:db8:1::25/128
# br-lan 00030001aabbccddee06 12ab34 - -1 25 128 2001:db8:1::26/128 fd00::26/128
`;
const odhcpd2512 = `# br-lan a:b:c:d:e:7 ipv4 broken\\x20my\\x20caf\\xc3\\xa9 1795291200 c0a80126 32 192.168.1.38/32
# br-lan 0004aabb 1 phone 1795291200 27 128 2001:db8:1::27/128
`;

describe("parseLeases", () => {
  const brief = (text: string): string[] =>
    parseLeases(text).map(({ mac, duidMac, addresses, name }) => `${mac ?? "-"} ${duidMac ?? "-"} ${addresses.join(",")} ${name ?? "-"}`);
  const table: [string, string, string[]][] = [
    ["dnsmasq", dnsmasq, [
      "aa:bb:cc:dd:ee:01 - 192.168.1.23 camera",
      "aa:bb:cc:dd:ee:02 - 192.168.1.24 -",
      "- aa:bb:cc:dd:ee:03 2001:db8:1::23 camera6",
      "- - 2001:db8:1::24 -",
    ]],
    ["odhcpd 24.10", odhcpd2410, [
      "aa:bb:cc:dd:ee:04 - 192.168.1.37 tv",
      "- - 192.168.1.37 tv",
      "- aa:bb:cc:dd:ee:05 2001:db8:1::25 my printer",
      "- aa:bb:cc:dd:ee:06 2001:db8:1::26,fd00::26 -",
    ]],
    ["odhcpd 25.12", odhcpd2512, ["0a:0b:0c:0d:0e:07 - 192.168.1.38 my café", "- - 2001:db8:1::27 phone"]],
    ["half a line at the end", "1795291200 aa:bb:cc:dd:ee:01 192.168.1.23 camera 01:aa\n1795291200 aa:bb:cc:dd:ee:02 192.168.1.24 lap", [
      "aa:bb:cc:dd:ee:01 - 192.168.1.23 camera",
    ]],
    ["line ends of DOS", "1795291200 aa:bb:cc:dd:ee:01 192.168.1.23 camera *\r\n", ["aa:bb:cc:dd:ee:01 - 192.168.1.23 camera"]],
    ["an escape that is no character", "# br-lan aabbccddee04 ipv4 a\\xff\\xfeb 0 0 32 1.2.3.4/32\n", ["aa:bb:cc:dd:ee:04 - 1.2.3.4 a\\xff\\xfeb"]],
    ["nothing of use", "\n\n#\n# br-lan\nhello\n1\n1 2 3 4 5\n::1\n0 aa:bb:cc:dd:ee:01\n999999999999 aa:bb:cc:dd:ee:01 300.1.1.1 x *\n", []],
    ["a line too long", `0 aa:bb:cc:dd:ee:01 192.168.1.23 ${"x".repeat(5000)} *\n`, []],
  ];
  for (const [what, text, expected] of table)
    it(`reads ${what}`, () => {
      assert.deepEqual(brief(text), expected);
    });

  it("reads at most 8,192 lines", () => {
    assert.equal(parseLeases("1.2.3.4 a\n".repeat(10_000)).length, 8192);
  });

  it("never throws", () => {
    const all = dnsmasq + odhcpd2410 + odhcpd2512;
    const mangled = fc.tuple(fc.nat(all.length), fc.nat(30), fc.string({ unit: "binary" })).map(([at, length, text]) =>
      all.slice(0, at) + text + all.slice(at + length)
    );
    fc.assert(fc.property(fc.oneof(mangled, fc.string({ unit: "binary" })), (text) => {
      for (const lease of nameDevices(parseLeases(text), []).values()) assert.ok(lease.length > 0 && Array.from(lease).length <= 64);
    }), { numRuns: 1000 });
  });
});

describe("nameDevices", () => {
  const neighbours = [{ address: "2001:db8:1::27", mac: "aa:bb:cc:dd:ee:08" }, { address: "192.168.1.23", mac: "aa:bb:cc:dd:ee:01" }, {
    address: "2001:db8:1::23",
    mac: "aa:bb:cc:dd:ee:01",
  }];
  it("goes by MAC address, then by neighbour, then by DUID", () => {
    assert.deepEqual(Object.fromEntries(nameDevices(parseLeases(dnsmasq + odhcpd2410 + odhcpd2512), neighbours)), {
      "aa:bb:cc:dd:ee:01": "camera", // not camera6, which only its address says
      "aa:bb:cc:dd:ee:03": "camera6",
      "aa:bb:cc:dd:ee:04": "tv",
      "aa:bb:cc:dd:ee:05": "my printer",
      "0a:0b:0c:0d:0e:07": "my café",
      "aa:bb:cc:dd:ee:08": "phone",
    });
  });
  it("cleans names", () => {
    assert.deepEqual([...nameDevices([{ mac: "aa:bb:cc:dd:ee:01", duidMac: null, addresses: [], name: "\u001b[31mred" }], []).values()], ["[31mred"]);
  });
});

describe("names that are no host names, and what is written beside them", () => {
  const table: [string, string, string | null][] = [
    ["dnsmasq, a name of two words", "1795291200 aa:bb:cc:dd:ee:ff 192.168.1.23 Robot Vacuum 01:aa:bb:cc:dd:ee:ff", "Robot Vacuum"],
    ["dnsmasq, without an identifier", "1795291200 aa:bb:cc:dd:ee:ff 192.168.1.23 camera", "camera"],
    ["dnsmasq, without a name", "1795291200 aa:bb:cc:dd:ee:ff 192.168.1.23 * 01:aa:bb:cc:dd:ee:ff", null],
    ["odhcpd, a space in the name", "# br-lan aabbccddeeff ipv4 broken\\x20Robot\\x20Vacuum 1795291200 c0a80117 32 192.168.1.23/32", "Robot Vacuum"],
    ["odhcpd, marked and without a name", "# br-lan aabbccddeeff ipv4 broken\\x20- 1795291200 c0a80117 32 192.168.1.23/32", null],
    ["odhcpd, two words as they are", "# br-lan aabbccddeeff ipv4 Robot Vacuum 1795291200 c0a80117 32 192.168.1.23/32", "Robot Vacuum"],
    ["odhcpd, a number in the name", "# br-lan aabbccddeeff ipv4 Robot 2 Go 1795291200 c0a80117 32 192.168.1.23/32", "Robot 2 Go"],
    ["hosts, with a comment", "192.168.1.23 nas # belongs to Tom", "nas"],
    ["hosts, with a comment that touches", "192.168.1.23\tnas.lan nas #Tom's", "nas"],
  ];
  for (const [what, line, name] of table)
    it(what, () => {
      const [lease] = parseLeases(`${line.replaceAll("\\\\", "\\")}\n`);
      assert.deepEqual([lease?.name, lease?.addresses], [name, ["192.168.1.23"]]);
    });
  it("a blocklist names nobody", () => {
    assert.deepEqual(parseLeases("0.0.0.0 ads.example\n127.0.0.1 ads.example\n:: ads.example\n192.168.1.23\t# nobody\n"), []);
  });
});
