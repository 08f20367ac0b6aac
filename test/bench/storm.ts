import { dialDelay, type DialHistory } from "../../src/callhome-server/backoff.ts";
import { milliseconds, type Milliseconds } from "../../src/model/time.ts";
import { printTable } from "./measure.ts";

export interface StormOptions {
  readonly routers: number;
  /** How long nobody answers; all sessions are lost at its start. */
  readonly outage: Milliseconds;
  /** Handshakes that the ISP manages in a second; further attempts fail. Default: any. */
  readonly capacity?: number;
  /** How long a router waits before its next attempt; default as this daemon does. */
  readonly delay?: (history: DialHistory, random: number) => Milliseconds;
}

export interface StormResult {
  /** Attempts in each second since the sessions were lost. */
  readonly attempts: readonly number[];
  /** When each router had its session again, in order; seconds. */
  readonly back: readonly number[];
}

/** Attempts fail at once, as when the port is closed: the worst case for the ISP. */
export function simulateStorm({ routers, outage, capacity = Infinity, delay = dialDelay }: StormOptions): StormResult {
  const random = seededRandom();
  const attempts: (number | undefined)[] = [];
  const accepted: number[] = [];
  const back: number[] = [];
  // A second at a time: who is due in it, as (time of the attempt, failures so far).
  const due = new Map<number, { readonly at: Milliseconds; readonly failures: number }[]>();
  const schedule = (at: Milliseconds, failures: number): void => {
    const second = Math.floor(at / 1000);
    const others = due.get(second);
    if (others) others.push({ at, failures });
    else due.set(second, [{ at, failures }]);
  };
  for (let router = 0; router < routers; router++) schedule(delay({ failures: 0, hadSession: true }, random()), 0);
  for (let second = 0; back.length < routers && second < 86_400; second++) {
    // A delay below a second comes back into the same second, behind those that are there already.
    const now = due.get(second) ?? [];
    for (const { at, failures } of now) {
      attempts[second] = (attempts[second] ?? 0) + 1;
      if (at >= outage && (accepted[second] ?? 0) < capacity) {
        accepted[second] = (accepted[second] ?? 0) + 1;
        back.push(at / 1000);
      } else schedule(milliseconds(at + delay({ failures: failures + 1, hadSession: true }, random())), failures + 1);
    }
    due.delete(second);
  }
  return { attempts: Array.from(attempts, (count) => count ?? 0), back: back.sort((a, b) => a - b) };
}

/** What a daemon without jitter and backoff would do. */
export const everyFiveSeconds = (): Milliseconds => milliseconds(5_000);

/** Attempts a second when an ISP with 10,000 routers restarts, over time. */
export function benchStorm(): Promise<void> {
  const routers = 10_000;
  const cases: readonly (readonly [string, StormOptions])[] = [
    ["restarts at once", { routers, outage: milliseconds(0) }],
    ["restarts at once, takes 200 a second", { routers, outage: milliseconds(0), capacity: 200 }],
    ["is away for a minute", { routers, outage: milliseconds(60_000) }],
    ["is away for an hour", { routers, outage: milliseconds(3_600_000) }],
    ["is away for an hour, takes 100 a second", { routers, outage: milliseconds(3_600_000), capacity: 100 }],
    ["the same, dialled every 5 s without jitter", { routers, outage: milliseconds(3_600_000), capacity: 100, delay: everyFiveSeconds }],
  ];
  const results = cases.map(([what, options]) => ({ what, options, ...simulateStorm(options) }));
  printTable(
    `Reconnect storm, simulated: ${
      routers.toLocaleString("en")
    } routers lose their sessions at once; attempts, and seconds after the ISP is there again until routers are back`,
    ["the ISP", "most in a second", "most later", "half back", "99 % back", "all back", "attempts a router"],
    results.map(({ what, options, attempts, back }) => {
      const after = (share: number): string => ((back[Math.ceil(back.length * share) - 1] ?? NaN) - options.outage / 1000).toFixed(0);
      const total = attempts.reduce((sum, count) => sum + count, 0);
      return [what, String(mostOf(attempts)), String(mostOf(attempts.slice(10))), after(0.5), after(0.99), after(1), (total / routers).toFixed(1)];
    }),
  );
  const [, , minute] = results;
  if (minute) printTable("Attempts a second over time, the ISP away for a minute", ["seconds", "a second", ""], histogram(minute.attempts));
  return Promise.resolve();
}

export function mostOf(counts: readonly number[]): number {
  return counts.reduce((most, count) => Math.max(most, count), 0);
}

/** Every ten seconds that had attempts. */
function histogram(attempts: readonly number[]): (readonly [string, string, string])[] {
  const rows: (readonly [string, string, string])[] = [];
  for (let from = 0; from < attempts.length; from += 10) {
    const mean = attempts.slice(from, from + 10).reduce((sum, count) => sum + count, 0) / 10;
    if (mean > 0) rows.push([`${from} to ${from + 10}`, mean.toFixed(0), "#".repeat(Math.ceil(mean / 25))]);
  }
  return rows;
}

/** Park and Miller's generator: the same storm every time. */
function seededRandom(): () => number {
  let seed = 1;
  return () => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed / 0x7fff_ffff;
  };
}
