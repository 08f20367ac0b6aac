/**
 * The items in groups: two that have a key in common are in one, and so is all that hangs together by them. Groups and their items stand in
 * the order in which the items came.
 */
export function connected<T>(items: readonly T[], keysOf: (item: T) => Iterable<string>): T[][] {
  const parents = items.map((_, at) => at);
  const rootOf = (at: number): number => {
    let root = at;
    for (let next = parents[root] ?? root; next !== root; next = parents[root] ?? root) {
      parents[root] = parents[next] ?? next; // shortens the way for the next time
      root = next;
    }
    return root;
  };
  const firstOf = new Map<string, number>();
  items.forEach((item, at) => {
    for (const key of keysOf(item)) {
      const first = firstOf.get(key);
      if (first === undefined) firstOf.set(key, at);
      else {
        const [one, other] = [rootOf(first), rootOf(at)];
        parents[Math.max(one, other)] = Math.min(one, other);
      }
    }
  });
  const groups = new Map<number, T[]>();
  items.forEach((item, at) => {
    const root = rootOf(at);
    const group = groups.get(root);
    if (group) group.push(item);
    else groups.set(root, [item]);
  });
  return [...groups.values()];
}
