// Start, upgrade, downgrade and removal: the real daemon from the unpacked package, as the user and with the capability that its jail
// gives it (by setpriv; ujail itself is OpenWrt's), with the kernel's own nftables.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { addProvider, playRouter, type PlayedRouter } from "./played-router.ts";

const oldState = readFileSync(new URL("state-0.1.json", import.meta.url), "utf8");
const routers: PlayedRouter[] = [];
after(() => {
  for (const router of routers) router.remove();
});
function installed(state?: string): PlayedRouter {
  const router = playRouter({ jail: true });
  routers.push(router);
  addProvider(router);
  if (state !== undefined) router.write("etc/dots-callhome/state.json", state, 0o600);
  return router;
}

const start = `ip link set lo up
(cd /etc/uci-defaults && ash ./90-dots-callhome)
ash /etc/rc.common /etc/init.d/dots-callhome start
command=$(sed -n 's/^param\tcommand\t//p' /procd/message | tr '\t' ' ')
caps=-all,+net_admin,+net_bind_service
setpriv --reuid 32768 --regid 32768 --clear-groups --bounding-set $caps --inh-caps $caps --ambient-caps $caps --no-new-privs $command 2>/daemon.log &
echo $! >/procd/pid
for i in $(seq 3000); do [ -S /var/run/dots-callhome.sock ] && break; sleep 0.1; done
`;
const stop = "kill $(cat /procd/pid); wait; echo; cat /daemon.log";

/** Runs commands while the daemon runs; fails with its log. */
async function whileRunning(router: PlayedRouter, script: string, end = stop): Promise<string> {
  const { code, stdout, stderr } = await router.run(start + script + "\n" + end);
  assert.equal(code, 0, `${stdout}${stderr}${existsSync(join(router.root, "daemon.log")) ? router.read("daemon.log") : ""}`);
  return stdout;
}

test("check accepts the configuration as it is shipped", async () => {
  const router = playRouter();
  routers.push(router);
  const { code, stdout, stderr } = await router.run("dots-callhome check");
  assert.deepEqual([code, stdout], [0, "/etc/config/dots-callhome: fine, 0 upstreams\n"], stderr);
});

test("the daemon runs as its own user with two capabilities; root speaks to it at the default path too", async () => {
  const router = installed();
  const out = await whileRunning(router, `
    dots-callhome status --json
    echo '{"id":1,"method":"devices"}' | node -e "const s=require('net').connect('/var/run/dots-callhome.sock');process.stdin.pipe(s).pipe(process.stdout)"
    grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' /proc/$(cat /procd/pid)/status
    stat -c '%a %u' /var/run/dots-callhome/control.sock
    kill -HUP $(cat /procd/pid); for i in $(seq 3000); do grep -q reloaded /daemon.log && break; sleep 0.1; done`);
  assert.match(out, /"name": ?"isp"/);
  assert.match(out, /\{"id":1,"result":\{"devices":\[\]\}\}/);
  assert.match(out, /Uid:\t32768\t[^]*CapEff:\t0000000000001400\nCapBnd:\t0000000000001400\nNoNewPrivs:\t1\n600 32768\n/);
  assert.match(out, /configuration reloaded[^]*stopped/);
  assert.doesNotMatch(out, /error:/);
  assert.ok(!existsSync(join(router.root, "tmp/run/dots-callhome/control.sock")));
});

