/** The known name that `name` was probably meant to be: at most two typing mistakes away, fewer in short names. */
export function closestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined;
  let closest: string | undefined;
  let least = Math.min(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [closest, least] = [candidate, distance];
  }
  return closest;
}

/** `, did you mean 'port'?` or nothing, to put behind a message about an unknown name. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const closest = closestName(name, known);
  return closest === undefined ? "" : `, did you mean '${closest}'?`;
}

/** Levenshtein's distance: insertions, deletions and replacements. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [row, character] of Array.from(a).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(b).entries()) {
      current.push(Math.min(
        (current[column] ?? 0) + 1,
        (previous[column + 1] ?? 0) + 1,
        (previous[column] ?? 0) + (character === other ? 0 : 1),
      ));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
