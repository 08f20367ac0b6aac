import { formatIpAddress, formatIpPrefix, isSingleAddress } from "../../model/ip-prefix.ts";
import type { IpFamily, IpPrefix } from "../../model/ip-prefix.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";

const familyName: Record<IpFamily, string> = { 4: "ipv4", 6: "ipv6" };
const families: readonly IpFamily[] = [4, 6];

/** `conntrack -L` of a whole family. */
export function wholeListing(family: IpFamily): string[] {
  return ["-L", "-f", familyName[family]];
}

/**
 * The arguments of the `conntrack -L` calls that list every flow a request may mean: at most two an address family, one for flows
 * that the device opened (filtered by the reply tuple) and one for those that the target opened (by the original tuple).
 * conntrack 1.4 filters by a single value each, and by a prefix in the original tuple only; where a request has more, the
 * filter is left out, and where none is left, one listing serves both directions. Ports are never filtered: flows that differ in
 * them are what the owner is shown as "why not the others".
 */
export function listingArguments(asked: AttackFlows): string[][] {
  return families.flatMap((family) => {
    const sources = ofFamily(asked.source.prefixes, family);
    const targets = ofFamily(asked.target.prefixes, family);
    if (!sources || !targets) return [];
    const [protocol, secondProtocol] = asked.target.protocols;
    const list = [...wholeListing(family), ...(protocol === undefined || secondProtocol !== undefined ? [] : ["-p", String(protocol)])];

    const byReply = [...addressFilter("--reply-dst", sources), ...addressFilter("--reply-src", targets)];
    const byOriginal = [...prefixFilter("--orig-dst", sources), ...prefixFilter("--orig-src", targets)];
    if (byReply.length === 0 || byOriginal.length === 0) return [list];
    return [[...list, ...byReply], [...list, ...byOriginal]];
  });
}

/** A `conntrack -D` call, and the flows that it is for. */
export interface Deletion {
  readonly arguments: readonly string[];
  readonly device: IpPrefix;
  readonly opener: "device" | "target";
  /** Null: any target. */
  readonly target: IpPrefix | null;
}

/**
 * The `conntrack -D` calls that end all flows between a device's addresses and the targets (none = any target), whichever side opened
 * them. By the reply tuple for a single target, which holds for redirected flows too; for a wider one by the original tuple, since
 * conntrack 1.4 knows no prefixes in the reply tuple.
 */
export function deletionArguments(addresses: readonly IpPrefix[], targets: readonly IpPrefix[]): Deletion[] {
  return addresses.flatMap((device) => {
    const own = targets.filter((target) => target.family === device.family);
    if (targets.length === 0 || own.some((target) => target.length === 0)) return bothWays(device, null);
    return own.flatMap((target) => bothWays(device, target));
  });
}

function bothWays(device: IpPrefix, target: IpPrefix | null): Deletion[] {
  const address = formatIpAddress(device);
  const remove = ["-D", "-f", familyName[device.family]];
  const opened = target === null ? [] : isSingleAddress(target) ? ["--reply-src", formatIpAddress(target)] : ["--orig-dst", formatIpPrefix(target)];
  const served = target === null ? [] : ["--orig-src", formatAddressOrPrefix(target)];
  return [
    { device, target, opener: "device", arguments: [...remove, "--orig-src", address, ...opened] },
    { device, target, opener: "target", arguments: [...remove, "--reply-src", address, ...served] },
  ];
}

/** The prefixes of the family; undefined if the list has only others, so that no flow of the family can match. */
function ofFamily(prefixes: readonly IpPrefix[], family: IpFamily): readonly IpPrefix[] | undefined {
  const own = prefixes.filter((prefix) => prefix.family === family);
  return prefixes.length > 0 && own.length === 0 ? undefined : own;
}

function addressFilter(option: string, prefixes: readonly IpPrefix[]): string[] {
  const [only, second] = prefixes;
  return only && !second && isSingleAddress(only) ? [option, formatIpAddress(only)] : [];
}

function prefixFilter(option: string, prefixes: readonly IpPrefix[]): string[] {
  const [only, second] = prefixes;
  return only && !second && only.length > 0 ? [option, formatAddressOrPrefix(only)] : [];
}

function formatAddressOrPrefix(prefix: IpPrefix): string {
  return isSingleAddress(prefix) ? formatIpAddress(prefix) : formatIpPrefix(prefix);
}
