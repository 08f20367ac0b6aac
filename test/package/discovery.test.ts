// What the package does for discovery (RFC 8973), on a played router: BusyBox runs the scripts as netifd's would source them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { addProvider, playRouter } from "./played-router.ts";

const router = playRouter();
after(() => {
  router.remove();
});
const folder = "/var/run/dots-callhome-dhcp";
const name = "04646f747303697370076578616d706c6500"; // as it came: what it says is the daemon's to judge

/** Sources a script as netifd does, with an event; what lies in the folder afterwards. */
async function event(script: string, words: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const set = Object.entries(variables).map(([key, value]) => `${key}='${value}'; `).join("");
  const { code, stdout, stderr } = await router.run(
    `set -- ${words}; ${set}. /etc/${script}.user.d/90-dots-callhome; cd ${folder} 2>/dev/null && grep -r . . | sort`,
  );
  assert.deepEqual([code === 0 || stdout === "", stderr], [true, ""]);
  return stdout.trim();
}

test("udhcpc: what a lease says is noted, renewed and withdrawn", async () => {
  assert.equal(await event("udhcpc", "deconfig", { interface: "eth1" }), "");
  assert.equal(await event("udhcpc", "bound", { interface: "eth1", opt147: name, opt148: "cb007101" }), `./eth1.4:addresses cb007101\n./eth1.4:name ${name}`);
  assert.equal(await event("udhcpc", "leasefail", { interface: "eth1" }), `./eth1.4:addresses cb007101\n./eth1.4:name ${name}`);
  assert.equal(await event("udhcpc", "renew", { interface: "eth1", opt148: "cb007102" }), "./eth1.4:addresses cb007102");
  assert.equal(await event("udhcpc", "deconfig", { interface: "eth1" }), "");
});

test("odhcp6c: the same, from its variables, beside what DHCPv4 says", async () => {
  await event("udhcpc", "bound", { interface: "wan", opt148: "cb007101" });
  assert.equal(await event("odhcp6c", "wan bound", { OPTION_141: name }), `./wan.4:addresses cb007101\n./wan.6:name ${name}`);
  assert.equal(await event("odhcp6c", "wan rebound", { OPTION_142: "20010db8000000000000000000000001" }),
    "./wan.4:addresses cb007101\n./wan.6:addresses 20010db8000000000000000000000001");
  assert.equal(await event("odhcp6c", "wan unbound", { OPTION_141: name }), "./wan.4:addresses cb007101");
  await event("udhcpc", "deconfig", { interface: "wan" });
});

test("nothing but hexadecimal digits gets into the file, whatever a server sends, and nothing leaves the folder", async () => {
  const hostile = ["$(touch /owned)", "`touch /owned`", "04; touch /owned", "../../etc/x", "zz", "04\n148 00", "ab".repeat(513)];
  for (const value of hostile) assert.equal(await event("udhcpc", "bound", { interface: "eth1", opt147: value, opt148: value }), "", value);
  for (const device of ["../eth1", "a/b", ".x", "-x y", ""]) await event("udhcpc", "bound", { interface: device, opt148: "cb007101" });
  assert.equal((await router.run(`ls -A ${folder} /owned`)).stdout.trim(), `${folder}:`);
});

test("once a provider is to be found by itself, DHCP is asked for it on each interface that has a lease; once", async () => {
  router.write("etc/config/network",
    "config interface 'wan'\n\toption proto 'dhcp'\n\toption reqopts '121'\nconfig interface 'wan6'\n\toption proto 'dhcpv6'\nconfig interface 'lan'\n\toption proto 'static'\n");
  router.write("bin/ubus", '#!/bin/ash\necho "$@" >>/ubus\n', 0o755);
  const start = async (): Promise<string[]> => {
    await router.run("ash /etc/rc.common /etc/init.d/dots-callhome start");
    return router.read("etc/config/network").split("\n").filter((line) => line.includes("reqopts"));
  };
  addProvider(router, {});
  assert.deepEqual(await start(), ["\toption reqopts '121'"], "nobody has asked for it");
  addProvider(router, { host: "", discover: "1" });
  const asked = ["\toption reqopts '121 147 148'", "\toption reqopts '141 142'"];
  assert.deepEqual([await start(), await start()], [asked, asked]);
  assert.equal(router.read("ubus"), "call network reload\n");
  assert.ok(router.log().some((line) => line.includes("DHCP is asked for the provider's address on wan wan6")));
});
