/** A promise that is kept from outside. */
export interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
}

/** A promise, and what keeps it. */
export function deferred(): Deferred {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((keep) => {
    resolve = keep;
  });
  return { promise, resolve };
}
