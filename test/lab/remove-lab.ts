import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patience } from "../patience.ts";
import { toolPath } from "./namespace.ts";

const namespaceFolder = "/run/netns";
const conntrackMax = "/proc/sys/net/netfilter/nf_conntrack_max";
const labName = /^dch-(\d+)-\d+(?=-|$)/;

let labsMade = 0;

/** Takes a name nobody uses, and its folder, which says who owns the lab. */
export function claimLab(): { name: string; folder: string } {
  for (;;) {
    const name = `dch-${process.pid}-${++labsMade}`;
    const folder = folderOf(name);
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw error;
    }
    writeFileSync(join(folder, "owner"), startOf(process.pid) ?? "");
    return { name, folder };
  }
}

/** Synchronous, so that it also works while the process exits. Removing what is gone already is no error. */
export function removeLab(name: string): void {
  for (const namespace of namespacesOf(name)) {
    killAllIn(namespace);
    ip(["netns", "delete", namespace]);
  }
  restoreConntrackMax(name);
  rmSync(folderOf(name), { recursive: true, force: true });
}

/** Labs whose process was killed before it could clean up. */
export function removeStaleLabs(): void {
  const names = new Set([...list(namespaceFolder), ...list(tmpdir())].map((entry) => labName.exec(entry)?.[0]));
  for (const name of names) if (name !== undefined && isStale(name)) removeLab(name);
}

/** The table's limit exists once for the whole machine: raised if too low, and remembered in the lab's folder. */
export function raiseConntrackMax(name: string, needed: number): void {
  const before = readFileSync(conntrackMax, "utf8").trim();
  if (Number(before) >= needed) return;
  const record = join(folderOf(name), "nf_conntrack_max");
  if (!existsSync(record)) writeFileSync(record, before);
  writeFileSync(conntrackMax, String(needed));
}

export function namespacesOf(name: string): string[] {
  return list(namespaceFolder).filter((entry) => entry.startsWith(`${name}-`));
}

function restoreConntrackMax(name: string): void {
  try {
    writeFileSync(conntrackMax, readFileSync(join(folderOf(name), "nf_conntrack_max")));
  } catch {
    // never raised, or no longer ours to set
  }
}

/** Also what the lab's own children started, such as the daemon's `nft -i`. */
function killAllIn(namespace: string): void {
  for (let pass = 0; pass < 10; pass++) {
    const pids = ip(["netns", "pids", namespace]).split("\n").filter(Boolean).map(Number);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it ended by itself
      }
    }
  }
}

function isStale(name: string): boolean {
  const start = startOf(Number(labName.exec(name)?.[1]));
  if (start === undefined) return true;
  try {
    const owner = readFileSync(join(folderOf(name), "owner"), "utf8");
    return owner !== "" && owner !== start; // another process has got the pid since
  } catch {
    return false; // being created
  }
}

/** When a process started (proc(5), field 22 of stat), so that a reused pid is not taken for the owner. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function folderOf(name: string): string {
  return join(tmpdir(), name);
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function ip(args: readonly string[]): string {
  try {
    return execFileSync("ip", args, {
      encoding: "utf8",
      timeout: patience,
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, PATH: toolPath },
    });
  } catch {
    return "";
  }
}
