import { between, milliseconds, type Milliseconds, type SteadyInstant, type Timer } from "../model/time.ts";
import { errorText } from "../text/error-text.ts";
import { NothingSent } from "./backoff.ts";

export type Transport = "udp" | "tcp";

/** One way to reach an upstream. */
export interface Candidate {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly transport: Transport;
}

/** RFC 8305 §5 "Connection Attempt Delay"; during an attack RFC 9132 §4.3 wants 100 ms. */
export const attemptDelay = { idle: milliseconds(250), mitigating: milliseconds(100) };
/** RFC 9132 §4.3: what worked is remembered for some minutes. */
const rememberedFor = milliseconds(600_000);
/** Addresses of a family that are tried over a transport. */
const mostAddresses = 3;

/** What worked last with an upstream. */
export interface LastWinner {
  readonly candidate: Candidate;
  readonly at: SteadyInstant;
}

/**
 * The candidates in their order: UDP over IPv6, UDP over IPv4, TCP over IPv6, TCP over IPv4 (RFC 9132 §4.3), but first of all
 * what worked within the last minutes, and last of all what failed within them. `failed`: when, by candidateKey().
 */
export function orderCandidates<Way extends Candidate>(
  ways: readonly Way[],
  last: LastWinner | undefined,
  now: SteadyInstant,
  failed: ReadonlyMap<string, SteadyInstant> = new Map(),
): Way[] {
  const ordered = (["udp", "tcp"] as const).flatMap((transport) =>
    ([6, 4] as const).flatMap((family) => ways.filter((each) => each.family === family && each.transport === transport).slice(0, mostAddresses))
  );
  const isFresh = (at: SteadyInstant | undefined): boolean => at !== undefined && at <= now && between(at, now) < rememberedFor;
  // 0: what worked, 1: what was not tried, 2: what failed. All stay in the race: a path may be mended.
  const rank = (candidate: Way): number =>
    last && isFresh(last.at) && candidateKey(candidate) === candidateKey(last.candidate) ? 0 : isFresh(failed.get(candidateKey(candidate))) ? 2 : 1;
  return ordered.sort((a, b) => rank(a) - rank(b));
}

/** Names a candidate in the memory of outcomes. */
export function candidateKey({ address, port, transport }: Candidate): string {
  return `${transport} ${address} ${port}`;
}

/** Each address over each transport, at one port. */
export function waysTo(addresses: readonly { readonly address: string; readonly family: 4 | 6 }[], transports: readonly Transport[],
  port: number): Candidate[] {
  return transports.flatMap((transport) => addresses.map(({ address, family }) => ({ address, family, port, transport })));
}

export interface Race<Result, Way extends Candidate = Candidate> {
  readonly candidates: readonly Way[];
  /** Tries one; `signal` aborts when another was quicker. */
  dial(candidate: Way, signal: AbortSignal): Promise<Result>;
  /** A session that came too late. */
  discard(result: Result): void;
  readonly delay: Milliseconds;
  readonly clock: Timer;
  readonly signal: AbortSignal;
}

/**
 * Starts the candidates one after the other, each `delay` after the one before or as soon as that has failed, and takes the
 * first session that comes about (RFC 8305 §5). Rejects when all have failed, with the reasons of each; with NothingSent if all did so.
 */
export function raceCandidates<Result, Way extends Candidate = Candidate>(race: Race<Result, Way>): Promise<{ readonly result: Result; readonly winner: Way }> {
  const { candidates, clock } = race;
  return new Promise((resolve, reject) => {
    const failures: string[] = [];
    let nothingSent = true;
    const attempts: AbortController[] = [];
    let cancelNext: () => void = () => undefined;
    let next = 0;
    let settled = false;

    const settle = (winner?: AbortController): void => {
      settled = true;
      cancelNext();
      race.signal.removeEventListener("abort", aborted);
      for (const attempt of attempts) if (attempt !== winner) attempt.abort();
    };
    const aborted = (): void => {
      settle();
      reject(new Error("aborted"));
    };
    const startNext = (): void => {
      cancelNext();
      const candidate = candidates[next++];
      if (!candidate) return;
      const attempt = new AbortController();
      attempts.push(attempt);
      race.dial(candidate, attempt.signal).then((result) => {
        if (settled) {
          race.discard(result);
          return;
        }
        settle(attempt);
        resolve({ result, winner: candidate });
      }, (error: unknown) => {
        if (settled) return;
        nothingSent &&= error instanceof NothingSent;
        failures.push(`${candidate.address} over ${candidate.transport}: ${errorText(error)}`);
        if (failures.length < candidates.length) {
          if (next < candidates.length) startNext();
          return;
        }
        settle();
        reject(new (nothingSent ? NothingSent : Error)(failures.join("; ")));
      });
      cancelNext = next < candidates.length ? clock.after(race.delay, startNext) : () => undefined;
    };

    if (race.signal.aborted) aborted();
    else if (candidates.length === 0) reject(new NothingSent("there is no address to dial"));
    else {
      race.signal.addEventListener("abort", aborted, { once: true });
      startNext();
    }
  });
}
