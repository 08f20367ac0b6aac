// The init script, uci-defaults and hotplug on a played router: BusyBox runs them, procd, uci and ujail are stubs (test/package/stub).
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { addProvider, playRouter, type PlayedRouter } from "./played-router.ts";

const routers: PlayedRouter[] = [];
after(() => {
  for (const router of routers) router.remove();
});
function routerWith(options: { jail?: boolean; provider?: Readonly<Record<string, string>> } = {}): PlayedRouter {
  const router = playRouter(options);
  routers.push(router);
  if (options.provider) addProvider(router, options.provider);
  return router;
}
const init = (action: string): string => `ash /etc/rc.common /etc/init.d/dots-callhome ${action}`;
const setUp = "cd /etc/uci-defaults && ash ./90-dots-callhome";
const network = `
config interface 'lan'
	option device 'br-lan'
config interface 'wan'
	option device 'eth1'
	option proto 'pppoe'
config interface 'wan6'
	option device '@wan'
config interface 'guest'
	option device 'br-guest'
`;
const firewall = `
config zone
	option name 'lan'
	list network 'lan'
config zone
	option name 'wan'
	list network 'wan'
	list network 'wan6'
config zone 'visitors'
	option name 'guest'
	option network 'guest'
config zone
	option name 'vault'
	option network 'vault'
config forwarding
	option src 'lan'
	option dest 'wan'
config forwarding
	option src 'guest'
	option dest 'wan'
`;

test("uci-defaults gives the socket a folder, writes down no device that can be asked for, and makes no secret", async () => {
  const router = routerWith();
  router.write("etc/config/network", network);
  router.write("etc/config/firewall", firewall);
  const { code, stderr } = await router.run(`${setUp} && ${setUp}`); // a second run changes nothing
  assert.equal(code, 0, stderr);
  const set = router.read("etc/config/dots-callhome").split("\n").filter((line) => /^\t(list|option) (wan|lan|control)/.test(line));
  assert.deepEqual(set, ["\toption control_socket '/var/run/dots-callhome/control.sock'"]);
  assert.equal((await router.run("ls /etc/dots-callhome")).code, 1);
});

test("uci-defaults leaves what the owner has set", async () => {
  const router = routerWith();
  router.write("etc/config/network", network);
  router.write("etc/config/dots-callhome", "config globals 'globals'\n\tlist wan_device 'eth7'\n\toption control_socket '/srv/x/dots.sock'\n", 0o600);
  assert.equal((await router.run(setUp)).code, 0);
  assert.equal(router.read("etc/config/dots-callhome"), "config globals 'globals'\n\tlist wan_device 'eth7'\n\toption control_socket '/srv/x/dots.sock'\n");
});

test("a zone that rejects what it is not allowed, as guests' do, reaches the page for devices that are cut off; no other does", async () => {
  const router = routerWith({ provider: {} });
  router.write("etc/config/firewall", firewall.replace("\toption name 'lan'\n", "\toption name 'lan'\n\toption input 'ACCEPT'\n"));
  assert.equal((await router.run(init("start"))).code, 0);
  const told = router.procd();
  const data = told.filter(([word]) => word === "data").map((words) => words.slice(1).join(" ")).filter((words) => words !== "");
  assert.deepEqual(data, ["type rule", "name dots-callhome: page for devices that are cut off", "src guest", "proto tcp", "dest_port 299", "target ACCEPT"]);
  assert.ok(told.some((words) => words.join(" ") === "changed firewall"));
  const open = routerWith({ provider: {} });
  assert.equal((await open.run(init("start"))).code, 0);
  assert.deepEqual(open.procd().filter(([word]) => word === "data" || word === "changed"), [], "without a firewall");
});

