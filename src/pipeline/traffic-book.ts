import type { FilterCount } from "../model/enforcement.ts";
import type { MitigationId } from "../model/mitigation.ts";
import { between, milliseconds, type WallInstant } from "../model/time.ts";
import type { Traffic, TrafficSample } from "../model/traffic.ts";

export interface TrafficBook {
  note(id: MitigationId, count: FilterCount, at: WallInstant): void;
  read(id: MitigationId, now: WallInstant): Traffic | undefined;
  /** Nobody needs these any more. */
  keepOnly(isWanted: (id: MitigationId) => boolean): void;
}

interface Counted {
  readonly at: WallInstant;
  readonly dropped: number;
  readonly passed: number;
}

interface Page {
  latest: Counted;
  /** Where the newest sample begins. */
  begun: Counted;
  samples: readonly TrafficSample[];
  now: Traffic["now"];
  lastSentAt: WallInstant | null;
  pausedAt: WallInstant | null;
}

/** Five minutes, a sample each five seconds; of so many mitigations, the latest. */
const most = { samples: 60, mitigations: 64 };
const span = milliseconds(300_000);
const apart = milliseconds(4_500);
/** Counts that come sooner after one another say nothing about a rate. */
const shortest = milliseconds(900);
/** An attack without a packet for so long has stopped. */
const quietAfter = milliseconds(10_000);

/** Makes rates of successive counts. Bounded: see `most`. */
export function createTrafficBook(): TrafficBook {
  const pages = new Map<MitigationId, Page>();

  const begin = (id: MitigationId, page: Page): void => {
    pages.delete(id);
    pages.set(id, page);
    for (const oldest of pages.keys()) {
      if (pages.size <= most.mitigations) break;
      pages.delete(oldest);
    }
  };

  return {
    note(id, { packets: dropped, leaked }, at) {
      const counted: Counted = { at, dropped, passed: leaked?.packets ?? 0 };
      const page = pages.get(id);
      // Rules that were laid anew, or a clock that was put back: it begins again.
      if (!page || at < page.latest.at || dropped < page.latest.dropped || counted.passed < page.latest.passed) {
        begin(id, { latest: counted, begun: counted, samples: [], now: null, lastSentAt: null, pausedAt: null });
        return;
      }
      if (between(page.latest.at, at) < shortest) return;
      const { sent, passed } = page.now = rateBetween(page.latest, counted);
      if (sent > 0) {
        if (page.lastSentAt !== null && between(page.lastSentAt, page.latest.at) >= quietAfter) page.pausedAt = page.lastSentAt;
        page.lastSentAt = at;
      }
      // The newest sample grows until it is long enough.
      const isGrowing = page.begun.at < page.latest.at;
      const closed = isGrowing ? page.samples.slice(0, -1) : page.samples;
      page.samples = [...closed, { at, ...(isGrowing ? rateBetween(page.begun, counted) : { sent, passed }) }].filter((each) => between(each.at, at) < span)
        .slice(-most.samples);
      page.latest = counted;
      if (between(page.begun.at, at) >= apart) page.begun = counted;
    },
    read(id, now) {
      const page = pages.get(id);
      if (!page) return undefined;
      const { samples, lastSentAt, pausedAt } = page;
      return {
        mitigation: id,
        samples: samples.filter(({ at }) => between(at, now) < span),
        now: between(page.latest.at, now) < quietAfter ? page.now : null,
        isSending: lastSentAt !== null && between(lastSentAt, now) < quietAfter,
        lastSentAt,
        pausedAt,
      };
    },
    keepOnly(isWanted) {
      for (const id of pages.keys()) if (!isWanted(id)) pages.delete(id);
    },
  };
}

function rateBetween(from: Counted, to: Counted): Omit<TrafficSample, "at"> {
  const seconds = between(from.at, to.at) / 1000;
  const passed = to.passed - from.passed;
  return { sent: (to.dropped - from.dropped + passed) / seconds, passed: passed / seconds };
}
