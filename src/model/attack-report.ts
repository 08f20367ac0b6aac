import type { IpPrefix } from "./ip-prefix.ts";
import type { IcmpTypeRange, PortRange } from "./number-range.ts";
import type { WallInstant } from "./time.ts";

/** RFC 9244 §8.1.5 'attack-severity': how the target fares. */
export const attackSeverities = ["none", "low", "medium", "high", "unknown"] as const;
export type AttackSeverity = (typeof attackSeverities)[number];

/** What an upstream knows of the attack that it asks us to stop (RFC 9244 §9.1). It decides nothing; the owner reads it. */
export interface AttackReport {
  readonly attacks: readonly AttackDetail[];
  /** Attack traffic at the target, by its own count; null = not said. */
  readonly bitsPerSecond: number | null;
  readonly packetsPerSecond: number | null;
}

export interface AttackDetail {
  /** The IANA enterprise number of the vendor whose attack-id it is. */
  readonly vendorId: number;
  readonly attackId: number;
  /** The class of the attack, in a language of the upstream's choice. Hostile text: escape it wherever it is shown. */
  readonly description: string | null;
  readonly severity: AttackSeverity | null;
  readonly startedAt: WallInstant | null;
  readonly endedAt: WallInstant | null;
  readonly talkers: readonly TopTalker[];
}

/** One of the top attack sources. Ports and types as seen from outside the home, behind its NAT. */
export interface TopTalker {
  readonly prefix: IpPrefix;
  readonly ports: readonly PortRange[];
  readonly icmpTypes: readonly IcmpTypeRange[];
  /** The address is forged: whose it is says nothing of the sender. */
  readonly isSpoofed: boolean;
}

/** What is known after a further report; what it leaves out stays as it was. */
export function updateReport(known: AttackReport | undefined, said: AttackReport): AttackReport {
  return {
    attacks: said.attacks.length > 0 ? said.attacks : known?.attacks ?? [],
    bitsPerSecond: said.bitsPerSecond ?? known?.bitsPerSecond ?? null,
    packetsPerSecond: said.packetsPerSecond ?? known?.packetsPerSecond ?? null,
  };
}
