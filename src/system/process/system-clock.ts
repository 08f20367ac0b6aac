import { milliseconds, steadyInstant, wallInstant, type Milliseconds, type SteadyClock, type WallClock } from "../../model/time.ts";

/** The longest delay of setTimeout: beyond 2^31 - 1 ms it fires at once. */
const longestDelay = 0x7fff_ffff;
/** Less than this is slewing, or our own measuring. */
const leastJump = milliseconds(2_000);

type JumpListener = (by: Milliseconds) => void;
const jumpListeners = new Set<JumpListener>();
let wallAhead = Date.now() - performance.now();

function after(delay: Milliseconds, callback: () => void): () => void {
  let remaining = Math.max(0, Math.ceil(delay)); // NaN stays NaN and fires at once, as in setTimeout
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const step = Math.min(remaining, longestDelay);
    remaining -= step;
    timer = setTimeout(remaining > 0 ? wait : callback, step);
  };
  wait();
  return () => {
    clearTimeout(timer);
  };
}

/** The wall clock and Node's timers, for any delay; `after(Infinity, …)` never calls back. */
export const systemClock: WallClock = {
  now() {
    const wall = Date.now();
    const jump = wall - performance.now() - wallAhead;
    if (Math.abs(jump) >= leastJump) {
      wallAhead += jump;
      for (const listener of jumpListeners) listener(milliseconds(jump));
    }
    return wallInstant(wall);
  },
  after,
};

/**
 * A clock that never jumps, for what only measures spans: heartbeats, retransmission, backoff. A router without a clock of its own
 * starts in the past and is put right, by months, when NTP answers.
 */
export const steadyClock: SteadyClock = { now: () => steadyInstant(performance.now()), after };

/** Hears by how many milliseconds the wall clock was put forward, before anybody is told the new time, until the returned function is called. */
export function onClockJump(listener: JumpListener): () => void {
  jumpListeners.add(listener);
  return () => {
    jumpListeners.delete(listener);
  };
}
