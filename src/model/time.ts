/** Milliseconds since 1970-01-01T00:00Z, by the wall clock. */
export type Instant = number;
export type Milliseconds = number;
export type Seconds = number;

/** The instant `seconds` after `start`; `null` (never) when the lifetime is -1, indefinite (RFC 9132 §4.4.1.1). */
export function expiresAt(start: Instant, lifetime: Seconds): Instant | null {
  return lifetime === -1 ? null : start + lifetime * 1000;
}

/** Whole seconds from `now` until `expires`, never below 0; -1 when it never expires (RFC 9132 §4.4.1.1 'lifetime'). */
export function remainingSeconds(now: Instant, expires: Instant | null): Seconds {
  return expires === null ? -1 : Math.max(0, Math.ceil((expires - now) / 1000));
}

/** Time as an argument: no part of the flow reads a clock of its own. */
export interface Clock {
  now(): Instant;
  /** Calls back once after the delay, unless the returned function is called first. */
  after(delay: Milliseconds, callback: () => void): () => void;
}
