import type { Mitigation } from "../model/mitigation.ts";
import { later, latest, milliseconds, type WallInstant } from "../model/time.ts";

/** A no holds for at least this long: a request of one second must not make it vanish. */
const shortestNo = milliseconds(3_600_000);

/** A no that was said then holds for as long as the request would have run, and an hour at least; null = until it is taken back. */
export function noHoldsUntil({ expiresAt }: Pick<Mitigation, "expiresAt">, saidAt: WallInstant): WallInstant | null {
  return expiresAt === null ? null : latest(expiresAt, later(saidAt, shortestNo));
}

/** The owner said no, or nothing in time, and that still holds; nor have they taken it back. */
export function isRefused(mitigation: Mitigation, now: WallInstant): boolean {
  if (mitigation.state !== "ended" || (mitigation.outcome !== "denied" && mitigation.outcome !== "released") || mitigation.isTakenBack === true) return false;
  const until = mitigation.endedAt === undefined ? mitigation.expiresAt : noHoldsUntil(mitigation, mitigation.endedAt);
  return until === null || until > now;
}

/** Whether the owner can still take back that they denied it, or that they came too late. */
export function canTakeBack(mitigation: Mitigation, now: WallInstant): boolean {
  return mitigation.outcome === "denied" && isRefused(mitigation, now);
}

/** Whether it ended by the owner's own word, not because nobody answered or their time for it was over. */
export function isOwnersNo(mitigation: Mitigation): boolean {
  return mitigation.state === "ended" && mitigation.decidedBy === "owner" && (mitigation.outcome === "denied" || mitigation.outcome === "released")
    && (mitigation.allowedUntil === null || mitigation.endedAt === undefined || mitigation.endedAt < mitigation.allowedUntil);
}

/**
 * Whether approving it blocks at once, though it has ended: its upstream still asks for it. A denial has to be taken back before: of two
 * people who answer at the same time, a no is not overruled by chance.
 */
export function canBlockAfterAll(mitigation: Mitigation, now: WallInstant): boolean {
  const { outcome, decidedBy, isTakenBack, devices } = mitigation;
  const isOpen = outcome === "denied" ? decidedBy !== "owner" || isTakenBack === true : outcome === "released" || outcome === "rejected";
  return isOpen && mitigation.state === "ended" && devices.length > 0 && isAskedFor(mitigation, now);
}

/** Of one that has been turned down: its upstream has not withdrawn it, or asks again. */
function isAskedFor(mitigation: Mitigation, now: WallInstant): boolean {
  const until = askedUntil(mitigation);
  return until === null || until > now;
}

/** Until when its upstream asks for it, as far as is known; null = without end. */
export function askedUntil({ expiresAt, askedAgainUntil = expiresAt }: Mitigation): WallInstant | null {
  return expiresAt === null || askedAgainUntil === null ? null : latest(expiresAt, askedAgainUntil);
}

/** The owner, a rule of theirs, or a question that nobody answered has ended it. */
export function isTurnedDown({ state, outcome }: Mitigation): boolean {
  return state === "ended" && (outcome === "denied" || outcome === "released" || outcome === "rejected");
}

/** Nothing is done, as the owner or a rule of theirs wants it, though the upstream still asks for it. */
export function isLeftAlone(mitigation: Mitigation, now: WallInstant): boolean {
  return isTurnedDown(mitigation) && isAskedFor(mitigation, now);
}
