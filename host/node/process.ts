import { EventEmitter } from "./events.ts";
import { Buffer } from "./buffer.ts";
import { writeAll } from "./fs.ts";

/** Linux; MIPS has other numbers for some that are not here. */
export const signals = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 } as const;
export type Signal = keyof typeof signals;
export const signalName = (number: number): string => Object.entries(signals).find(([, each]) => each === number)?.[0] ?? `signal ${String(number)}`;

const [pid, uid, effectiveUid] = native.identity();

class Process extends EventEmitter {
  readonly argv: readonly string[];
  readonly env: Record<string, string | undefined>;
  readonly pid = pid;
  readonly platform = "linux";
  readonly version = "";
  readonly versions = {};
  /** For cborg: then it takes Uint8Array for what it is. */
  readonly browser = true;
  readonly stdout = output(1);
  readonly stderr = output(2);

  constructor() {
    super();
    const [program = "", ...rest] = native.arguments;
    this.argv = [program, program, ...rest];
    this.env = Object.fromEntries(native.environment().map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]));
  }

  override on(event: string, call: (...args: never[]) => void): this {
    super.on(event, call);
    if (event in signals) native.signal(signals[event as Signal], true);
    return this;
  }

  override once(event: string, call: (...args: never[]) => void): this {
    super.once(event, call);
    if (event in signals) native.signal(signals[event as Signal], true);
    return this;
  }

  override off(event: string, call: (...args: never[]) => void): this {
    super.off(event, call);
    if (event in signals && this.listenerCount(event) === 0) native.signal(signals[event as Signal], false);
    return this;
  }

  get exitCode(): number | undefined {
    return native.exitCode;
  }
  set exitCode(code: number | undefined) {
    native.exitCode = code ?? 0;
  }
  exit(code?: number): never {
    return native.end(code ?? native.exitCode ?? 0);
  }
  getuid(): number {
    return uid;
  }
  geteuid(): number {
    return effectiveUid;
  }
  umask(mask: number): number {
    return native.changeMask(mask);
  }
  nextTick(callback: (...args: unknown[]) => void, ...args: unknown[]): void {
    queueMicrotask(() => {
      callback(...args);
    });
  }
  cwd(): string {
    return native.realPath("/proc/self/cwd") as string;
  }
}

/** Written before write() returns. */
function output(fd: number): { readonly isTTY: boolean; write(text: string | Uint8Array): boolean } {
  return {
    isTTY: native.isTerminal(fd),
    write(text) {
      writeAll(fd, typeof text === "string" ? Buffer.from(text) : text);
      return true;
    },
  };
}

export const process = new Process();
/** Of a child; the number is the same everywhere but on MIPS. */
export const childEnded = { listeners: new Set<() => void>() };

native.onSignal((number) => {
  if (number === childSignal) { for (const listener of childEnded.listeners) listener(); }
  else process.emit(signalName(number), signalName(number), number);
});
export const childSignal = 17;

native.onUnhandled = (rejected) => {
  const reasons = [...rejected];
  rejected.clear();
  for (const [promise, reason] of reasons) if (!process.emit("unhandledRejection", reason, promise)) throw reason;
};
