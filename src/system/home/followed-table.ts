import type { SteadyClock } from "../../model/time.ts";
import { createTableReading } from "./table-reading.ts";

/** A table of the kernel's that is read whole, and then kept by what is announced of it. */
export interface FollowedTable<Value> {
  get(): Promise<ReadonlyMap<string, Value>>;
  set(key: string, value: Value): void;
  /** `was`: only if that is its value. */
  remove(key: string, was?: Value): void;
  readAgain(): void;
  stop(): void;
}

export interface FollowedTableOptions<Value> {
  readonly read: () => Promise<Iterable<readonly [string, Value]>>;
  /** Entries; further ones push the oldest out. */
  readonly most: number;
  readonly clock: SteadyClock;
  readonly isFollowed: () => boolean;
}

/** Announced while the table is being read; beyond that it is read once more. */
const mostReplayed = 4_096;

/** A table of the kernel, read once and then kept true by what the kernel announces. */
export function createFollowedTable<Value>({ read, most, clock, isFollowed }: FollowedTableOptions<Value>): FollowedTable<Value> {
  type Change = (table: Map<string, Value>) => void;
  /** While the table is being read: what is announced may be newer than what is read. */
  let replay: Change[] | undefined;
  const reading = createTableReading<Map<string, Value>>({
    async read() {
      const changes: Change[] = replay = [];
      try {
        const table = new Map([...await read()].slice(0, most));
        for (const change of changes) change(table);
        return table;
      } finally {
        replay = undefined;
      }
    },
    clock,
    isFollowed,
  });
  const announce = (change: Change): void => {
    const held = reading.held();
    if (held) change(held);
    if (replay && replay.length < mostReplayed) replay.push(change);
    else if (replay) reading.readAgain();
  };
  return {
    get: () => reading.get(),
    set(key, value) {
      announce((table) => {
        table.set(key, value);
        const [oldest] = table.keys();
        if (table.size > most && oldest !== undefined) table.delete(oldest);
      });
    },
    remove(key, was) {
      announce((table) => {
        if (was === undefined || table.get(key) === was) table.delete(key);
      });
    },
    readAgain: () => {
      reading.readAgain();
    },
    stop: () => {
      reading.stop();
    },
  };
}
