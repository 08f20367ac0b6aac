import { formatIpPrefix, parseIpPrefix, prefixesOverlap, type IpPrefix } from "../../model/ip-prefix.ts";
import type { MitigationRequest } from "../../model/mitigation-request.ts";
import type { NumberRange } from "../../model/number-range.ts";
import { badRequest, type Refusal } from "../../model/refusal.ts";
import { seconds, type Seconds } from "../../model/time.ts";
import { BodyError } from "../cbor/body-error.ts";
import { readBody, type TypeOf } from "../cbor/schema.ts";
import { MitigationBody } from "./messages.ts";
import { parseAttackReport } from "./parse-attack-report.ts";

/** A PUT to 'mitigate', read. `lifetime` is null where an efficacy update leaves it out (RFC 9132 figure 16). */
export interface ReadMitigation {
  readonly asked: Omit<MitigationRequest, "lifetime">;
  readonly lifetime: Seconds | null;
  /** 1 = still under attack, 2 = attack not seen any more; null unless it is an efficacy update (§4.4.3). */
  readonly attackStatus: 1 | 2 | null;
}

type Scopes = TypeOf<typeof MitigationBody>["mitigationScope"]["scope"];

/** Wire to model: all that RFC 9132 §4.4.1, RFC 9066 §5.3.1 and RFC 9244 §9.1 demand of a request by itself. */
export function parseMitigation(upstream: string, cuid: string, mid: number, payload: Uint8Array): ReadMitigation | Refusal {
  try {
    return readScopes(upstream, cuid, mid, readBody(MitigationBody, payload).mitigationScope.scope);
  } catch (error) {
    if (error instanceof BodyError) return badRequest(error.message);
    throw error;
  }
}

function readScopes(upstream: string, cuid: string, mid: number, [scope, second]: Scopes): ReadMitigation | Refusal {
  if (!scope || second) return badRequest("exactly one entry in 'scope' expected");
  // RFC 9066 §5.3.1: a Call Home request cannot wait for a trigger.
  if (scope.triggerMitigation === false) return badRequest("trigger-mitigation false: only immediate requests are served");
  // RFC 9132 §4.4.1.3: no alias was ever created, for there is no data channel.
  if (scope.aliasName) return badRequest("alias-name: no such alias");
  if (!scope.sourcePrefix) return badRequest("source-prefix is missing");
  if (!scope.targetPrefix) return badRequest("target-prefix is missing");
  if (scope.lifetime === 0) return badRequest("lifetime 0 is not valid");
  if (scope.lifetime === undefined && scope.attackStatus === undefined) return badRequest("lifetime is missing");
  const special = [...scope.sourcePrefix, ...scope.targetPrefix].find(isSpecial);
  if (special) return badRequest(`${formatIpPrefix(special)} includes broadcast, loopback, multicast or unspecified addresses`);
  const families = new Set(scope.sourcePrefix.map(({ family }) => family));
  if (!scope.targetPrefix.some(({ family }) => families.has(family))) return badRequest("source-prefix and target-prefix have no address family in common");
  const targetPorts = readRanges(scope.targetPortRange ?? []);
  const sourcePorts = readRanges(scope.sourcePortRange ?? []);
  const icmpTypes = readRanges((scope.sourceIcmpTypeRange ?? []).map((range) => ({ lowerPort: range.lowerType, upperPort: range.upperType })));
  if (!targetPorts || !sourcePorts || !icmpTypes) return badRequest("a range whose upper bound is below its lower bound");
  const report = parseAttackReport(scope);
  return {
    asked: {
      upstream,
      cuid,
      mid,
      ...(report ? { report } : {}),
      target: {
        prefixes: scope.targetPrefix,
        ports: targetPorts,
        protocols: scope.targetProtocol ?? [],
        fqdns: scope.targetFqdn ?? [],
        uris: scope.targetUri ?? [],
      },
      source: { prefixes: scope.sourcePrefix, ports: sourcePorts, icmpTypes },
    },
    lifetime: scope.lifetime === undefined ? null : seconds(scope.lifetime),
    attackStatus: scope.attackStatus === undefined ? null : scope.attackStatus === 1 ? 1 : 2,
  };
}

/** RFC 9132 §4.4.1.1, RFC 9066 §5.3.1: these MUST NOT be in a prefix list. Link-local ones may. */
const specialPrefixes: readonly IpPrefix[] = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "ff00::/8"]
  .map(parseIpPrefix).filter((prefix) => prefix !== undefined);

function isSpecial(prefix: IpPrefix): boolean {
  return specialPrefixes.some((special) => prefixesOverlap(special, prefix));
}

function readRanges(ranges: readonly { lowerPort: number; upperPort?: number | undefined }[]): NumberRange[] | undefined {
  const read = ranges.map((range) => ({ lower: range.lowerPort, upper: range.upperPort ?? range.lowerPort }));
  return read.every((range) => range.lower <= range.upper) ? read : undefined;
}
