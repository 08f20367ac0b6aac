/** What is done one after the other, the urgent before the rest. */
export interface Turns {
  /** Does the work once nothing else is under way; resolves or rejects with it. */
  take<T>(urgency: Urgency, work: () => Promise<T>): Promise<T>;
}

export type Urgency = "at once" | "soon";

/** Milliseconds. What has waited this long is next, whatever is more urgent: a flood of the urgent must not keep the rest away. */
const patience = 1_000;

interface Waiting {
  readonly urgency: Urgency;
  readonly since: number;
  readonly begin: () => Promise<unknown>;
}

/** `now`: milliseconds, of a clock that only goes forward. */
export function createTurns(now: () => number = () => performance.now()): Turns {
  const waiting: Waiting[] = [];
  let isBusy = false;
  const next = (): Waiting | undefined => {
    const [oldest] = waiting;
    if (!oldest) return undefined;
    const chosen = now() - oldest.since >= patience ? oldest : waiting.find(({ urgency }) => urgency === "at once") ?? oldest;
    waiting.splice(waiting.indexOf(chosen), 1);
    return chosen;
  };
  const work = async (): Promise<void> => {
    isBusy = true;
    for (let turn = next(); turn; turn = next()) await turn.begin();
    isBusy = false;
  };
  return {
    take: (urgency, begin) => new Promise((resolve, reject) => {
      // The caller hears of a failure; the next one does not.
      waiting.push({ urgency, since: now(), begin: () => Promise.resolve().then(begin).then(resolve, reject) });
      if (!isBusy) void work();
    }),
  };
}
