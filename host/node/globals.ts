/** The globals of Node and of the web that the program uses and the engine lacks. Loaded before anything else of the program. */
import { Buffer } from "./buffer.ts";
import { process } from "./process.ts";
import { clearImmediate, clearTimeout, setImmediate, setInterval, setTimeout } from "./timers.ts";
import { URL } from "./url.ts";

class TextEncoder {
  readonly encoding = "utf-8";
  encode(text = ""): Uint8Array {
    return native.encodeUtf8(text);
  }
}

class TextDecoder {
  readonly #isFatal: boolean;
  readonly #ignoreBOM: boolean;

  constructor(encoding = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^utf-?8$/i.test(encoding)) throw new RangeError(`this runtime does not decode ${encoding}`);
    this.#isFatal = fatal;
    this.#ignoreBOM = ignoreBOM;
  }

  decode(bytes: Uint8Array = new Uint8Array(0)): string {
    const text = native.decodeUtf8(bytes, 0, bytes.length, this.#isFatal);
    if (text === null) throw Object.assign(new TypeError("The encoded data was not valid for encoding utf-8"), { code: "ERR_ENCODING_INVALID_ENCODED_DATA" });
    return !this.#ignoreBOM && text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}

type AbortListener = (event: { readonly type: "abort"; readonly target: AbortSignal }) => void;

class AbortSignal {
  aborted = false;
  reason: unknown;
  onabort: AbortListener | null = null;
  readonly #listeners = new Map<AbortListener, boolean>();

  addEventListener(_type: "abort", listener: AbortListener, options?: { readonly once?: boolean }): void {
    if (!this.#listeners.has(listener)) this.#listeners.set(listener, options?.once === true);
  }

  removeEventListener(_type: "abort", listener: AbortListener): void {
    this.#listeners.delete(listener);
  }
  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** For AbortController alone. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason ?? Object.assign(new Error("This operation was aborted"), { name: "AbortError", code: "ABORT_ERR" });
    const event = { type: "abort", target: this } as const;
    this.onabort?.(event);
    for (const [listener, isOnce] of [...this.#listeners]) {
      if (isOnce) this.#listeners.delete(listener);
      listener(event);
    }
  }
}

class AbortController {
  readonly signal = new AbortSignal();
  abort(reason?: unknown): void {
    this.signal.abort(reason);
  }
}

const began = native.now();
const print = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

Object.assign(globalThis, {
  Buffer,
  process,
  URL,
  TextEncoder,
  TextDecoder,
  AbortSignal,
  AbortController,
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  clearInterval: clearTimeout,
  clearImmediate,
  queueMicrotask: (callback: () => void) => {
    void Promise.resolve().then(callback);
  },
  performance: { timeOrigin: Date.now(), now: () => native.now() - began },
  global: globalThis,
  console: {
    log: (...all: unknown[]) => {
      process.stdout.write(`${all.map(String).join(" ")}\n`);
    },
    error: (...all: unknown[]) => {
      print(all.map(String).join(" "));
    },
  },
});
