/**
 * The work, for many who ask for it at the same time. It runs once at a time, and each who asks waits for a run that began after they
 * asked: however many they are while one runs, one more serves them all.
 */
export function shareRuns<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<unknown> | undefined;
  let following: Promise<T> | undefined;
  const begin = (): Promise<T> => {
    const run = work();
    const over = (): void => {
      underWay = undefined;
    };
    underWay = run.then(over, over);
    return run;
  };
  return () => {
    if (underWay === undefined && following === undefined) return begin();
    return following ??= Promise.resolve(underWay).then(() => {
      following = undefined;
      return begin();
    });
  };
}
