const prefixes = ["", "k", "M", "G", "T", "P"];

/** `1.2 Gbit/s`, `940 Mbit/s`: decimal multiples, as providers count. `bits` a second. */
export function formatBitRate(bits: number): string {
  let value = bits;
  let at = 0;
  while (value >= 999.5 && at < prefixes.length - 1) [value, at] = [value / 1000, at + 1];
  return `${at === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${prefixes[at] ?? ""}bit/s`;
}
