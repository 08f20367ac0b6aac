import { count, openNarrator } from "./demo-narrator.ts";
import { labAddresses, labMissing } from "./lab.ts";
import { startAttack, startTransfer, type Attack, type Transfer } from "./scene-attack.ts";
import { findPrivate } from "./scene-privacy.ts";
import { playScene, type Scene } from "./scene.ts";
import { scopeOf } from "./start-peer.ts";
import { until } from "../until.ts";

const { camera, target, wan } = labAddresses;

const began = Date.now();
const tell = openNarrator(process.stdout, began);
const verdicts: { readonly good: boolean; readonly text: string }[] = [];
const judge = (good: boolean, text: string): void => {
  verdicts.push({ good, text });
};
/** The laptop shares its machine with all of the rest here. */
const longestPause = 1_000; // milliseconds

async function main(): Promise<number> {
  const missing = labMissing();
  if (missing.length > 0) {
    process.stderr.write(`The demo needs ${missing.join(", ")}. \`make demo\` as root installs what is missing.\n`);
    return 1;
  }
  process.stdout.write(`A camera in your home has been hijacked and attacks a stranger. Your internet provider (ISP)
notices, and asks your router to stop it. Watch what dots-callhome on the router does about it.

  camera 192.168.1.23 ──┐                          ┌── ISP 203.0.113.1: asks for help, by DOTS
  laptop 192.168.1.42 ──┴── router 203.0.113.7 ────┤
                            with dots-callhome     └── target 198.51.100.9: the stranger's server

Kernel, NAT, DTLS and nftables are real. The hosts are network namespaces of this machine, and
nothing leaves them. The ISP is played by test/peer: libcoap on OpenSSL, no code of the daemon's.
`);
  try {
    await playScene({ globals: { terminating_period: "4" } }, play);
  } catch (error) {
    process.stderr.write(`\nThe demo could not be played to its end. Expected: ${error instanceof Error ? error.message : String(error)}\n`);
    judge(false, "The scene was played to its end");
  }
  tell.chapter("What was to be shown");
  for (const { good, text } of verdicts) tell.verdict(good, text);
  const good = verdicts.every((verdict) => verdict.good);
  process.stdout.write(`\n${good ? "All of it happened" : "NOT all of it happened"}, in ${((Date.now() - began) / 1000).toFixed(0)} s.\n`);
  return good ? 0 : 1;
}

async function play(scene: Scene): Promise<void> {
  tell.chapter("1. A quiet evening");
  const stopTelling = tellMessages(scene);
  const transfer = await startTransfer(scene.lab);
  tell.say("laptop", `uploads something to ${target.v4}, and goes on with it all the time`);
  const meter = startMeter(transfer);
  await pass(2_000);

  const attack = await attackArrives(scene, meter);
  await stopsIt(scene, attack);
  await flowsAgain(scene, attack);
  await overIpv6(scene, meter);
  meter.stop();

  const { bytes, longestGapMs, broken } = await transfer.end();
  judge(broken === null && bytes > 0 && longestGapMs < longestPause,
    `The laptop noticed nothing: ${count(bytes / 1000)} kB to the same target, longest pause ${longestGapMs.toFixed(0)} ms`);
  const { events } = scene.peer;
  const heartbeats = events.filter(({ event, path, answered }) => event === "request" && path === "/.well-known/dots/hb" && answered === "2.04").length;
  judge(heartbeats > 0 && events.filter(({ event }) => event === "session").length === 1,
    "One session, dialled by the router, alive throughout; heartbeats in both directions");
  const found = findPrivate(events);
  judge(found.length === 0,
    found.length === 0 ? "Nothing of the home was told to the ISP: no LAN address, no MAC, no name" : `Told to the ISP: ${found.join("; ")}`);
  stopTelling();
}

async function attackArrives(scene: Scene, meter: Meter): Promise<Attack> {
  tell.chapter("2. The camera is hijacked");
  tell.say("camera", `floods ${target.v4} port 443 with UDP, 1,000 packets a second from 20 ports`);
  const attack = await startAttack(scene.lab);
  meter.watch(attack);
  const from = Date.now();
  await pass(2_500);
  const rate = attack.since(from) / 2.4;
  judge(rate > 500, `The attack arrived: ${count(rate)} packets/s at the target`);
  return attack;
}

