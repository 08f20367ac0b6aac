import { PipeEnd } from "./byte-stream.ts";
import { EventEmitter } from "./events.ts";
import { childEnded, childSignal, process, signalName, signals, type Signal } from "./process.ts";
import { systemError } from "./system-error.ts";
import { setImmediate } from "./timers.ts";

type Stdio = "ignore" | "pipe" | "inherit";
const kinds: Readonly<Record<Stdio, number>> = { ignore: 0, pipe: 1, inherit: 2 };

interface SpawnOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdio?: Stdio | readonly Stdio[];
  readonly shell?: false;
}

export class ChildProcess extends EventEmitter {
  readonly pid: number | undefined;
  readonly stdin: PipeEnd | null = null;
  readonly stdout: PipeEnd | null = null;
  readonly stderr: PipeEnd | null = null;
  exitCode: number | null = null;
  signalCode: string | null = null;
  #isOver = false;
  #isRef = true;

  constructor(file: string, args: readonly string[], { env = process.env, stdio = "pipe" }: SpawnOptions) {
    super();
    const [input = "pipe", output = "pipe", complaints = "pipe"] = typeof stdio === "string" ? [stdio, stdio, stdio] : stdio;
    const environment = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    native.signal(childSignal, true);
    const started = native.spawn(file, [file, ...args], environment, [kinds[input], kinds[output], kinds[complaints]]);
    if (typeof started === "number") {
      this.#isOver = true;
      const error = Object.assign(systemError(started, `spawn ${file}`), {
        message: `spawn ${file} ${native.error(-started)[0]}`,
        path: file,
        spawnargs: args,
      });
      setImmediate(() => {
        this.emit("error", error);
      });
      return;
    }
    const [pid, stdin, stdout, stderr] = started;
    this.pid = pid;
    if (stdin >= 0) this.stdin = new PipeEnd(stdin, { canRead: false });
    if (stdout >= 0) this.stdout = new PipeEnd(stdout, { canWrite: false });
    if (stderr >= 0) this.stderr = new PipeEnd(stderr, { canWrite: false });
    native.hold(1);
    childEnded.listeners.add(this.#look);
    queueMicrotask(() => {
      this.emit("spawn");
    });
  }

  /** A signal may stand for several children that have ended. */
  readonly #look = (): void => {
    const end = native.wait(this.pid ?? 0);
    if (!end) return;
    childEnded.listeners.delete(this.#look);
    this.#isOver = true;
    if (this.#isRef) native.hold(-1);
    const [code, signal] = end;
    if (signal === 0) this.exitCode = code;
    else this.signalCode = signalName(signal);
    this.stdin?.destroy();
    this.emit("exit", this.exitCode, this.signalCode);
    const open = new Set([this.stdout, this.stderr].filter((stream) => stream !== null && !stream.destroyed));
    const tell = (): void => {
      if (open.size === 0) this.emit("close", this.exitCode, this.signalCode);
    };
    for (const stream of open) {
      stream?.once("close", () => {
        open.delete(stream);
        tell();
      });
      // What nobody reads must not keep it.
      if (stream?.isRead === false) stream.resume();
    }
    tell();
  };

  kill(signal: Signal | number = "SIGTERM"): boolean {
    if (this.#isOver || this.pid === undefined) return false;
    return native.kill(this.pid, typeof signal === "number" ? signal : signals[signal]) === 0;
  }

  ref(): void {
    if (!this.#isRef && !this.#isOver) native.hold(1);
    this.#isRef = true;
  }

  unref(): void {
    if (this.#isRef && !this.#isOver) native.hold(-1);
    this.#isRef = false;
  }
}

/** Never through a shell. */
export function spawn(file: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
  return new ChildProcess(file, args, options);
}
