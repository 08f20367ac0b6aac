import type { ChildProcess } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { patience } from "../patience.ts";
import { fillConntrack } from "./fill-conntrack.ts";
import { labMissing } from "./lab-missing.ts";
import { addressLines, hosts, labAddresses, leaseFile, linkLines, sysctls, uplinkLines, type Host } from "./lab-topology.ts";
import { expectSuccess, openNamespace, runTool, type Namespace } from "./namespace.ts";
import { claimLab, raiseConntrackMax, removeLab, removeStaleLabs } from "./remove-lab.ts";

export type { Namespace };
export { labAddresses, labMissing };

export interface LabOptions {
  /** Masquerading changes every source port and ICMP identifier. Default true. */
  readonly portShift?: boolean;
  /** The port that `setLoss` disturbs. Default 4647. */
  readonly dotsPort?: number;
}

export interface Lab extends Readonly<Record<Host, Namespace>> {
  /** `dch-PID-N`; a namespace is called `dch-PID-N-HOST`. */
  readonly name: string;
  /** `folder` is for whoever uses the lab, too; `destroy` removes it. `leases` is dnsmasq's lease file. */
  readonly files: { readonly folder: string; readonly leases: string };
  /** Adds entries to the router's connection table; they stay for an hour. */
  fillConntrack(entries: number): Promise<void>;
  /** Percent of the DOTS port's packets (UDP and TCP) lost between router and ISP, in each direction. 0 ends it. */
  setLoss(percent: number): Promise<void>;
  /** Kills whatever runs in the lab and leaves nothing behind. May be called twice. */
  destroy(): Promise<void>;
}

const here = fileURLToPath(new URL(".", import.meta.url));
/** How to take down the labs of this process in a hurry. */
const takeDown = new Map<string, () => void>();

export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const missing = labMissing();
  if (missing.length > 0) throw new Error(`The lab needs ${missing.join(", ")}`);
  cleanUpOnExit();
  removeStaleLabs();
  await expectSuccess("make -C test/lab", runTool("make", ["-s", "-C", here], { timeoutMs: 5 * patience }));

  const { name, folder } = claimLab();
  const children = new Set<ChildProcess>();
  const remove = () => {
    takeDown.delete(name);
    for (const child of children) child.kill("SIGKILL");
    removeLab(name);
  };
  takeDown.set(name, remove);
  const track = (child: ChildProcess) => {
    children.add(child);
    const forget = () => children.delete(child);
    child.once("exit", forget).once("error", forget);
  };
  const open = (host: Host) => openNamespace(`${name}-${host}`, track);
  const namespaces: Record<Host, Namespace> = {
    target: open("target"),
    isp: open("isp"),
    router: open("router"),
    camera: open("camera"),
    laptop: open("laptop"),
  };
  const leases = join(folder, "dhcp.leases");
  try {
    await build(namespaces, options);
    await writeFile(leases, leaseFile(new Date(Date.now() + 12 * 3600_000)));
  } catch (error) {
    remove();
    throw error;
  }

  let filled = 0;
  return {
    name,
    ...namespaces,
    files: { folder, leases },
    fillConntrack: async (entries) => {
      const first = filled;
      filled += entries;
      raiseConntrackMax(name, filled + 8192);
      await fillConntrack(namespaces.router, folder, first, entries);
    },
    setLoss: (percent) => setLoss(namespaces, percent, options.dotsPort ?? 4647),
    destroy: async () => {
      const ended = [...children].map((child) => new Promise((resolve) => child.once("exit", resolve)));
      remove();
      await Promise.all(ended);
    },
  };
}

async function build(namespaces: Record<Host, Namespace>, { portShift = true }: LabOptions): Promise<void> {
  const nameOf = (host: Host) => namespaces[host].name;
  await ipBatch([], hosts.map((host) => `netns add ${nameOf(host)}`));
  // The ruleset first: it loads conntrack, whose sysctls are set next, before there is a link to carry a packet.
  await loadRules(namespaces.router, "router.nft");
  if (portShift) await loadRules(namespaces.router, "router-port-shift.nft");
  await Promise.all(
    hosts.map((host) => {
      const finished = namespaces[host].run("sysctl", ["-q", "-e", "-w", ...sysctls[host]]);
      return expectSuccess(`sysctl in ${host}`, finished);
    }),
  );
  await ipBatch(["-n", nameOf("router")], linkLines(nameOf));
  await ipBatch(["-n", nameOf("isp")], uplinkLines(nameOf));
  await Promise.all(hosts.map((host) => ipBatch(["-n", nameOf(host)], addressLines[host])));
  await Promise.all(hosts.map((host) => waitForLinks(nameOf(host))));
}

/** The kernel may take a second to notice that both ends of a link are up; until then what is sent is lost. */
async function waitForLinks(namespace: string): Promise<void> {
  const deadline = performance.now() + patience;
  for (;;) {
    const output = await expectSuccess("ip link", runTool("ip", ["-n", namespace, "-j", "link"]));
    const links = JSON.parse(output) as { ifname: string; operstate: string }[];
    const down = links.filter(({ ifname, operstate }) => ifname !== "lo" && operstate !== "UP");
    if (down.length === 0) return;
    if (performance.now() > deadline) throw new Error(`${namespace}: ${down.map(({ ifname }) => ifname).join(", ")} not up`);
    await setTimeout(10);
  }
}

async function ipBatch(options: readonly string[], lines: readonly string[]): Promise<void> {
  await expectSuccess("ip -batch", runTool("ip", [...options, "-batch", "-"], { input: lines.join("\n") + "\n" }));
}

async function loadRules(router: Namespace, file: string): Promise<void> {
  await expectSuccess(`nft -f ${file}`, router.run("nft", ["-f", join(here, file)]));
}

/** Each end drops what arrives: dropping what leaves would tell the sender (EPERM), which real loss does not. */
async function setLoss({ router, isp }: Record<Host, Namespace>, percent: number, port: number): Promise<void> {
  const ends = [
    { namespace: router, arriving: `iifname "wan" meta l4proto { tcp, udp } th sport ${port}` },
    { namespace: isp, arriving: `iifname "customer" meta l4proto { tcp, udp } th dport ${port}` },
  ];
  await Promise.all(
    ends.map(({ namespace, arriving }) => {
      const rules = percent > 0 ? lossTable(arriving, percent) : "";
      const input = `table inet lab_loss\ndelete table inet lab_loss\n${rules}`;
      return expectSuccess("nft, for the loss", namespace.run("nft", ["-f", "-"], { input }));
    }),
  );
}

function lossTable(arriving: string, percent: number): string {
  return `table inet lab_loss {
	counter arrived { }
	counter lost { }
	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		${arriving} counter name arrived numgen random mod 1000 < ${Math.round(percent * 10)} counter name lost drop
	}
}
`;
}

let cleansUp = false;
function cleanUpOnExit(): void {
  if (cleansUp) return;
  cleansUp = true;
  const removeAll = () => {
    for (const remove of takeDown.values()) remove();
  };
  process.once("exit", removeAll);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => {
      removeAll();
      // Whoever else listens decides about the end; if nobody does, the signal does what it always does.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
}
