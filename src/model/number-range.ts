/** An inclusive range: of ports (0-65535) or of ICMP types (0-255). A single value has `lower === upper`. */
export interface NumberRange {
  readonly lower: number;
  readonly upper: number;
}

/** Port numbers, 0-65535. */
export type PortRange = NumberRange;
/** ICMP or ICMPv6 types, 0-255; which of the two follows from the family of the target (RFC 9066 §5.3.1). */
export type IcmpTypeRange = NumberRange;

/** Whether the value lies in the range, ends included. */
export function rangeHolds(range: NumberRange, value: number): boolean {
  return range.lower <= value && value <= range.upper;
}

/** Whether the two have a value in common. */
export function rangesOverlap(a: NumberRange, b: NumberRange): boolean {
  return a.lower <= b.upper && b.lower <= a.upper;
}

/** Sorted, with ranges that touch or overlap joined. */
export function mergeRanges(ranges: readonly NumberRange[]): NumberRange[] {
  const merged: NumberRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.lower - b.lower)) {
    const last = merged.at(-1);
    if (last && range.lower <= last.upper + 1) merged[merged.length - 1] = { lower: last.lower, upper: Math.max(last.upper, range.upper) };
    else merged.push(range);
  }
  return merged;
}