async function stopsIt(scene: Scene, attack: Attack): Promise<void> {
  tell.chapter("3. The ISP sees where it comes from, as far as an ISP can see, and calls for help");
  const reported = await attack.reported({ "target-port-range": undefined }) as Reported;
  const ports = reported["source-port-range"];
  tell.say("ISP",
    `sees UDP from ${wan.v4}, ${ports.length} ports (${
      ports.slice(0, 4).map((range) => range["lower-port"]).join(", ")
    }, …), to ${target.v4}. It cannot see which device: the router has replaced address and ports (NAT).`);
  tell.say("router", "would know. Its owner can ask, too:");
  const sourcePorts = ports.flatMap((range) => ["--source-port", `${range["lower-port"]}`]);
  const why = await scene.daemon.cli("lookup", "--source", wan.v4, ...sourcePorts, "--target", target.v4, "--protocol", "udp");
  tell.show(
    `# dots-callhome lookup --source ${wan.v4} --source-port ${ports[0]?.["lower-port"] ?? 0} (… all ${ports.length}) --target ${target.v4} --protocol udp`,
    why.stdout,
  );
  const { accepted } = await scene.putAndObserve(1, reported);
  const mitigated = await scene.notified(1, ({ status }) => status === 2);
  await attack.stops(300);

  const isSure = async (): Promise<boolean> => (await scene.daemon.json("list") as Mitigation[])[0]?.devices[0]?.certainty === "exact";
  await until("the router has seen whose MAC address the packets bear", isSure);
  tell.chapter("4. What the router has found and done");
  const list = await scene.daemon.cli("list");
  tell.show("# dots-callhome list", list.stdout);
  const [mitigation] = await scene.daemon.json("list") as Mitigation[];
  const device = mitigation?.devices[0];
  tell.say("router", device
    ? `found ${
      device.name ?? "?"
    } (${device.mac}) on ${device.port}, first by its address, then for sure: the packets bear its MAC address. ${device.evidence.flows} flows, ${
      count(device.evidence.packets)
    } packets to the target in the connection table. It is blocked towards this target, and may go on with everything else.`
    : "found no device");
  tell.say("kernel", "holds this; each element ends by itself, even if the daemon dies:");
  tell.show("# nft list table inet dots_callhome", shortened(await scene.ruleset()));
  tell.show("# dots-callhome status", (await scene.daemon.cli("status")).stdout);

  const from = Date.now();
  await attack.stops(2_000);
  const last = attack.sink.reports.findLast((report) => report.event === "interval" && report.packets > 0)?.last_t ?? 0;
  const sent = scene.peer.events.find(({ n, event }) => event === "sent" && n === accepted.n)?.t ?? 0;
  const after = attack.since(from);
  judge(accepted.code === "2.01" && device?.mac === camera.mac && device.certainty === "exact",
    "The camera was found behind the NAT by what the ISP reported, and beyond doubt by its own packets");
  judge(after === 0, `The attack stopped: ${count(after)} packets in two seconds; the last one ${(last - sent).toFixed(0)} ms after the request was sent`);
  const observed = statuses(scene, 1);
  judge(observed.indexOf(1) >= 0 && observed.indexOf(1) < observed.indexOf(2) && (mitigated["pkts-dropped"] ?? 0) > 0,
    `The ISP was told: status ${observed.join(", then ")}; ${count(mitigated["pkts-dropped"] ?? 0)} packets dropped when status 2 was told`);
}

async function flowsAgain(scene: Scene, attack: Attack): Promise<void> {
  tell.chapter("5. The ISP has seen enough, and withdraws its request");
  await scene.peer.ask({ do: "heartbeat", "peer-hb-status": true });
  const stopped = Date.now();
  await scene.delete(1);
  tell.say("router", "blocks for 4 s more (120 s by default), in case the ISP thinks better of it");
  await scene.notified(1, ({ status }) => status === 5);
  const held = attack.since(stopped);
  await scene.notified(1, ({ status }) => status === 6);
  await attack.arrives();
  tell.say("router",
    "has let go: the traffic flows again. That is right: the router stops nothing on its own account, and nobody asks for it any more. In this lab the camera is still hijacked.");
  const from = Date.now();
  await pass(1_500);
  const again = attack.since(from) / 1.4;
  judge(held === 0 && statuses(scene, 1).join() === "1,2,5,6" && again > 500,
    `After the withdrawal: status 5, then 6, and then the traffic flows again: ${count(again)} packets/s`);
  await attack.end();
}

