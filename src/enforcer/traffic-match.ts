import { longestTimeout } from "nftables-js";
import type { EnforcementRule } from "../model/enforcement.ts";
import { formatIpAddress, isSingleAddress, parseIpAddress, prefixContains } from "../model/ip-prefix.ts";
import type { IpFamily, IpPrefix } from "../model/ip-prefix.ts";
import { ipProtocol, portProtocols } from "../model/ip-protocol.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { MitigationId } from "../model/mitigation.ts";
import { mergeRanges } from "../model/number-range.ts";
import type { NumberRange } from "../model/number-range.ts";
import { seconds, type Seconds } from "../model/time.ts";
import { parseMac } from "../model/device.ts";

/** How packets of a device are told: by what they carry as sender, or (quarantine) as receiver. */
export type Selector =
  | { readonly by: "mac"; readonly key: string }
  | { readonly by: "source" | "destination"; readonly family: IpFamily; readonly key: string };

/** One kind of traffic; an empty list does not restrict. */
export interface Service {
  readonly protocols: readonly number[];
  readonly ports: readonly NumberRange[];
  readonly icmpTypes: readonly NumberRange[];
  /** Only traffic as seen outside is told by them. */
  readonly sourcePorts?: readonly NumberRange[];
}

/** What one mitigation claims of one device's traffic in one address family. */
export interface Claim {
  readonly mitigation: MitigationId;
  readonly selector: Selector;
  readonly family: IpFamily;
  /** Destinations, disjoint. The prefix of length 0 stands for every one. */
  readonly prefixes: readonly IpPrefix[];
  /** Alternatives, disjoint. */
  readonly services: readonly Service[];
  /** Packets a second that may still pass; null: none. */
  readonly allowed: number | null;
  /** Whole seconds, at least 1. */
  readonly timeout: Seconds;
  /** For a quarantine. */
  readonly isQuarantine?: true;
}

/** A rule that no caller should have made. */
export class InvalidRule extends Error {
  override readonly name = "InvalidRule";
}

export const everywhere: Readonly<Record<IpFamily, IpPrefix>> = { 4: { family: 4, bits: 0n, length: 0 }, 6: { family: 6, bits: 0n, length: 0 } };
const anyService: readonly Service[] = [{ protocols: [], ports: [], icmpTypes: [] }];

/** What a rule claims; nothing once its time is up. Throws InvalidRule. */
export function claimsOf(rule: EnforcementRule): readonly Claim[] {
  checkRule(rule);
  const timeout = Math.min(Math.ceil(rule.timeout), longestTimeout);
  if (timeout <= 0) return [];
  return rule.action === "quarantine" ? quarantineClaims(rule, seconds(timeout)) : targetClaims(rule, seconds(timeout));
}

function targetClaims(rule: EnforcementRule, timeout: Seconds): Claim[] {
  const allowed = rule.action === "limit" ? rule.packetsPerSecond : null;
  // The same for all devices of a mitigation: worked out once.
  const traffic = new Map(([4, 6] as const).map((family) => [family, {
    prefixes: rule.target.prefixes.length === 0 ? [everywhere[family]] : disjointOnce(rule.target.prefixes)[family],
    services: servicesOnce(rule.target, rule.icmpTypes)[family],
  }]));
  return senders(rule).flatMap(({ selector, families }) =>
    families.flatMap((family) => {
      const { prefixes = [], services = [] } = traffic.get(family) ?? {};
      return prefixes.length === 0 || services.length === 0 ? [] : [{ mitigation: rule.mitigation, selector, family, prefixes, services, allowed, timeout }];
    })
  );
}

// Whatever the target: nothing from the device is forwarded, and nothing to it.
function quarantineClaims(rule: EnforcementRule, timeout: Seconds): Claim[] {
  // A chain at the forward hook sees the sender's MAC address only; a receiver is known by its addresses.
  const receivers = addressesOf(rule).map((address) => ({
    selector: { by: "destination", family: address.family, key: formatIpAddress(address) } as const,
    families: [address.family],
  }));
  return [...senders(rule), ...receivers].flatMap(({ selector, families }) =>
    families.map((family) => (
      {
        mitigation: rule.mitigation,
        selector,
        family,
        prefixes: [everywhere[family]],
        services: anyService,
        allowed: null,
        timeout,
        isQuarantine: true,
      } as const
    ))
  );
}

function senders(rule: EnforcementRule): { selector: Selector; families: readonly IpFamily[] }[] {
  if (rule.mac !== null) return [{ selector: { by: "mac", key: rule.mac }, families: [4, 6] }];
  return addressesOf(rule).map((address) => (
    { selector: { by: "source", family: address.family, key: formatIpAddress(address) }, families: [address.family] }
  ));
}

/**
 * The traffic that protocols, ports and ICMP types describe together. Ports restrict the protocols that have ports and
 * say nothing of others; without protocols they mean all that have ports. So do ICMP types with ICMP.
 */
