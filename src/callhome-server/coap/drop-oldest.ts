/** Keeps a Map at `most` entries; it iterates in the order of insertion. */
export function dropOldest<K, V>(map: Map<K, V>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