test("without a provider nothing runs, but a change of the configuration is waited for", async () => {
  const router = routerWith();
  assert.equal((await router.run(init("start"))).code, 0);
  assert.deepEqual(router.procd(), [["set"], ["reload-trigger", "dots-callhome", "dhcp"]]);
  assert.match(router.log().join("\n"), /^daemon\.notice not started: no provider is enabled/);
});

test("a configuration with errors does not start, and the log names file, line and option", async () => {
  const router = routerWith({ provider: { port: "http" } });
  await router.run(init("start"));
  assert.deepEqual(router.procd(), [["set"], ["reload-trigger", "dots-callhome", "dhcp"]]);
  const log = router.log().join("\n");
  assert.match(log, /daemon\.err \/etc\/config\/dots-callhome:\d+: config upstream 'isp': option port: 'http'/);
  assert.match(log, /daemon\.err not started/);
});

test("in a jail: its own user, two capabilities, what it needs and no more", async () => {
  const router = routerWith({ jail: true, provider: { psk_file: "/etc/keys/isp.psk" } });
  router.write("etc/keys/isp.psk", "a key that nobody else has\n", 0o600);
  assert.equal((await router.run(`${setUp}; ${init("start")}`)).code, 0);
  const message = router.procd();
  const param = (name: string): string[] | undefined => message.find(([kind, which]) => kind === "param" && which === name)?.slice(2);
  assert.deepEqual(param("command"), ["/usr/libexec/dots-callhome", "--v8-pool-size=1", "--no-concurrent-marking", "--optimize-for-size",
    "/usr/lib/dots-callhome/dots-callhome.js", "run", "--config", "/var/run/dots-callhome-config/dots-callhome"]);
  assert.deepEqual(["user", "group", "no_new_privs", "stdout", "stderr"].map(param), [["dots-callhome"], ["dots-callhome"], ["1"], ["1"], ["1"]]);
  assert.deepEqual(param("respawn"), ["3600", "10", "0"]);
  // procd restarts a service when these have changed: apk starts after an upgrade what it has never stopped.
  assert.deepEqual(param("file"), ["/usr/lib/dots-callhome/dots-callhome.js", "/usr/lib/dots-callhome/dtls.wasm"]);
  assert.deepEqual(param("capabilities"), ["/etc/capabilities/dots-callhome.json"]);
  const capabilities = JSON.parse(router.read("etc/capabilities/dots-callhome.json")) as Record<string, string[]>;
  assert.deepEqual(Object.keys(capabilities).sort(), ["ambient", "bounding", "effective", "inheritable", "permitted"]);
  for (const set of Object.values(capabilities)) assert.deepEqual(set, ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"]);
  assert.deepEqual(message.find(([kind]) => kind === "jail"), ["jail", "dots-callhome", "procfs", "requirejail"]);
  assert.deepEqual(message.find(([kind]) => kind === "read-write"), ["read-write", "/etc/dots-callhome", "/var/run/dots-callhome"]);
  const shown = message.find(([kind]) => kind === "read-only") ?? [];
  for (
    const path of ["/usr/lib/dots-callhome", "/var/run/dots-callhome-config", "/var/run/ubus", "/var/run/dots-callhome-config/resolv.conf:/etc/resolv.conf",
      "/usr/sbin/nft", "/usr/sbin/conntrack", "/sbin/ip", "/sbin/bridge", "/tmp/dhcp.leases", "/tmp/hosts", "/etc/keys/isp.psk"]
  ) {
    assert.ok(shown.includes(path), path);
  }
  for (const path of ["/", "/etc", "/etc/config", "/tmp", "/bin/sh", "/bin/busybox"]) assert.ok(!shown.includes(path), path);
});

test("in a jail: every file outside its own folder that the sources name is shown", async () => {
  const router = routerWith({ jail: true, provider: {} });
  router.write("etc/config/dhcp", "config dnsmasq\n\toption leasefile '/srv/leases'\n", 0o600);
  router.write("tmp/resolv.conf.d/resolv.conf.auto", "nameserver 192.0.2.53\n");
  await router.run(`${setUp}; ${init("start")}`);
  const shown = (router.procd().find(([kind]) => kind === "read-only") ?? []).map((path) => path.replace(/^.*:/, ""));
  assert.ok(shown.includes("/srv/leases"));
  const system = new URL("../../src/system/", import.meta.url);
  const named = readdirSync(system, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts")).flatMap((file) =>
    [...readFileSync(new URL(file, system), "utf8").matchAll(/"(\/(?:etc|tmp|usr|var)\/[^"]*)"/g)].map(([, path = ""]) => path)
  )
    .filter((path) => !/\/dots-callhome(\.sock)?$/.test(path)); // its own
  assert.ok(named.includes("/etc/config/dhcp"));
  for (const path of named) assert.ok(shown.some((each) => path === each || path.startsWith(`${each}/`)), path);
  const copy = statSync(join(router.root, "tmp/run/dots-callhome-config/dhcp"));
  assert.deepEqual([copy.uid, copy.gid, copy.mode & 0o777], [0, 32768, 0o640]);
  // A changed file must arrive in what is mounted: the same inode.
  router.write("etc/config/dhcp", "config host\n\toption name 'printer'\n", 0o600);
  await router.run(init("reload"));
  assert.match(router.read("tmp/run/dots-callhome-config/dhcp"), /printer/);
});

test("in a jail: it asks the name servers of today, wherever netifd's file has gone", async () => {
  const router = routerWith({ jail: true, provider: {} });
  router.write("tmp/resolv.conf", "nameserver 192.0.2.53\n");
  await router.run(`ln -s /tmp/resolv.conf /etc/resolv.conf; ${setUp}; ${init("start")}`);
  const copy = join(router.root, "tmp/run/dots-callhome-config/resolv.conf");
  assert.equal(readFileSync(copy, "utf8"), "nameserver 192.0.2.53\n");
  const { ino, mode } = statSync(copy);
  assert.equal(mode & 0o777, 0o644);
  await router.run(
    "echo 'nameserver 192.0.2.54' >/tmp/new; mv /tmp/new /tmp/resolv.conf; ACTION=ifup INTERFACE=wan DEVICE=wan ash /etc/hotplug.d/iface/90-dots-callhome",
  );
  assert.equal(readFileSync(copy, "utf8"), "nameserver 192.0.2.53\n", "no daemon, nothing to do");
  await router.run(`node -e "require('net').createServer().listen('/var/run/dots-callhome/control.sock', () => process.kill(process.pid, 'SIGKILL'))"
    ACTION=ifupdate INTERFACE=wan DEVICE=wan ash /etc/hotplug.d/iface/90-dots-callhome`);
  assert.equal(readFileSync(copy, "utf8"), "nameserver 192.0.2.54\n");
  assert.equal(statSync(copy).ino, ino, "the jail shows the inode");
});

test("in a jail: the folder of ubus' socket is shown, not all of /var/run for one that lies there, and nothing where ubus is not wanted", async () => {
  const shown = async (socket: string): Promise<readonly string[]> => {
    const router = routerWith({ jail: true, provider: {} });
    router.write("etc/config/dots-callhome",
      router.read("etc/config/dots-callhome").replace("\toption log_level", `\toption ubus_socket '${socket}'\n\toption log_level`), 0o600);
    await router.run(`${setUp}; ${init("start")}`);
    return (router.procd().find(([kind]) => kind === "read-only") ?? []).filter((path) => path.includes("ubus") || path === "/var/run");
  };
  assert.deepEqual(await shown("/srv/ubus/its.sock"), ["/srv/ubus"]);
  assert.deepEqual(await shown("/var/run/ubus.sock"), ["/var/run/ubus.sock"]);
  assert.deepEqual(await shown("none"), []);
});

test("in a jail: leases that a DHCP server replaces are no reason to restart, a first lease file is, and so is a replaced key", async () => {
  const router = routerWith({ jail: true, provider: { psk_file: "/root/isp.psk" } });
  router.write("root/isp.psk", "a key that nobody else has\n", 0o600);
  router.write("tmp/odhcpd.leases", "");
  await router.run(`${setUp}; ${init("start")}`);
  const reloaded = async (change: string): Promise<string[] | undefined> => {
    router.procd();
    await router.run(`${change}; ${init("reload")}`);
    return router.procd()[0];
  };
  const hangUp = ["signal", "dots-callhome", "*", "HUP"];
  assert.deepEqual(await reloaded("echo >/tmp/new; mv /tmp/new /tmp/odhcpd.leases"), hangUp);
  assert.deepEqual(await reloaded("printf 'config dnsmasq\n\toption leasefile /tmp/odhcpd.leases\n' >/etc/config/dhcp; true"), ["delete"],
    "/etc/config/dhcp has come");
  assert.deepEqual(await reloaded("printf 'config dnsmasq\n' >/etc/config/dhcp"), hangUp, "the same files, said otherwise");
  assert.deepEqual(await reloaded("touch /tmp/dhcp.leases"), ["delete"]);
  assert.deepEqual(await reloaded("cp /root/isp.psk /tmp/new; mv /tmp/new /root/isp.psk"), ["delete"]);
  assert.deepEqual(await reloaded("true"), hangUp);
});

test("in a jail: the daemon owns its folders and keys and nothing else, and its copy of the configuration is not the world's", async () => {
  const router = routerWith({ jail: true, provider: {} });
  router.write("etc/dots-callhome/state.json", "{}");
  await router.run(`ln -s /etc/passwd /etc/dots-callhome/state.json.new; ${setUp}; ${init("start")}`);
  const owner = (path: string): number => lstatSync(join(router.root, path)).uid;
  assert.deepEqual(["etc/dots-callhome", "etc/dots-callhome/isp.psk", "etc/dots-callhome/state.json", "tmp/run/dots-callhome"].map(owner), [32768, 32768, 32768,
    32768]);
  assert.deepEqual(["etc/passwd", "etc/config/dots-callhome", "tmp/run/dots-callhome-config", "tmp/run"].map(owner), [0, 0, 0, 0]);
  const copy = statSync(join(router.root, "tmp/run/dots-callhome-config/dots-callhome"));
  assert.deepEqual([copy.uid, copy.gid, copy.mode & 0o777], [0, 32768, 0o640]);
  assert.equal(readlinkSync(join(router.root, "tmp/run/dots-callhome.sock")), "/var/run/dots-callhome/control.sock");
});

test("without ujail it runs as root and says so; a socket beside those of others means no jail", async () => {
  const plain = routerWith({ provider: {} });
  await plain.run(`${setUp}; ${init("start")}`);
  assert.ok(!plain.procd().some(([kind, name]) => kind === "jail" || name === "user"));
  assert.match(plain.log().join("\n"), /daemon\.notice runs as root and without a jail: procd-ujail/);
  const old = routerWith({ jail: true, provider: {} }); // uci-defaults has not run
  await old.run(init("start"));
  const message = old.procd();
  assert.ok(message.some(([kind]) => kind === "instance") && !message.some(([kind]) => kind === "jail"));
  assert.match(old.log().join("\n"), /daemon\.warn runs as root and without a jail: option control_socket/);
});

test("reload: SIGHUP; a restart where the jail must change; nothing where the configuration has errors", async () => {
  const router = routerWith({ jail: true, provider: {} });
  await router.run(`${setUp}; ${init("start")}`);
  router.procd();
  await router.run(init("reload"));
  assert.deepEqual(router.procd(), [["signal", "dots-callhome", "*", "HUP"]]);

  const config = router.read("etc/config/dots-callhome");
  router.write("etc/config/dots-callhome", config.replace("option consent 'ask'", "option consent 'maybe'"), 0o600);
  for (const action of ["reload", "restart"]) {
    router.log();
    assert.equal((await router.run(init(action))).code, 1);
    assert.deepEqual(router.procd(), []);
    assert.match(router.log().join("\n"), /consent.*maybe[^]*the daemon goes on as it was/);
  }
  assert.doesNotMatch(router.read("tmp/run/dots-callhome-config/dots-callhome"), /maybe/);

  router.write("etc/config/dots-callhome", config.replace("/etc/dots-callhome/isp.psk", "/root/isp.psk"), 0o600);
  router.write("root/isp.psk", "another key that nobody has\n", 0o600);
  await router.run(init("reload"));
  const restarted = router.procd();
  assert.deepEqual(restarted.slice(0, 2), [["delete"], ["set"]]);
  assert.ok(restarted.find(([kind]) => kind === "read-only")?.includes("/root/isp.psk"));

  router.write("etc/config/dots-callhome", config.replace("option enabled '1'", "option enabled '0'"), 0o600);
  await router.run(init("reload"));
  assert.deepEqual(router.procd(), [["set"], ["reload-trigger", "dots-callhome", "dhcp"]]); // procd stops a service without instances
});

/** What the daemon's command line was called with, in the background; nothing after some seconds in which it was not. */
const called = "for i in $(seq ${LONGEST:-10}); do [ -s /called ] && break; sleep 0.2; done; cat /called 2>/dev/null; rm -f /called";

test("hotplug: when NTP has put the clock right, the daemon is asked something, so that it notices", async () => {
  const router = routerWith();
  router.write("usr/bin/dots-callhome.played", '#!/bin/ash\necho "$@" >>/called\n', 0o755);
  const event = (action: string): string => `ACTION=${action} freq_drift_ppm=0 stratum=3 ash /etc/hotplug.d/ntp/90-dots-callhome; ${called}`;
  const quiet = await router.run(`mv /usr/bin/dots-callhome.played /usr/bin/dots-callhome; ${event("step")}`);
  assert.deepEqual([quiet.stdout, quiet.stderr], ["", ""]);
  await router.run(`node -e "require('net').createServer().listen('/var/run/dots-callhome.sock', () => process.kill(process.pid, 'SIGKILL'))"`);
  assert.equal((await router.run(`LONGEST=300; ${event("step")}`)).stdout, "status\n");
  assert.equal((await router.run(event("periodic"))).stdout, "");
});

test("hotplug: a WAN that comes up is dialled through at once, others are not, and without a daemon it is quiet", async () => {
  const router = routerWith();
  router.write("usr/bin/dots-callhome.played", '#!/bin/ash\necho "$@" >>/called\n', 0o755);
  const event = (device: string, action = "ifup"): string =>
    `ACTION=${action} INTERFACE=wan DEVICE=${device} ash /etc/hotplug.d/iface/90-dots-callhome; ${called}`;
  await router.run("uci add_list dots-callhome.@globals[0].wan_device=pppoe-wan; mv /usr/bin/dots-callhome.played /usr/bin/dots-callhome");
  const quiet = await router.run(event("pppoe-wan"));
  assert.deepEqual([quiet.stdout, quiet.stderr, router.log()], ["", "", []]);
  await router.run(`node -e "require('net').createServer().listen('/var/run/dots-callhome.sock', () => process.kill(process.pid, 'SIGKILL'))"`);
  assert.equal((await router.run(`LONGEST=300; ${event("pppoe-wan")}`)).stdout, "reconnect\n");
  for (const action of ["ifdown", "ifupdate"]) assert.equal((await router.run(event("pppoe-wan", action))).stdout, "", action);
  assert.equal((await router.run(event("eth9"))).stdout, "");
  assert.match(router.log().join("\n"), /daemon\.info wan \(pppoe-wan\) is up[^]*daemon\.warn wan uses eth9, but list wan_device .* names pppoe-wan/);
});
