/** What is done one after the other, the urgent before the rest. */
export interface Turns {
  /** Does the work once nothing else is under way; resolves or rejects with it. */
  take<T>(urgency: Urgency, work: () => Promise<T>): Promise<T>;
}

/** What the owner waits for goes first, then rules, then what only reads. */
export type Urgency = "owner" | "at once" | "soon";
const urgencies: readonly Urgency[] = ["owner", "at once", "soon"];

/**
 * Milliseconds. What has waited this long is next, whatever is more urgent, but for the owner: a flood of the urgent must not keep the rest away. One only, then
 * something urgent comes again: nor must a flood of the rest.
 */
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
  let wasOverdue = false;
  const next = (): Waiting | undefined => {
    const [oldest] = waiting;
    if (!oldest) return undefined;
    const urgent = urgencies.flatMap((each) => waiting.find(({ urgency }) => urgency === each) ?? [])[0] ?? oldest;
    wasOverdue = !wasOverdue && urgent.urgency !== "owner" && now() - oldest.since >= patience;
    const chosen = wasOverdue ? oldest : urgent;
    waiting.splice(waiting.indexOf(chosen), 1);
    return chosen;
  };
  const work = async (): Promise<void> => {
    isBusy = true;
    for (let turn = next(); turn; turn = next()) await turn.begin();
    isBusy = false;
  };
  return {
    take: (urgency, begin) =>
      new Promise((resolve, reject) => {
        // The caller hears of a failure; the next one does not.
        waiting.push({ urgency, since: now(), begin: () => Promise.resolve().then(begin).then(resolve, reject) });
        if (!isBusy) void work();
      }),
  };
}
