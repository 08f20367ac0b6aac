import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseUci } from "../../../src/config/uci-syntax.ts";
import { readDhcpConfig, type DhcpConfig } from "../../../src/nat-lookup/identity/static-hosts.ts";

function read(text: string): DhcpConfig {
  const parsed = parseUci(text);
  assert.ok("sections" in parsed);
  return readDhcpConfig(parsed.sections);
}

describe("readDhcpConfig", () => {
  it("reads hosts with one MAC address or several, with or without an address", () => {
    const { hosts } = read(`
config host
	option name 'printer'
	option mac 'AA:BB:CC:00:00:01 aa-bb-cc-00-00-02'
	option ip '192.168.1.50'
config host 'nas'
	list mac 'aa:bb:cc:00:00:03'
	option ip 'ignore'
config host
	option name 'any'
	option mac 'aa:bb:cc:*:*:*'
`);
    assert.deepEqual(hosts, [
      { mac: "aa:bb:cc:00:00:01", duidMac: null, addresses: ["192.168.1.50"], name: "printer" },
      { mac: "aa:bb:cc:00:00:02", duidMac: null, addresses: ["192.168.1.50"], name: "printer" },
      { mac: "aa:bb:cc:00:00:03", duidMac: null, addresses: [], name: null },
    ]);
  });
  it("finds where leases are kept", () => {
    assert.deepEqual(
      read(
        "config dnsmasq\n\toption leasefile '/var/dhcp/leases'\nconfig odhcpd 'odhcpd'\n\toption leasefile '/tmp/odhcpd.leases'\n\nconfig dnsmasq\n\toption leasefile 'relative'\n",
      ).leaseFiles,
      ["/var/dhcp/leases", "/tmp/odhcpd.leases"],
    );
  });
});