async function overIpv6(scene: Scene, meter: Meter): Promise<void> {
  tell.chapter("6. The same over IPv6, where the home has no NAT");
  tell.say("camera", `floods ${target.v6} port 443 from its own address`);
  const attack = await startAttack(scene.lab, { family: 6 });
  meter.watch(attack);
  await pass(1_000);
  const reported = await attack.reported() as Reported;
  tell.say("ISP", `sees UDP from ${reported["source-prefix"].join()} to ${target.v6} port 443`);
  await scene.putAndObserve(2, reported);
  await scene.notified(2, ({ status }) => status === 2);
  await attack.stops(300);
  const from = Date.now();
  await attack.stops(1_500);
  const [mitigation] = await scene.daemon.json("list") as Mitigation[];
  const [device] = mitigation?.devices ?? [];
  tell.say("router",
    `found ${device?.name ?? "nobody"} (${device?.mac ?? "?"}), ${
      device?.certainty === "exact" ? "for sure, by the MAC address on its packets" : "by its neighbour table"
    }`);
  judge(device?.mac === camera.mac && attack.since(from) === 0,
    `Over IPv6, too: the same camera found, ${count(attack.since(from))} packets in a second and a half`);
  await attack.end();
}

/** What drops the camera's packets; of the rest the names. */
function shortened(ruleset: string): string {
  const [first = "", ...blocks] = ruleset.trimEnd().replace(/\n\}$/, "").split(/\n(?=\t\w+ \S+ \{)/);
  const isShown = (block: string): boolean => block.includes(camera.mac) || /^\t(counter m1|chain forward) /.test(block);
  const others = blocks.filter((block) => !isShown(block)).map((block) => /^\t(\w+ \S+)/.exec(block)?.[1] ?? "");
  const rest = others.length > 0 ? [`\t# and, to record who else sends what was reported: ${others.join(", ")}`] : [];
  return [first, ...blocks.filter(isShown).map((block) => block.trimEnd()), ...rest, "}"].join("\n");
}

interface Reported {
  readonly "source-prefix": readonly string[];
  readonly "source-port-range": readonly { readonly "lower-port": number }[];
  readonly "target-port-range": unknown;
}

interface Mitigation {
  readonly devices: readonly {
    readonly mac: string;
    readonly name: string | null;
    readonly port: string;
    readonly certainty: string;
    readonly evidence: { readonly flows: number; readonly packets: number };
  }[];
}

/** Which statuses the observing ISP was told, repetitions aside. */
function statuses({ peer }: Scene, mid: number): number[] {
  const told = peer.events.filter(({ event }) => event === "answer" || event === "notification").map(scopeOf)
    .filter((scope) => scope.mid === mid && scope.status !== undefined).map(({ status = 0 }) => status);
  return told.filter((status, at) => status !== told[at - 1]);
}

function tellMessages({ peer }: Scene): () => void {
  let told = 0;
  const tellNew = (): void => {
    for (; told < peer.events.length; told++) tell.message(peer.events[told] ?? { event: "", t: 0 });
  };
  const timer = setInterval(tellNew, 20);
  tell.catchUp = tellNew;
  tellNew();
  return () => {
    clearInterval(timer);
    tellNew();
  };
}

interface Meter {
  watch(attack: Attack): void;
  stop(): void;
}

/** A line a second: what arrives at the target of the attack, and of the laptop. */
function startMeter({ client }: Transfer): Meter {
  let attack: Attack | undefined;
  let seen = 0;
  let moved = client.reports.at(-1)?.bytes ?? 0;
  const timer = setInterval(() => {
    const reports = attack?.sink.reports ?? [];
    const packets = reports.slice(seen).filter(({ event }) => event === "interval").reduce((sum, report) => sum + report.packets, 0);
    seen = reports.length;
    const bytes = client.reports.at(-1)?.bytes ?? 0;
    tell.rate(packets, bytes - moved);
    moved = bytes;
  }, 1_000);
  return {
    watch(next) {
      attack = next;
      seen = 0;
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}

/** The scene's pace, for whoever watches; what is waited for is waited for as an event. */
function pass(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

process.exitCode = await main();
