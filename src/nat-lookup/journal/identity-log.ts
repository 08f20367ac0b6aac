import type { MacAddress } from "../../model/device.ts";
import { between, type WallInstant } from "../../model/time.ts";
import type { FlowColumns } from "./journal-columns.ts";
import { neighbourBook, type KnownNeighbour } from "../identity/neighbour-book.ts";

/** Who had an address, from some moment on. */
export interface Identity {
  readonly address: string;
  mac: MacAddress | null;
  /** Hostile text. */
  name: string | null;
  since: WallInstant;
  /** When the neighbour table last said so. */
  confirmedAt: WallInstant;
}

export interface IdentityLog {
  /** The number of who has the address now; 0 = not known, and there is no room to ask. */
  of(family: 4 | 6, device: number, address: () => string, now: WallInstant): number;
  get(number: number): Identity | undefined;
  /** Whether there are addresses that the neighbour table has not been asked for yet. */
  readonly hasNew: boolean;
  /** Addresses that are in use now and nobody is known to have, a few. */
  unknown(most: number): readonly string[];
  /** The neighbour table and the names as they are now. */
  refresh(neighbours: readonly KnownNeighbour[], names: ReadonlyMap<MacAddress, string>, now: WallInstant): void;
  readonly size: number;
}

/** Addresses of the home, those that a device makes up included; some 200 bytes each. */
const mostIdentities = 2048;
/** An address whose MAC address becomes known so late may have had another before. */
const latestAnswer = 60_000; // milliseconds

/**
 * Remembers whose an address was. Asking for each flow would be too much: the neighbour table is read now and then, and what it says
 * holds for the flows that came since. Where an address has changed hands, what began between two readings is nobody's.
 */
export function createIdentityLog(columns: FlowColumns): IdentityLog {
  const identities = new Map<number, Identity>();
  /** The number of who has it now, by address. */
  const current = new Map<number, number>();
  const keyOf = (family: 4 | 6, device: number): number => (family === 6 ? 2 ** 32 + device : device);
  let lastNumber = 0;
  let hasNew = false;
  let full = false;

  const add = (identity: Identity): number => {
    if (identities.size >= mostIdentities) {
      full = true;
      return 0;
    }
    do lastNumber = lastNumber === 0xffff ? 1 : lastNumber + 1; while (identities.has(lastNumber));
    identities.set(lastNumber, identity);
    return lastNumber;
  };

  /** Forgets those that no flow remembers. */
  const clean = (): void => {
    const used = new Set<number>();
    for (let age = 0; age < columns.size; age += 1) used.add(columns.identity[columns.slotAt(age)] ?? 0);
    for (const number of identities.keys()) if (!used.has(number)) identities.delete(number);
    for (const [key, number] of current) if (!identities.has(number)) current.delete(key);
    full = false;
  };

  return {
    of(family, device, address, now) {
      const key = keyOf(family, device);
      const known = current.get(key);
      if (known !== undefined) return known;
      // A device that makes up addresses by the thousand must not cost us a string each.
      if (full) return 0;
      const number = add({ address: address(), mac: null, name: null, since: now, confirmedAt: now });
      if (number === 0) return 0;
      current.set(key, number);
      hasNew = true;
      return number;
    },
    get: (number) => identities.get(number),
    get hasNew() {
      return hasNew;
    },
    unknown(most) {
      const addresses: string[] = [];
      // The latest are the last.
      for (const number of [...current.values()].reverse()) {
        if (addresses.length >= most) break;
        const identity = identities.get(number);
        if (identity?.mac === null) addresses.push(identity.address);
      }
      return addresses;
    },
    refresh(neighbours, names, now) {
      const book = neighbourBook(neighbours);
      hasNew = false;
      for (const [key, number] of current) {
        const identity = identities.get(number);
        const mac = identity === undefined ? null : book.macOf(identity.address);
        if (!identity || mac === null) continue;
        const name = names.get(mac) ?? null;
        if (identity.mac === mac || (identity.mac === null && between(identity.since, now) <= latestAnswer)) {
          identity.mac = mac;
          identity.name = name ?? identity.name;
          identity.confirmedAt = now;
          continue;
        }
        const next = add({ address: identity.address, mac, name, since: now, confirmedAt: now });
        if (next !== 0) current.set(key, next);
        else current.delete(key);
        for (let age = 0; age < columns.size; age += 1) {
          const slot = columns.slotAt(age);
          if (columns.identity[slot] === number && (columns.firstSeen(slot) ?? 0) > identity.confirmedAt) columns.identity[slot] = 0;
        }
      }
      if (full || identities.size > mostIdentities * 3 / 4) clean();
    },
    get size() {
      return identities.size;
    },
  };
}