test("SIGHUP while it starts is kept until it runs: it must not end it, and in a jail, whose process 1 it is, not be lost", async () => {
  const router = installed();
  // As soon as the kernel shows that the signal (bit 0 of the mask) has a handler, which should be before the daemon runs.
  const hangUp = `for i in $(seq 3000); do grep -q 'SigCgt.*[13579bdf]$' /proc/$(cat /procd/pid)/status && break; sleep 0.02; done
grep -q 'runs with' /daemon.log || echo early; kill -HUP $(cat /procd/pid)`;
  const [begin, wait] = start.split("\nfor ");
  let early = false;
  for (let attempt = 0; attempt < 5 && !early; attempt++) { // on a busy machine this shell may look too late
    router.procd();
    const { stdout } = await router.run(
      `${begin ?? ""}\n${hangUp}\nfor ${wait ?? ""}\nfor i in $(seq 3000); do grep -q reloaded /daemon.log && break; sleep 0.1; done\n${stop}`,
    );
    assert.match(stdout, /runs with 1 upstream[^]*configuration reloaded[^]*stopped/);
    early = stdout.startsWith("early\n");
  }
  assert.ok(early, "the handler came after the start");
});

test("upgrade: the memory of version 0.1 is read, what it blocked is blocked again, and nothing is lost", async () => {
  const router = installed(oldState);
  const out = await whileRunning(router, `
    dots-callhome list --json; dots-callhome devices --json; dots-callhome history --json
    for i in $(seq 3000); do nft list table inet dots_callhome 2>/dev/null && break; sleep 0.1; done`);
  assert.match(out, /"id": ?7,[^]*"state": ?"active"/);
  assert.match(out, /"policy": ?"auto"/);
  assert.match(out, /"event": ?"approved"/);
  assert.match(out, /table inet dots_callhome[^]*198\.51\.100\.9/);
  assert.equal((JSON.parse(router.read("etc/dots-callhome/state.json")) as { nextId: number }).nextId, 8);
});

test("downgrade: a memory of a newer version is set aside with a warning, and the daemon runs", async () => {
  const newer = oldState.replace('"format":1', '"format":99');
  const router = installed(newer);
  const out = await whileRunning(router, "dots-callhome status --json; dots-callhome list --json");
  assert.match(out, /"warnings": ?\[[^\]]*state\.json[^\]]*format/);
  assert.match(out, /warn: .*state\.json/);
  assert.match(out, /^\[\]$/m);
  const aside = readdirSync(join(router.root, "etc/dots-callhome")).filter((name) =>
    name.startsWith("state.json") && router.read(`etc/dots-callhome/${name}`) === newer
  );
  assert.equal(aside.length, 1);
});

test("removal leaves no table, no socket, no memory; the configuration and the owner's key stay", async () => {
  const router = installed(oldState);
  const out = await whileRunning(router, "for i in $(seq 3000); do nft list table inet dots_callhome >/dev/null 2>&1 && break; sleep 0.1; done", `
    chmod 755 /etc/rc.common; sed -i '1s,.*,#!/bin/ash /etc/rc.common,' /etc/init.d/dots-callhome
    nft list tables; nft add table inet fw4; echo now; /usr/lib/dots-callhome/remove-traces; echo gone; nft list tables; ls -A /tmp/run /etc/dots-callhome`);
  assert.match(out, /table inet dots_callhome\nnow\ngone\ntable inet fw4\n/);
  assert.match(out, /\/etc\/dots-callhome:\nisp\.psk\n/);
  assert.doesNotMatch(out, /state\.json|\.sock/);
  assert.match(router.read("etc/config/dots-callhome"), /psk_identity 'cpe-0001'/);
});

test("an upgrade does not run the removal", async () => {
  const router = installed(oldState);
  const script = readFileSync(join(router.root, "../control/prerm-pkg"), "utf8");
  router.write("prerm-pkg", script);
  assert.equal(
    (await router.run(
      "nft add table inet dots_callhome; PKG_UPGRADE=1 ash /prerm-pkg && nft list table inet dots_callhome && ls /etc/dots-callhome/state.json",
    )).code,
    0,
  );
  assert.equal((await router.run("nft add table inet dots_callhome; PKG_UPGRADE=0 ash /prerm-pkg; nft list table inet dots_callhome")).code, 1);
  assert.ok(!existsSync(join(router.root, "etc/dots-callhome/state.json")));
});
