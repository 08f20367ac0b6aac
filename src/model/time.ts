declare const unit: unique symbol;
declare const clock: unique symbol;

/** A span in seconds, as configuration and wire have it. */
export type Seconds = number & { readonly [unit]: "s" };
/** A span in milliseconds, as timers take it. */
export type Milliseconds = number & { readonly [unit]: "ms" };

/**
 * A moment by the wall clock, which NTP puts right, perhaps by months. At run time a number, of milliseconds since 1970-01-01T00:00Z; for the
 * compiler it is none, so that moments of two clocks can be neither compared nor subtracted.
 */
export interface WallInstant {
  readonly [clock]: "wall";
}
/** A moment by the steady clock, which only runs on: for whatever measures spans. It says nothing about the date. */
export interface SteadyInstant {
  readonly [clock]: "steady";
}
export type Instant = WallInstant | SteadyInstant;

/** Gives a number its unit. */
export const seconds = (count: number): Seconds => count as Seconds;
/** Gives a number its unit. */
export const milliseconds = (count: number): Milliseconds => count as Milliseconds;
/** The same span in the other unit. */
export const inMilliseconds = (span: Seconds): Milliseconds => milliseconds(span * 1000);
/** The same span in the other unit, not rounded. */
export const inSeconds = (span: Milliseconds): Seconds => seconds(span / 1000);

/** From a number of milliseconds since 1970-01-01T00:00Z. */
export const wallInstant = (sinceEpoch: number): WallInstant => sinceEpoch as unknown as WallInstant;
/** As a number of milliseconds since 1970-01-01T00:00Z. */
export const sinceEpoch = (instant: WallInstant): number => instant as unknown as number;
/** From a number of milliseconds since some moment of the process' own. */
export const steadyInstant = (sinceOrigin: number): SteadyInstant => sinceOrigin as unknown as SteadyInstant;

const count = (instant: Instant): number => instant as unknown as number;

/** The moment `span` after `start`, by the same clock. */
export function later<At extends Instant>(start: At, span: Milliseconds): At {
  return (count(start) + span) as unknown as At;
}

/** The moment `span` before `end`, by the same clock. */
export function earlier<At extends Instant>(end: At, span: Milliseconds): At {
  return (count(end) - span) as unknown as At;
}

/** From `start` until `end`; negative if `end` comes first. */
export function between<At extends Instant>(start: At, end: NoInfer<At>): Milliseconds {
  return milliseconds(count(end) - count(start));
}

/** From `now` until `end`; nothing once that is past. */
export function timeLeft<At extends Instant>(now: At, end: NoInfer<At>): Milliseconds {
  return milliseconds(Math.max(0, between(now, end)));
}

/** The first of these moments of one clock. */
export function earliest<At extends Instant>(first: At, ...others: readonly NoInfer<At>[]): At {
  return others.reduce<At>((least, each) => (count(each) < count(least) ? each : least), first);
}

/** The last of these moments of one clock. */
export function latest<At extends Instant>(first: At, ...others: readonly NoInfer<At>[]): At {
  return others.reduce<At>((most, each) => (count(each) > count(most) ? each : most), first);
}

/** The instant `lifetime` after `start`; `null` (never) when the lifetime is -1, indefinite (RFC 9132 §4.4.1.1). */
export function expiresAt(start: WallInstant, lifetime: Seconds): WallInstant | null {
  return lifetime === -1 ? null : later(start, inMilliseconds(lifetime));
}

/** Whole seconds from `now` until `expires`, never below 0; -1 when it never expires (RFC 9132 §4.4.1.1 'lifetime'). */
export function remainingSeconds(now: WallInstant, expires: WallInstant | null): Seconds {
  return seconds(expires === null ? -1 : Math.ceil(inSeconds(timeLeft(now, expires))));
}

/** Time as an argument: no part of the flow reads a clock of its own. */
export interface Timer {
  /** Calls back once after the delay, unless the returned function is called first. */
  after(delay: Milliseconds, callback: () => void): () => void;
}

export interface WallClock extends Timer {
  now(): WallInstant;
}
export interface SteadyClock extends Timer {
  now(): SteadyInstant;
}
