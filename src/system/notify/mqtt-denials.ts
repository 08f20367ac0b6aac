/** Topics of one kind share an access rule at the broker. */
export interface MqttDenials {
  /** Whether messages of this kind are left out, since the broker ends the connection over them. */
  isLeftOut(kind: string): boolean;
  /** What was denied before comes last, so that it does not keep the rest from being delivered. */
  rank(kind: string): number;
  /** Whether to send one message at a time: only then is it clear which one the broker does not take. */
  isCareful(): boolean;
  /**
   * The broker ended a connection while these waited for its acknowledgement. Says what is left out from now on: nothing while it `hasTaken`
   * nothing on that connection, since it may take nothing at all.
   */
  ended(kinds: readonly string[], hasTaken: boolean): string | undefined;
  acknowledged(kind: string): void;
  /** Gives all that is left out one more chance. */
  forgive(): void;
  leftOut(): readonly string[];
}

const mostTimes = 3;

/**
 * A broker that is sent what its rules deny may acknowledge it all the same, or end the connection (MQTT 3.1.1 §3.3.5 leaves it no
 * third way). The second must not keep it from getting what it does take.
 */
export function createMqttDenials(): MqttDenials {
  const times = new Map<string, number>();
  let careful = false;
  return {
    isLeftOut: (kind) => (times.get(kind) ?? 0) >= mostTimes,
    rank: (kind) => times.get(kind) ?? 0,
    isCareful: () => careful,
    ended(kinds, hasTaken) {
      const [only, ...others] = new Set(kinds);
      if (only === undefined) return undefined;
      if (others.length > 0) {
        careful = true;
        return undefined;
      }
      const count = Math.min((times.get(only) ?? 0) + 1, hasTaken ? mostTimes : mostTimes - 1);
      times.set(only, count);
      careful = count < mostTimes;
      return count === mostTimes ? only : undefined;
    },
    acknowledged(kind) {
      times.delete(kind);
    },
    forgive() {
      for (const [kind, count] of times) if (count >= mostTimes) times.set(kind, mostTimes - 1);
    },
    leftOut: () => [...times].filter(([, count]) => count >= mostTimes).map(([kind]) => kind),
  };
}
