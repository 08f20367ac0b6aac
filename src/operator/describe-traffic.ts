import type { Traffic } from "../model/traffic.ts";
import { inSeconds, timeLeft, type WallInstant } from "../model/time.ts";
import { formatTime, formatTimeOrNull } from "../text/format-time.ts";

/** What devices send to their targets; rates in packets a second. */
export interface TrafficListView {
  /** The router's clock. */
  readonly now: string;
  readonly mitigations: readonly TrafficView[];
}

export interface TrafficView {
  readonly id: number;
  readonly is_sending: boolean;
  /** In the newest stretch, all that is sent, and what of it leaves the home; null where it was counted once only. */
  readonly sent: number | null;
  readonly passed: number | null;
  readonly last_sent_at: string | null;
  /** When it had stopped before it began again; null if it did not. */
  readonly paused_at: string | null;
  /** Of the last five minutes: how many seconds ago, sent, passed. Oldest first. */
  readonly samples: readonly (readonly [number, number, number])[];
}

/** The traffic of mitigations as `traffic` shows it at `now`: times in ISO 8601, rates in packets a second to one decimal. */
export function describeTraffic(traffic: readonly Traffic[], now: WallInstant): TrafficListView {
  const rate = (packets: number): number => Math.round(packets * 10) / 10;
  return {
    now: formatTime(now),
    mitigations: traffic.map((each) => ({
      id: each.mitigation,
      is_sending: each.isSending,
      sent: each.now && rate(each.now.sent),
      passed: each.now && rate(each.now.passed),
      last_sent_at: formatTimeOrNull(each.lastSentAt),
      paused_at: formatTimeOrNull(each.pausedAt),
      samples: each.samples.map(({ at, sent, passed }) => [Math.round(inSeconds(timeLeft(at, now))), rate(sent), rate(passed)]),
    })),
  };
}
