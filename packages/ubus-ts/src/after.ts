/** Calls back once after this many milliseconds, unless the returned function is called first. */
export type After = (delay: number, callback: () => void) => () => void;

/** Node's own timers. */
export const afterTimeout: After = (delay, callback) => {
  const timer = setTimeout(callback, delay);
  return () => {
    clearTimeout(timer);
  };
};
