/**
 * Applies values one after the other, never two at a time. Of those that come while one is being applied only the last counts. The promise
 * settles as the application of that value, or of the later one that has taken its place, does.
 */
export function lastInTurn<T>(apply: (value: T) => Promise<void>): (value: T) => Promise<void> {
  let running: Promise<void> | undefined;
  let next: { value: T; readonly done: Promise<void> } | undefined;
  const start = (value: T): Promise<void> => {
    const done = apply(value);
    running = done.catch(() => undefined).then(() => {
      running = undefined;
    });
    return done;
  };
  return (value) => {
    if (next) {
      next.value = value;
      return next.done;
    }
    if (!running) return start(value);
    const waiting: { value: T; done: Promise<void> } = { value, done: Promise.resolve() };
    waiting.done = running.then(() => {
      next = undefined;
      return start(waiting.value);
    });
    next = waiting;
    return waiting.done;
  };
}
