import { excerpt } from "../text/escape-text.ts";
import { formatBitRate } from "../text/format-rate.ts";
import type { ReportView } from "./describe-report.ts";

/** The one thing that is said of a report in a line: of its gravest attack. Safe to show. */
export interface ReportHeadline {
  readonly what: string | null;
  /** Null where it would alarm without telling anything. */
  readonly severity: "low" | "medium" | "high" | null;
  /** ISO 8601; of the attack that began first. */
  readonly startedAt: string | null;
  /** At the target. */
  readonly rate: string | null;
}

const gravity = ["unknown", "none", "low", "medium", "high"];
/** Bits a second; what is more is a mistake, or a lie. */
const mostCredible = 1e15;
const longestDescription = 60; // UTF-16 units

/** Undefined where the report says nothing that fits a line. */
export function headlineReport({ attacks, bits_per_second: bits }: ReportView): ReportHeadline | undefined {
  const byGravity = [...attacks].sort((a, b) => gravity.indexOf(b.severity ?? "unknown") - gravity.indexOf(a.severity ?? "unknown"));
  const what = byGravity.find(({ description }) => description !== null)?.description ?? null;
  const severity = byGravity[0]?.severity ?? null;
  const headline: ReportHeadline = {
    what: what === null ? null : excerpt(what, longestDescription),
    severity: severity === "none" || severity === "unknown" ? null : severity,
    startedAt: attacks.flatMap(({ started_at: at }) => at ?? []).sort()[0] ?? null,
    rate: bits === null || bits > mostCredible ? null : formatBitRate(bits),
  };
  return headline.what === null && headline.severity === null && headline.rate === null ? undefined : headline;
}
