/** node:test on the native runtime: one test after the other, in the order of the file; the summary is that of Node. */
type Body = (context: TestContext) => unknown;
interface TestContext {
  test(name: string, ...rest: unknown[]): Promise<void>;
  after(hook: () => unknown): void;
  diagnostic(text: string): void;
}
interface Scope {
  readonly name: string;
  readonly before: (() => unknown)[];
  readonly after: (() => unknown)[];
  readonly beforeEach: (() => unknown)[];
  readonly afterEach: (() => unknown)[];
}

const outcome = { passed: 0, failed: 0 };
const newScope = (name: string): Scope => ({ name, before: [], after: [], beforeEach: [], afterEach: [] });
let scope = newScope("");
/** Each file's own: `after` is of the file that it stands in. */
const queue: { readonly name: string; readonly scopes: readonly Scope[]; readonly body: Body }[] = [];
let scopes: readonly Scope[] = [scope];

const bodyOf = (rest: readonly unknown[]): Body | undefined => rest.find((each) => typeof each === "function") as Body | undefined;
const isSkipped = (rest: readonly unknown[]): boolean =>
  rest.some((each) => typeof each === "object" && each !== null && "skip" in each && each.skip !== false && each.skip !== undefined);

export function test(name: string, ...rest: unknown[]): Promise<void> {
  const body = bodyOf(rest);
  if (body && !isSkipped(rest)) queue.push({ name, scopes, body });
  return Promise.resolve();
}
export const it = test;

export function describe(name: string, ...rest: unknown[]): void {
  const [outerScope, outerScopes] = [scope, scopes];
  scope = newScope(name);
  scopes = [...outerScopes, scope];
  bodyOf(rest)?.(undefined as never);
  [scope, scopes] = [outerScope, outerScopes];
}
export const suite = describe;

export const before = (hook: () => unknown): void => {
  scope.before.push(hook);
};
export const after = (hook: () => unknown): void => {
  scope.after.push(hook);
};
export const beforeEach = (hook: () => unknown): void => {
  scope.beforeEach.push(hook);
};
export const afterEach = (hook: () => unknown): void => {
  scope.afterEach.push(hook);
};

/** What follows is of another file. */
export function beginFile(name: string): void {
  scope = newScope(name);
  scopes = [scope];
}

async function runOne(name: string, body: Body): Promise<void> {
  const hooks: (() => unknown)[] = [];
  const context: TestContext = {
    test: async (inner, ...rest) => {
      const innerBody = bodyOf(rest);
      if (innerBody) await runOne(`${name} > ${inner}`, innerBody);
    },
    after: (hook) => {
      hooks.push(hook);
    },
    diagnostic: () => undefined,
  };
  try {
    await body(context);
    for (const hook of hooks) await hook();
    outcome.passed++;
  } catch (error) {
    fail(name, error);
  }
}

function fail(name: string, error: unknown): void {
  outcome.failed++;
  const text = error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
  process.stdout.write(`not ok - ${name}\n  ${text.trim().replaceAll("\n", "\n  ")}\n`);
}

async function runAll(): Promise<void> {
  let open: readonly Scope[] = [];
  const leave = async (until: readonly Scope[]): Promise<void> => {
    for (const left of open.filter((each) => !until.includes(each)).toReversed()) for (const hook of left.after) await hook();
  };
  for (const { name, scopes: within, body } of queue) {
    await leave(within);
    for (const entered of within.filter((each) => !open.includes(each))) for (const hook of entered.before) await hook();
    open = within;
    for (const { beforeEach: hooks } of within) for (const hook of hooks) await hook();
    await runOne([...within.map((each) => each.name), name].filter((each) => each !== "").join(" > "), body);
    for (const { afterEach: hooks } of within) for (const hook of hooks) await hook();
  }
  await leave([]);
}

/** To be called after all files are loaded. */
export async function runTests(): Promise<void> {
  await runAll().catch((error: unknown) => {
    fail("a hook", error);
  });
  process.stdout.write(`# tests ${outcome.passed + outcome.failed}\n# pass ${outcome.passed}\n# fail ${outcome.failed}\n`);
  process.exit(outcome.failed > 0 || outcome.passed === 0 ? 1 : 0);
}
export default test;
