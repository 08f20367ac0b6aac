import { asciiText, asciiUpTo, boolean, cborMap, decimal, integer, ipPrefix, list, optional, required, text, textUpTo } from "../cbor/schema.ts";

/** The messages of the signal channel: keys of RFC 9132 §6 (table 5), RFC 9066 §6.2 and RFC 9244 §12 (table 3), as IANA assigned them. */

const port = integer(0, 65_535);
const icmpType = integer(0, 255);
const uint32 = integer(0, 0xffff_ffff);
const counter64 = integer(0, Number.MAX_SAFE_INTEGER);

const PortRange = cborMap({ lowerPort: required(8, port), upperPort: optional(9, port) });
const IcmpTypeRange = cborMap({ lowerType: required(32771, icmpType), upperType: optional(32772, icmpType) });

const targetFields = {
  targetPrefix: optional(6, list(ipPrefix)),
  targetPortRange: optional(7, list(PortRange)),
  targetProtocol: optional(10, list(integer(0, 255))),
  targetFqdn: optional(11, list(asciiText(253), 16)),
  targetUri: optional(12, list(asciiUpTo(512), 16)),
};

const scopeFields = {
  ...targetFields,
  sourcePrefix: optional(32768, list(ipPrefix)),
  sourcePortRange: optional(32769, list(PortRange)),
  sourceIcmpTypeRange: optional(32770, list(IcmpTypeRange)),
};

/** RFC 9244 §8.1.3. */
const Traffic = cborMap({
  unit: required(134, integer(1, 24)),
  lowPercentileG: optional(140, counter64),
  midPercentileG: optional(141, counter64),
  highPercentileG: optional(142, counter64),
  peakG: optional(143, counter64),
  currentG: optional(209, counter64),
});

const secondsOfTheEpoch = integer(0, 253_402_300_799); // up to the year 9999, without tag 1

/** RFC 9244 §8.1.5, as figure 44 has it. Counts of sources and of a talker's traffic are nothing to us, and are ignored. */
const AttackDetail = cborMap({
  vendorId: required(202, uint32),
  attackId: required(164, uint32),
  attackDescription: optional(165, textUpTo(128)),
  attackSeverity: optional(166, integer(1, 5)),
  startTime: optional(167, secondsOfTheEpoch),
  endTime: optional(168, secondsOfTheEpoch),
  topTalker: optional(170, cborMap({
    talker: required(184, list(cborMap({
      sourcePrefix: required(185, ipPrefix),
      spoofedStatus: optional(171, boolean),
      sourcePortRange: optional(187, list(PortRange)),
      sourceIcmpTypeRange: optional(188, list(IcmpTypeRange)),
    }))),
  })),
});

/** The body of a PUT to 'mitigate': RFC 9132 §4.4.1.1 and §4.4.3, extended by RFC 9066 §5.3.1 and RFC 9244 §9.1. */
export const MitigationBody = cborMap({
  mitigationScope: required(1, cborMap({
    scope: required(2, list(cborMap({
      ...scopeFields,
      aliasName: optional(13, list(text(128), 16)),
      lifetime: optional(14, integer(-1, 0xffff_ffff)), // -1 = until withdrawn
      triggerMitigation: optional(45, boolean),
      attackStatus: optional(29, integer(1, 2)),
      totalAttackTraffic: optional(205, list(Traffic, 24)),
      attackDetail: optional(207, list(AttackDetail, 16)),
    }), 8)),
  })),
});

/** RFC 9132 §4.4.1.3 'conflict-information'. */
const ConflictInformation = cborMap({
  conflictStatus: optional(18, integer(1, 3)),
  conflictCause: optional(19, integer(1, 255)),
  retryTimer: optional(20, uint32),
  conflictScope: optional(21, cborMap({ ...targetFields, mid: optional(5, uint32) })),
});

/** What we say of mitigations: RFC 9132 §4.4.1.3 (answer to a PUT) and §4.4.2 (answer to a GET, notification). */
export const MitigationStatusBody = cborMap({
  mitigationScope: required(1, cborMap({
    scope: required(2, list(cborMap({
      mid: optional(5, uint32),
      mitigationStart: optional(15, counter64), // seconds since 1970, without tag 1 (§4.4.2)
      ...scopeFields,
      lifetime: optional(14, integer(-1, 0xffff_ffff)),
      status: optional(16, integer(1, 8)),
      conflictInformation: optional(17, ConflictInformation),
      bytesDropped: optional(25, counter64),
      bpsDropped: optional(26, counter64),
      pktsDropped: optional(27, counter64),
      ppsDropped: optional(28, counter64),
      triggerMitigation: optional(45, boolean),
    }), 1024)),
  })),
});

const uint16 = integer(0, 65_535);
const Value = cborMap({ maxValue: optional(34, uint16), minValue: optional(35, uint16), currentValue: optional(36, uint16) });
const DecimalValue = cborMap({
  maxValueDecimal: optional(41, decimal),
  minValueDecimal: optional(42, decimal),
  currentValueDecimal: optional(43, decimal),
});

const ConfigSet = cborMap({
  heartbeatInterval: optional(33, Value), // seconds
  missingHbAllowed: optional(37, Value),
  probingRate: optional(50, Value), // bytes/second
  maxRetransmit: optional(38, Value),
  ackTimeout: optional(39, DecimalValue), // seconds
  ackRandomFactor: optional(40, DecimalValue),
});

/** RFC 9132 §4.5.1, §4.5.2. */
export const SignalConfigBody = cborMap({
  signalConfig: required(30, cborMap({
    mitigatingConfig: optional(32, ConfigSet),
    idleConfig: optional(44, ConfigSet),
  })),
});

/** RFC 9132 §4.7. */
export const HeartbeatBody = cborMap({
  heartbeat: required(49, cborMap({ peerHbStatus: required(51, boolean) })),
});

/** RFC 9066 §5.2.2. */
export const RedirectBody = cborMap({
  redirectedSignal: required(46, cborMap({
    altChClient: required(32773, asciiText(253)),
    altChClientRecord: optional(32774, list(asciiText(45), 16)),
    ttl: optional(32775, uint32),
  })),
});
