import { readFileSync, writeFileSync } from "node:fs";

/** Settings of the kernel's connection tracking; a function, so that tests need no kernel. */
export interface ConntrackSettings {
  /** Undefined: the kernel has no such setting. */
  read(name: string): number | undefined;
  /** Whether it could be set. */
  write(name: string, value: number): boolean;
  /**
   * Sockets that are opened until the returned function is called get a receive buffer of this many bytes, unless they get more anyway.
   * The `-b` of conntrack 1.4.7 is of no use: it widens the wrong one of its sockets.
   */
  widenSockets(bytes: number): () => void;
}

const folder = "/proc/sys/net/netfilter";
const receiveBuffer = "/proc/sys/net/core/rmem_default";

const doNothing = (): void => undefined;

export const conntrackSettings: ConntrackSettings = {
  read(name) {
    try {
      const value = Number(readFileSync(`${folder}/${name}`, "utf8").trim());
      return Number.isFinite(value) ? value : undefined;
    } catch {
      return undefined;
    }
  },
  write(name, value) {
    try {
      writeFileSync(`${folder}/${name}`, String(value));
      return true;
    } catch {
      return false;
    }
  },
  widenSockets(bytes) {
    try {
      const before = readFileSync(receiveBuffer, "utf8").trim();
      if (Number(before) >= bytes) return doNothing;
      writeFileSync(receiveBuffer, String(bytes));
      return () => {
        writeFileSync(receiveBuffer, before);
      };
    } catch {
      return doNothing; // in a jail, say: then a flood is repaired by listings sooner
    }
  },
};

/** What stands in the way of the journal, for the owner; events are switched on where they are off. */
export function checkSettings(settings: ConntrackSettings): string[] {
  const warnings: string[] = [];
  // 2: events are made while somebody listens (since Linux 5.19).
  if (settings.read("nf_conntrack_events") === 0 && !settings.write("nf_conntrack_events", 1)) {
    warnings.push(
      "the router forgets connections that have ended, so a device is found only while it attacks: net.netfilter.nf_conntrack_events is 0 and cannot be set",
    );
  }
  if (settings.read("nf_conntrack_acct") === 0) {
    warnings.push("the router does not count the packets of connections, so nobody knows how much a device sent: set net.netfilter.nf_conntrack_acct to 1");
  }
  return warnings;
}
