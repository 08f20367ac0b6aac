/** Members of an array of unknown JSON; none if it is not an array. */
export function items(json: unknown): readonly unknown[] {
  return Array.isArray(json) ? json : [];
}

/** A member of an object of unknown JSON; undefined if it is not an object or has none of that name. */
export function field(json: unknown, name: string): unknown {
  return typeof json === "object" && json !== null && Object.hasOwn(json, name) ? (json as Record<string, unknown>)[name] : undefined;
}
