/** A promise that is kept from outside: whoever waits for `opened` goes on once `open` has been called. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** A promise that somebody else keeps. */
export function createGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => { open = resolve; });
  return { opened, open };
}
