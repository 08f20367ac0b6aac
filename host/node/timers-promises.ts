import { setTimeout as later } from "./timers.ts";

export const setTimeout = <T>(delay: number, value?: T): Promise<T | undefined> =>
  new Promise((resolve) => {
    later(() => {
      resolve(value);
    }, delay);
  });
