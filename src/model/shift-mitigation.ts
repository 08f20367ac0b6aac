import type { Mitigation } from "./mitigation.ts";
import { later, type Milliseconds, type WallInstant } from "./time.ts";

/** The same mitigation by a wall clock that was put forward by so much (back if negative): what remains of each span stays. */
export function shiftMitigation(mitigation: Mitigation, by: Milliseconds): Mitigation {
  const shift = (at: WallInstant | null): WallInstant | null => at === null ? null : later(at, by);
  return {
    ...mitigation,
    requestedAt: later(mitigation.requestedAt, by),
    expiresAt: shift(mitigation.expiresAt),
    allowedUntil: shift(mitigation.allowedUntil),
    startedAt: shift(mitigation.startedAt),
    deadline: shift(mitigation.deadline),
    lastDropAt: shift(mitigation.lastDropAt),
    ...(mitigation.namedAt === undefined ? {} : { namedAt: later(mitigation.namedAt, by) }),
    ...(mitigation.askedAgainUntil === undefined ? {} : { askedAgainUntil: shift(mitigation.askedAgainUntil) }),
    ...(mitigation.endedAt === undefined ? {} : { endedAt: later(mitigation.endedAt, by) }),
    ...(mitigation.leak ? { leak: { ...mitigation.leak, since: later(mitigation.leak.since, by), lastAt: shift(mitigation.leak.lastAt) } } : {}),
    devices: mitigation.devices.map((device) => ({
      ...device,
      evidence: { ...device.evidence, firstSeen: shift(device.evidence.firstSeen), lastSeen: shift(device.evidence.lastSeen) },
    })),
  };
}
