import { patience } from "../patience.ts";

/** Things that arrive one after the other and are waited for. */
export interface Lines<Line> {
  readonly all: readonly Line[];
  add(line: Line): void;
  /** Nothing more will come: whoever still waits hears `why`. */
  end(why: () => string): void;
  /** The first that is it, at `from` or later; rejects after the time-out. */
  until(what: string, isIt: (line: Line) => boolean, options?: { readonly timeoutMs?: number; readonly from?: number }): Promise<Line>;
}

export function watchLines<Line>(): Lines<Line> {
  const all: Line[] = [];
  const waiting = new Set<() => void>();
  let ended: (() => string) | undefined;
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  return {
    all,
    add(line) {
      all.push(line);
      wake();
    },
    end(why) {
      ended ??= why;
      wake();
    },
    until: (what, isIt, { timeoutMs = patience, from = 0 } = {}) =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = (): void => {
          const found = all.slice(from).find(isIt);
          if (found === undefined && !ended) return;
          settle();
          if (found === undefined) reject(new Error(`${what} did not come: ${ended?.() ?? ""}`));
          else resolve(found);
        };
        const timer = setTimeout(() => {
          settle();
          reject(new Error(`${what} did not come within ${timeoutMs} ms; last: ${all.slice(-3).map((line) => JSON.stringify(line).slice(0, 200)).join(" ")}`));
        }, timeoutMs);
        waiting.add(look);
        look();
      }),
  };
}