export function servicesOf(
  target: Pick<AttackTarget, "protocols" | "ports">,
  types: readonly NumberRange[],
  family: IpFamily,
  from: readonly NumberRange[] = [],
): readonly Service[] {
  const ports = mergeRanges(target.ports);
  const sourcePorts = mergeRanges(from);
  const isPorted = ports.length > 0 || sourcePorts.length > 0;
  const icmpTypes = mergeRanges(types);
  const icmp = family === 4 ? ipProtocol.icmp : ipProtocol.icmpv6;
  const asked = [...new Set(target.protocols)];
  if (asked.length === 0 && isPorted) asked.push(...portProtocols);
  if (target.protocols.length === 0 && icmpTypes.length > 0) asked.push(icmp);
  if (asked.length === 0) return anyService;

  const withPorts = isPorted ? asked.filter((protocol) => portProtocols.includes(protocol)) : [];
  const withTypes = icmpTypes.length > 0 ? asked.filter((protocol) => protocol === icmp) : [];
  const plain = asked.filter((protocol) => !withPorts.includes(protocol) && !withTypes.includes(protocol));
  return [
    { protocols: withPorts, ports, icmpTypes: [], ...(sourcePorts.length > 0 ? { sourcePorts } : {}) },
    { protocols: withTypes, ports: [], icmpTypes },
    { protocols: plain, ports: [], icmpTypes: [] },
  ].filter(({ protocols }) => protocols.length > 0).map((service) => ({ ...service, protocols: service.protocols.sort((a, b) => a - b) }));
}

/** As `servicesOf`, for both families; for as long as the target lives. */
export function servicesOnce(target: AttackTarget, types: readonly NumberRange[],
  from: readonly NumberRange[] = noRanges): Readonly<Record<IpFamily, readonly Service[]>> {
  const known = knownServices.get(target) ?? [];
  const before = known.find((each) => each.types === types && each.from === from);
  if (before) return before.services;
  const services = { 4: servicesOf(target, types, 4, from), 6: servicesOf(target, types, 6, from) };
  // As a rule has them, and as a report has them.
  knownServices.set(target, [{ types, from, services }, ...known.slice(0, 3)]);
  return services;
}

const noRanges: readonly NumberRange[] = [];
const knownServices = new WeakMap<
  AttackTarget,
  readonly {
    readonly types: readonly NumberRange[];
    readonly from: readonly NumberRange[];
    readonly services: Readonly<Record<IpFamily, readonly Service[]>>;
  }[]
>();

/** As `disjointPrefixes`, of both families; for as long as the list lives. */
export function disjointOnce(prefixes: readonly IpPrefix[]): Readonly<Record<IpFamily, readonly IpPrefix[]>> {
  const known = knownDisjoint.get(prefixes) ?? { 4: disjointPrefixes(prefixes, 4), 6: disjointPrefixes(prefixes, 6) };
  knownDisjoint.set(prefixes, known);
  return known;
}

const knownDisjoint = new WeakMap<readonly IpPrefix[], Readonly<Record<IpFamily, readonly IpPrefix[]>>>();

/** Those of the family, without the ones that lie within another. */
export function disjointPrefixes(prefixes: readonly IpPrefix[], family: IpFamily): IpPrefix[] {
  const kept: IpPrefix[] = [];
  const sorted = prefixes.filter((prefix) => prefix.family === family)
    .sort((a, b) => a.length - b.length || (a.bits < b.bits ? -1 : 1));
  for (const prefix of sorted) if (!kept.some((wider) => prefixContains(wider, prefix))) kept.push(prefix);
  return kept;
}

function addressesOf(rule: EnforcementRule): IpPrefix[] {
  const addresses = rule.addresses.map((text) => {
    const address = parseIpAddress(text);
    if (!address || !isSingleAddress(address)) throw new InvalidRule(`mitigation ${rule.mitigation}: ${JSON.stringify(text.slice(0, 60))} is not an address`);
    return address;
  });
  return [...new Map(addresses.map((address) => [formatIpAddress(address), address])).values()];
}

function checkRule(rule: EnforcementRule): void {
  checkTraffic({ ...rule, ports: rule.target.ports });
  if (rule.mac === null ? rule.addresses.length === 0 : parseMac(rule.mac) !== rule.mac)
    throw new InvalidRule(`mitigation ${rule.mitigation}: neither a MAC address nor an address`);
}

/** What rules on devices and on reported traffic have in common. Throws InvalidRule. */
export function checkTraffic(rule: {
  readonly mitigation: MitigationId;
  readonly action: string;
  readonly timeout: Seconds;
  readonly packetsPerSecond: number;
  readonly target: AttackTarget;
  readonly ports: readonly NumberRange[];
  readonly icmpTypes: readonly NumberRange[];
}): void {
  const complain = (what: string): never => {
    throw new InvalidRule(`mitigation ${rule.mitigation}: ${what}`);
  };
  const within = (values: readonly number[], highest: number): boolean => values.every((value) => Number.isInteger(value) && value >= 0 && value <= highest);
  const rangesWithin = (ranges: readonly NumberRange[], highest: number): boolean => (
    ranges.every(({ lower, upper }) => lower <= upper && within([lower, upper], highest))
  );
  if (!Number.isSafeInteger(rule.mitigation) || rule.mitigation < 0) complain("not an id");
  if (!Number.isFinite(rule.timeout) || rule.timeout < 0) complain("every rule needs a time-out");
  if (!within(rule.target.protocols, 255)) complain("not a protocol number");
  if (!rangesWithin(rule.ports, 65535)) complain("not a port range");
  if (!rangesWithin(rule.icmpTypes, 255)) complain("not an ICMP type range");
  if (rule.action === "limit" && !(within([rule.packetsPerSecond], 0xffff_ffff) && rule.packetsPerSecond > 0)) complain("not a packet rate");
}
