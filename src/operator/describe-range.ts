import type { NumberRange } from "../model/number-range.ts";

/** First and last of a range, both included. */
export type RangeView = readonly [number, number];

/** Ranges as JSON shows them. */
export function describeRanges(ranges: readonly NumberRange[]): RangeView[] {
  return ranges.map(({ lower, upper }) => [lower, upper]);
}
