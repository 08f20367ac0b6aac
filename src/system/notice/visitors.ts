import type { MacAddress } from "../../model/device.ts";
import type { Neighbour } from "../../model/home.ts";
import { between, milliseconds, steadyInstant, type Milliseconds, type SteadyClock } from "../../model/time.ts";
import { addressScope, formatIpAddress, parseIpAddress, prefixContains } from "../../model/ip-prefix.ts";
import type { HomeNetwork } from "../../model/ports.ts";

/** Who is at the other end of a connection. */
export interface Visitor {
  /** As the home writes it: without a zone, and IPv4 as IPv4. */
  readonly address: string;
  /** By the neighbour table: one, unless several claim the address. */
  readonly macs: readonly MacAddress[];
}

export interface Visitors {
  /** Undefined for who does not come from the home's own networks, or if that cannot be known. Never rejects. */
  identify(remoteAddress: string): Promise<Visitor | undefined>;
  /** The device behind an address, at once, by what the neighbour table said last; undefined if that did not know. */
  seenAs(remoteAddress: string): MacAddress | undefined;
}

export interface VisitorsDeps {
  readonly network: Pick<HomeNetwork, "addresses">;
  readonly lanDevices: () => Promise<readonly string[]>;
  readonly neighbours: () => Promise<readonly Neighbour[]>;
  readonly clock: SteadyClock;
}

/** Each answer is a process or two: a flood of connections must not become a flood of processes. */
const keptFor = { home: milliseconds(10_000), neighbours: milliseconds(3_000), unknown: milliseconds(500) };

/** By the networks of the LAN devices; a link-local address by the device that it was heard on. */
export function openVisitors({ network, lanDevices, neighbours, clock }: VisitorsDeps): Visitors {
  const readHome = keep(clock, async () => {
    const [{ inside }, devices] = await Promise.all([network.addresses(), lanDevices()]);
    return { inside, devices };
  });
  const home = (): ReturnType<typeof readHome> => readHome(keptFor.home);
  let seen: readonly Neighbour[] = [];
  const table = keep(clock, async () => {
    seen = await neighbours().catch(() => []);
    return seen;
  });
  return {
    seenAs(remoteAddress) {
      const [text = "", zone] = remoteAddress.split("%");
      const address = parseIpAddress(text);
      const written = address && formatIpAddress(address);
      return seen.find((entry) => entry.address === written && (zone === undefined || entry.device === zone))?.mac;
    },
    async identify(remoteAddress) {
      const [text = "", zone] = remoteAddress.split("%");
      const address = parseIpAddress(text);
      if (!address) return undefined;
      const known = await home().catch(() => undefined);
      const isLinkLocal = address.family === 6 && addressScope(address) === "linkLocal";
      const isHere = isLinkLocal
        ? zone !== undefined && known?.devices.includes(zone) === true
        : known?.inside.some((prefix) => prefixContains(prefix, address)) === true;
      if (!isHere) return undefined;
      const written = formatIpAddress(address);
      // Link-local addresses are one device's on each network only.
      const macsIn = (
        entries: readonly Neighbour[],
      ): MacAddress[] => [...new Set(entries.filter((entry) => entry.address === written && (!isLinkLocal || entry.device === zone)).map(({ mac }) => mac))];
      const macs = macsIn(await table(keptFor.neighbours));
      if (macs.length > 0) return { address: written, macs };
      // It speaks to us, so the kernel knows it by now.
      await new Promise<void>((resolve) => clock.after(keptFor.unknown, resolve));
      return { address: written, macs: macsIn(await table(keptFor.unknown)) };
    },
  };
}

/** Takes an answer that is no older than this many milliseconds, also one that is still to come; else asks. A failure is an answer. */
function keep<T>(clock: Pick<SteadyClock, "now">, ask: () => Promise<T>): (span: Milliseconds) => Promise<T> {
  let answer: Promise<T> | undefined;
  let at = steadyInstant(-Infinity);
  return (span) => {
    if (answer === undefined || between(at, clock.now()) >= span) {
      at = clock.now();
      answer = ask();
    }
    return answer;
  };
}
