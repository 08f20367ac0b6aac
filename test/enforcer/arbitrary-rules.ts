import fc from "fast-check";
import type { EnforcementRule } from "../../src/model/enforcement.ts";
import { formatIpAddress, parseIpPrefix } from "../../src/model/ip-prefix.ts";
import type { IpPrefix } from "../../src/model/ip-prefix.ts";
import type { NumberRange } from "../../src/model/number-range.ts";
import { seconds } from "../../src/model/time.ts";

function arbitraryPrefix(lengths: { min: number }): fc.Arbitrary<IpPrefix> {
  const of = (family: 4 | 6, longest: 32 | 128, hosts: bigint, base: bigint): fc.Arbitrary<IpPrefix> => (
    // Few addresses, so that prefixes collide, and a few that are anything.
    fc.tuple(fc.oneof(fc.bigInt(0n, 15n).map((host) => base + host), fc.bigInt(0n, hosts)), fc.integer({ min: Math.min(lengths.min, longest), max: longest }))
      .map(([bits, length]) => ({ family, bits: (bits >> BigInt(longest - length)) << BigInt(longest - length), length }))
  );
  return fc.oneof(of(4, 32, 0xffff_ffffn, 0xc633_6400n), of(6, 128, (1n << 128n) - 1n, parseIpPrefix("2001:db8::")?.bits ?? 0n));
}

const arbitraryRange = (highest: number): fc.Arbitrary<NumberRange> => (
  fc.oneof(fc.constantFrom(0, 1, 80, 81, highest), fc.nat(highest)).chain((lower) => (
    fc.oneof(fc.constant(lower), fc.integer({ min: lower, max: highest })).map((upper) => ({ lower, upper }))
  ))
);

const arbitraryDevice = fc.oneof(
  fc.record({ mac: fc.constantFrom("02:00:00:00:00:17", "02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff"), addresses: fc.constant([]) }),
  fc.record({
    mac: fc.constantFrom(null, "aa:bb:cc:dd:ee:ff"),
    addresses: fc.array(arbitraryPrefix({ min: 128 }).map(formatIpAddress), { minLength: 1, maxLength: 3 }),
  }),
);

/** Any rule that the type and the contract allow, of few devices, targets and mitigations, so that rules meet. */
export const arbitraryRule: fc.Arbitrary<EnforcementRule> = fc.record({
  device: arbitraryDevice,
  mitigation: fc.oneof(fc.nat(4), fc.nat(2 ** 40)),
  action: fc.constantFrom("block" as const, "block" as const, "limit" as const, "quarantine" as const),
  target: fc.record({
    prefixes: fc.array(fc.oneof(arbitraryPrefix({ min: 128 }), arbitraryPrefix({ min: 0 })), { maxLength: 8 }),
    ports: fc.array(arbitraryRange(65535), { maxLength: 16 }),
    protocols: fc.array(fc.oneof(fc.constantFrom(1, 6, 17, 58), fc.nat(255)), { maxLength: 8 }),
    // Never rendered.
    fqdns: fc.array(fc.string(), { maxLength: 1 }),
    uris: fc.array(fc.string(), { maxLength: 1 }),
  }),
  icmpTypes: fc.array(arbitraryRange(255), { maxLength: 3 }),
  packetsPerSecond: fc.integer({ min: 1, max: 0xffff_ffff }),
  timeout: fc.oneof(fc.nat(100), fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })).map(seconds),
}).map(({ device, ...rest }) => ({ ...rest, ...device }));
