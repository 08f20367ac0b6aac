import { milliseconds, timeLeft, type SteadyClock, type SteadyInstant } from "../model/time.ts";
import type { Channel } from "./channel.ts";

/** RFC 9132 §4.3: not more often does a session over TCP look whether UDP has become available. */
const udpProbeInterval = milliseconds(24 * 3_600_000);

export interface SessionPlansDeps {
  readonly clock: SteadyClock;
  readonly transport: Channel["transport"];
  /** When a redirection's time is over; null if there is none, or it has no end. */
  readonly until: SteadyInstant | null;
  readonly isMitigating: () => boolean;
  readonly returnHome: () => void;
  /** Dials once more, by UDP alone; rejects if that is still not available. */
  readonly probeUdp: (signal: AbortSignal) => Promise<void>;
}

/** What is to happen to a live session later: its return from an alternate (RFC 9132 §4.6), the look for UDP. Returns how to call it off. */
export function planSession({ clock, transport, until, isMitigating, returnHome, probeUdp }: SessionPlansDeps): () => void {
  const cancelReturn = until === null ? () => undefined : clock.after(timeLeft(clock.now(), until), returnHome);
  const abort = new AbortController();
  let cancelProbe: () => void = () => undefined;
  const probeLater = (): void => {
    cancelProbe = clock.after(udpProbeInterval, () => {
      // A session that serves well is not risked while an attack is under way.
      if (isMitigating()) probeLater();
      else probeUdp(abort.signal).catch(probeLater);
    });
  };
  if (transport === "tcp") probeLater();
  return () => {
    cancelReturn();
    cancelProbe();
    abort.abort();
  };
}
