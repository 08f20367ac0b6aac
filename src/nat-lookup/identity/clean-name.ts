/** Characters of a name that are kept. */
const longestName = 64;

/**
 * A name that a device gave itself, fit to be stored: without control, formatting and line-breaking characters, at most 64
 * characters, null if nothing remains. Still hostile text: escape it wherever it is shown.
 */
export function cleanName(name: string): string | null {
  // A device may send kilobytes: what can be kept lies in the first of them.
  const visible = name.slice(0, 16 * longestName).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "").trim();
  const kept = Array.from(visible).slice(0, longestName).join("").trim();
  return kept === "" ? null : kept;
}
