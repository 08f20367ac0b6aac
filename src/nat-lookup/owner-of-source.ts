import { formatIpAddress, isSingleAddress } from "../model/ip-prefix.ts";
import type { AttackFlows } from "../model/mitigation-request.ts";
import { addressSet } from "./match/address-set.ts";
import type { HomeBorders } from "./match/match-flows.ts";
import type { NeighbourBook } from "./identity/neighbour-book.ts";
import type { Suspect } from "./match/suspects.ts";

/**
 * The devices that the reported source addresses belong to, where there is no NAT: their flows may have ended, but the address is
 * theirs. Prefixes wider than an address name nobody.
 */
export function ownerOfSource(
  asked: AttackFlows,
  home: HomeBorders,
  book: NeighbourBook,
): { suspects: readonly Suspect[]; why: readonly string[] } {
  const isInside = addressSet(home.inside);
  const isRouter = addressSet(home.router);
  const suspects = new Map<string, Suspect>();
  const why: string[] = [];
  for (const prefix of asked.source.prefixes) {
    if (!isSingleAddress(prefix)) continue;
    const address = formatIpAddress(prefix);
    if (!isInside(address) || isRouter(address)) continue;
    const mac = book.macOf(address);
    if (mac === null) {
      why.push(`${address} lies inside the home, but the neighbour table has ${claimantsOf(book, address)} for it`);
      continue;
    }
    const suspect = suspects.get(mac) ?? { mac, addresses: new Set<string>(), matches: [] };
    suspect.addresses.add(address);
    suspects.set(mac, suspect);
    why.push(`${address} is the own address of the device ${mac} (neighbour table), without NAT: likely this device`);
  }
  return { suspects: [...suspects.values()], why };
}

function claimantsOf(book: NeighbourBook, address: string): string {
  const claimants = book.claimants(address);
  return claimants === 0 ? "no device" : `${claimants} devices`;
}
