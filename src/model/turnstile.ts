/** Lets few pieces of work pass at a time; the others wait: the more urgent ones in front, and each party in its turn. */
export interface Turnstile {
  /**
   * Resolves when it is this one's turn, to what ends it; undefined if too many of the party's wait already. `rank`: 0 goes first. `party`: whose
   * work it is; however much one has waiting, another's next piece comes after one of its own at most.
   */
  enter(rank: number, party?: string): Promise<() => void> | undefined;
}

export interface TurnstileOptions {
  /** Under way at the same time, by rank: what is less urgent leaves places free for what is more so. */
  readonly atOnce: readonly number[];
  /** Of each rank and party. */
  readonly mostWaiting: number;
}

/** Lets a limited number in at a time, rank by rank, and within a rank party by party. */
export function createTurnstile({ atOnce, mostWaiting }: TurnstileOptions): Turnstile {
  /** By rank and party, the parties in the order of their turns. */
  const waiting = atOnce.map(() => new Map<string, (() => void)[]>());
  let inside = 0;

  const admit = (): void => {
    for (const [rank, parties] of waiting.entries()) {
      while (parties.size > 0 && inside < (atOnce[rank] ?? 0)) next(parties);
    }
  };
  const next = (parties: Map<string, (() => void)[]>): void => {
    const [turn] = parties;
    if (!turn) return;
    const [party, queue] = turn;
    parties.delete(party);
    const begin = queue.shift();
    if (queue.length > 0) parties.set(party, queue); // behind the others
    if (!begin) return;
    inside += 1;
    begin();
  };
  return {
    enter(rank, party = "") {
      const parties = waiting[rank];
      const queue = parties?.get(party) ?? [];
      if (!parties || queue.length >= mostWaiting) return undefined;
      return new Promise((resolve) => {
        queue.push(() => {
          let isOver = false;
          resolve(() => {
            if (isOver) return;
            isOver = true;
            inside -= 1;
            admit();
          });
        });
        parties.set(party, queue);
        admit();
      });
    },
  };
}
