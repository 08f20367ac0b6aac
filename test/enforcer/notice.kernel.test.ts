import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, test } from "node:test";
import { noticePort } from "../../src/enforcer/quarantine-chains.ts";
import { NftError, openNftables, spawnNft, type Statement } from "nftables-js";
import type { PacketFilter } from "../../src/model/ports.ts";
import { openPacketFilter } from "../../src/system/filter/packet-filter.ts";
import { patience } from "../patience.ts";
import { rule } from "./sample-rules.ts";
import { makeNetwork, type ThrowawayNetwork } from "./throwaway-network.ts";

/** Who is quarantined and asks for a web page is led to the router's notice page, and cannot make more of that than it is. */
let net: ThrowawayNetwork;
let filter: PacketFilter;
const servers: (() => Promise<void>)[] = [];
before(async () => {
  net = await makeNetwork("notice");
  await serve("router", noticePort, "why nothing works");
  await serve("router", 80, "the router's own page");
  await serve("target", 80, "the page that was asked for");
});
after(async () => {
  for (const stop of servers) await stop();
  await net.remove();
});
afterEach(() => filter.replaceRules([]));

const quarantined = rule({ action: "quarantine", addresses: ["192.168.1.23", "2001:db8:1::23"] });
const nftables = (): ReturnType<typeof openNftables> => openNftables(spawnNft({ command: [...net.enter("router"), "nft"] }));
const dropped = async (): Promise<number> => (await filter.readCounters()).get(17)?.packets ?? 0;

async function serve(place: "router" | "target", port: number, page: string): Promise<void> {
  const [program, ...before] = net.enter(place);
  const script = `require("node:http").createServer((_, answer) => answer.end(${JSON.stringify(page)})).listen(${port}, "::", () => console.log("ready"))`;
  const child = spawn(program, [...before, process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) =>
    child.once("close", () => {
      resolve();
    })
  );
  servers.push(() => {
    child.kill("SIGKILL");
    return ended;
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
}

/** What a browser there is shown, or "nothing". */
function browse(place: "camera" | "laptop", url: string): Promise<string> {
  const script = `const asked = require("node:http").get(process.argv[1], { agent: false, timeout: 4000 }, (answer) => answer.pipe(process.stdout));
    asked.on("timeout", () => asked.destroy()).on("error", () => console.log("nothing"))`;
  return net.run(place, process.execPath, "-e", script, url).then((text) => text.trim());
}

/** How many of so many connections, begun within a second or as fast as this machine can, are answered by when the last has begun and 20 are. */
async function connect(to: string, port: number, count: number): Promise<number> {
  const script = `const [to, port, count] = process.argv.slice(1);
    let open = 0, begun = 0;
    const begin = () => { begun++; require("node:net").connect(port, to).on("connect", () => open++).on("error", () => {}); };
    for (let at = 0; at < count; at++) setTimeout(begin, at * 1000 / count);
    const end = () => { console.log(open); process.exit(); };
    setInterval(() => { if (begun >= count && open >= 20) end(); }, 20);
    setTimeout(end, ${patience})`;
  return Number(await net.run("camera", process.execPath, "-e", script, to, String(port), String(count)));
}

test("whatever page a quarantined device asks for, it is shown the notice; others see what they ask for", async () => {
  filter = openPacketFilter(nftables());
  await filter.replaceRules([quarantined]);
  for (const url of ["http://198.51.100.9/", "http://[2001:db8:9::9]/hotspot-detect.html", "http://192.168.1.1/", "http://203.0.113.99/generate_204"]) {
    assert.equal(await browse("camera", url), "why nothing works", url);
  }
  // A page takes five packets and more; a multicast report of the device's own may be among what is dropped.
  assert.ok(await dropped() < 5, "what is answered is not dropped");
  for (const host of ["198.51.100.9", "[2001:db8:9::9]"]) assert.equal(await browse("laptop", `http://${host}/`), "the page that was asked for");
  assert.equal(await browse("laptop", "http://192.168.1.1/"), "the router's own page");
  assert.equal(await browse("camera", `http://198.51.100.9:${noticePort}/`), "nothing", "another port is another matter");
  await filter.replaceRules([]);
  assert.equal(await browse("camera", "http://198.51.100.9/"), "the page that was asked for");
});

test("a thousand connections a second do not all get through, and nothing of them reaches the target", async () => {
  filter = openPacketFilter(nftables());
  await filter.replaceRules([quarantined]);
  const began = performance.now();
  const open = await connect("198.51.100.9", 80, 1000);
  const most = 20 + 5 * (performance.now() - began) / 1000;
  assert.ok(open >= 20 && open <= most, `${open} connections, ${most} at most`);
  assert.ok(await dropped() >= 1000 - most, "the rest is dropped, and counted");
});

test("packets to the notice page are bounded too", async () => {
  filter = openPacketFilter(nftables());
  await filter.replaceRules([quarantined]);
  const began = performance.now();
  const open = await connect("192.168.1.1", noticePort, 1000);
  const most = 200 + 200 * (performance.now() - began) / 1000;
  assert.ok(open >= 20 && open <= most, `${open} connections, ${most} at most`);
  assert.ok(await dropped() >= 1000 - most, "the rest is dropped, and counted");
});

test("only while the page listens is anybody led to it", async () => {
  let isOpen = false;
  filter = openPacketFilter(nftables(), { isNoticeOpen: () => isOpen });
  await filter.replaceRules([quarantined]);
  assert.equal(await browse("camera", "http://198.51.100.9/"), "nothing");
  isOpen = true;
  await filter.replaceRules([quarantined]);
  assert.equal(await browse("camera", "http://198.51.100.9/"), "why nothing works");
  isOpen = false;
  await filter.replaceRules([quarantined]);
  assert.equal(await browse("camera", "http://198.51.100.9/"), "nothing");
});

test("without the device's MAC address, and after the quarantine has become a block, nobody is led anywhere", async () => {
  filter = openPacketFilter(nftables());
  await filter.replaceRules([{ ...quarantined, mac: null }]);
  assert.equal(await browse("camera", "http://198.51.100.9/"), "nothing");
  await filter.replaceRules([quarantined]);
  await filter.replaceRules([rule()]);
  assert.equal(await browse("camera", "http://198.51.100.9/"), "nothing", "blocked, not quarantined");
  assert.equal(await browse("camera", "http://[2001:db8:9::9]/"), "the page that was asked for");
});

test("a kernel that refuses: the quarantine holds without, and is not asked again", async () => {
  const real = nftables();
  let refusals = 0;
  const isRefused = (statement: Statement): boolean => "base" in statement && statement.base.type === "nat";
  filter = openPacketFilter({
    ...real,
    runTransaction(statements) {
      const refused = statements.find(isRefused);
      if (!refused) return real.runTransaction(statements);
      refusals += 1;
      return Promise.reject(new NftError("refused", "nft refused: Error: Could not process rule: Operation not supported", "", refused));
    },
  });
  await filter.replaceRules([quarantined]);
  assert.ok(refusals > 0);
  const before = refusals;
  for (const to of ["198.51.100.9", "192.168.1.1"]) assert.equal(await browse("camera", `http://${to}/`), "nothing");
  assert.equal(await browse("camera", `http://192.168.1.1:${noticePort}/`), "why nothing works");
  assert.ok(await dropped() > 0);
  await filter.replaceRules([quarantined, rule({ mitigation: 18, mac: "02:00:00:00:00:77", action: "quarantine" })]);
  assert.equal(refusals, before);
  assert.equal(await net.reaches("camera", "198.51.100.9"), false);
});
