/** node:assert/strict on the native runtime. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
  readonly code = "ERR_ASSERTION";
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).slice(0, 600);
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Map) return `Map ${show([...value])}`;
  if (value instanceof Set) return `Set ${show([...value])}`;
  try {
    return (JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? `${each}n` : each)) as string | undefined ?? String(value)).slice(0,
      600);
  } catch {
    return String(value);
  }
}

function fail(message: unknown, standard: string): never {
  if (message instanceof Error) throw message;
  throw new AssertionError(typeof message === "string" ? message : standard);
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
  if (a instanceof Set && b instanceof Set) return a.size === b.size && [...a].every((one) => b.has(one) || [...b].some((other) => isSame(one, other)));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size
      && [...a].every(([key, value]) => (b.has(key) ? isSame(value, b.get(key)) : [...b].some(([other, its]) => isSame(key, other) && isSame(value, its))));
  if (a instanceof Error && b instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
  const [own, other] = [ownKeys(a), ownKeys(b)];
  return own.length === other.length && own.every((key) => Object.hasOwn(b, key) && isSame(valueOf(a, key), valueOf(b, key)));
}

/** An error's stack and line are no part of what it says. */
const ownKeys = (value: object): (string | symbol)[] => Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
const valueOf = (value: object, key: string | symbol): unknown => (value as Record<string | symbol, unknown>)[key];

function isExpected(error: unknown, expected: unknown): boolean {
  if (expected === undefined || typeof expected === "string") return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected === "function") {
    const isClass = expected === Error || (expected as { prototype?: object }).prototype instanceof Error;
    return isClass ? error instanceof (expected as typeof Error) : (expected as (error: unknown) => unknown)(error) === true;
  }
  if (typeof expected !== "object" || expected === null || typeof error !== "object" || error === null) return false;
  const keys: (string | symbol)[] = expected instanceof Error ? ["message", "name"] : ownKeys(expected);
  return keys.every((key) => {
    const [wanted, got] = [valueOf(expected, key), valueOf(error, key)];
    return wanted instanceof RegExp ? wanted.test(String(got)) : isSame(got, wanted);
  });
}

const assert = (value: unknown, message?: unknown): void => {
  if (!value) fail(message, `${show(value)} is not truthy`);
};
export default Object.assign(assert, {
  ok: assert,
  AssertionError,
  equal: (a: unknown, b: unknown, message?: unknown) => {
    if (!Object.is(a, b)) fail(message, `${show(a)} is not ${show(b)}`);
  },
  notEqual: (a: unknown, b: unknown, message?: unknown) => {
    if (Object.is(a, b)) fail(message, `${show(a)} on both sides`);
  },
  deepEqual: (a: unknown, b: unknown, message?: unknown) => {
    if (!isSame(a, b)) fail(message, `${show(a)} is not ${show(b)}`);
  },
  notDeepEqual: (a: unknown, b: unknown, message?: unknown) => {
    if (isSame(a, b)) fail(message, `${show(a)} on both sides`);
  },
  match: (text: string, expected: RegExp, message?: unknown) => {
    if (!expected.test(text)) fail(message, `${show(text)} does not match ${String(expected)}`);
  },
  doesNotMatch: (text: string, expected: RegExp, message?: unknown) => {
    if (expected.test(text)) fail(message, `${show(text)} matches ${String(expected)}`);
  },
  fail: (message?: unknown) => fail(message, "failed"),
  throws(run: () => unknown, expected?: unknown, message?: unknown) {
    try {
      run();
    } catch (error) {
      if (!isExpected(error, expected)) throw error;
      return;
    }
    fail(typeof expected === "string" ? expected : message, "it did not throw");
  },
  doesNotThrow: (run: () => unknown) => {
    run();
  },
  async rejects(work: Promise<unknown> | (() => Promise<unknown>), expected?: unknown, message?: unknown) {
    try {
      await (typeof work === "function" ? work() : work);
    } catch (error) {
      if (!isExpected(error, expected)) throw error;
      return;
    }
    fail(typeof expected === "string" ? expected : message, "it did not reject");
  },
});
