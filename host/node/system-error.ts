/** An error as Node makes it: `ENOENT: no such file or directory, open '/x'`. `number`: as the system gives it, negated or not. */
export function systemError(number: number, syscall: string, path?: string): NodeJS.ErrnoException {
  const [code, text] = native.error(Math.abs(number));
  const where = path === undefined ? "" : ` '${path}'`;
  return Object.assign(new Error(`${code}: ${text.toLowerCase()}, ${syscall}${where}`), {
    code,
    errno: -Math.abs(number),
    syscall,
    ...(path === undefined ? {} : { path }),
  });
}

/** That of a socket: `connect ECONNREFUSED 127.0.0.1:80`. */
export function socketError(number: number, syscall: string, where = ""): NodeJS.ErrnoException {
  const [code] = native.error(Math.abs(number));
  return Object.assign(new Error(`${syscall} ${code}${where === "" ? "" : ` ${where}`}`), { code, errno: -Math.abs(number), syscall });
}

/** The result, unless it is an error. */
export function succeed<T>(result: T | number, syscall: string, path?: string): T {
  if (typeof result === "number" && result < 0) throw systemError(result, syscall, path);
  return result as T;
}

/** What begins with a number of the system's that may be tried again: nothing was there to read, no room to write. */
export function isAgain(result: unknown): boolean {
  return result === again || result === interrupted;
}

const again = -11, interrupted = -4;
export const inProgress = -115;
