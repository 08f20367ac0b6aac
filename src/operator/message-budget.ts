import { between, type Milliseconds, type SteadyClock, type SteadyInstant } from "../model/time.ts";

/** How much is said about one thing, and about everything, in a while. */
export interface MessageBudget {
  /** Whether one more may be said of it now; if so, it is counted. */
  take(about: string): boolean;
}

export interface BudgetLimits {
  readonly each: number;
  readonly all: number;
  readonly within: Milliseconds;
}

/** Remembers the moments of what was said lately, `all` of them at most. */
export function createMessageBudget({ each, all, within }: BudgetLimits, clock: Pick<SteadyClock, "now">): MessageBudget {
  let said: { readonly about: string; readonly at: SteadyInstant }[] = [];
  return {
    take(about) {
      const now = clock.now();
      said = said.filter(({ at }) => between(at, now) < within);
      if (said.length >= all || said.filter((one) => one.about === about).length >= each) return false;
      said.push({ about, at: now });
      return true;
    },
  };
}
