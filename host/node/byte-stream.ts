import { Buffer } from "./buffer.ts";
import { EventEmitter } from "./events.ts";
import { isAgain, socketError } from "./system-error.ts";
import { setImmediate } from "./timers.ts";

type Done = (error?: Error) => void;
const readable = 1, writable = 2;
/** What one reading takes, and readings before others get their turn. */
const most = 65_536, readingsAtOnce = 4;
/** As in Node: beyond, write() says that it is better to wait. */
const highWater = 16_384;

/**
 * A stream of bytes over a descriptor, with the events of Node's: data, end, finish, error, close. It reads only while somebody listens to
 * data, or has asked it to resume, and nobody has paused it.
 */
export class ByteStream extends EventEmitter {
  destroyed = false;
  writableLength = 0;
  protected fd: number;
  protected isOpening = false;
  readonly #canRead: boolean;
  readonly #allowHalfOpen: boolean;
  #reading: "undecided" | "flowing" | "paused" = "undecided";
  #isAtEnd: boolean;
  #isEnding = false;
  #isFinished: boolean;
  #encoding: string | undefined;
  #held: Uint8Array = new Uint8Array(0);
  #queue: { readonly bytes: Uint8Array; offset: number; readonly done: Done | undefined }[] = [];
  #watched = 0;
  #isHeld = false;
  #isRef = true;

  constructor(fd: number, { canRead = true, canWrite = true, allowHalfOpen = false } = {}) {
    super();
    this.fd = fd;
    this.#canRead = canRead;
    this.#allowHalfOpen = allowHalfOpen;
    this.#isAtEnd = !canRead;
    this.#isFinished = !canWrite;
    this.#hold();
  }

  override on(event: string, call: (...args: never[]) => void): this {
    super.on(event, call);
    if (event === "data" && this.#reading === "undecided") this.resume();
    return this;
  }

  resume(): this {
    this.#reading = "flowing";
    // Not before whoever resumes has done what it is at.
    queueMicrotask(() => {
      this.#update();
    });
    return this;
  }

  pause(): this {
    this.#reading = "paused";
    this.#update();
    return this;
  }

  /** Whether anybody reads it. */
  get isRead(): boolean {
    return this.#reading !== "undecided";
  }

  setEncoding(encoding: string): this {
    this.#encoding = encoding;
    return this;
  }

  write(content: string | Uint8Array, encodingOrDone?: string | Done, done?: Done): boolean {
    const call = typeof encodingOrDone === "function" ? encodingOrDone : done;
    if (this.destroyed || this.#isEnding || this.#isFinished) {
      const error = Object.assign(new Error("write after end"), { code: this.destroyed ? "ERR_STREAM_DESTROYED" : "ERR_STREAM_WRITE_AFTER_END" });
      queueMicrotask(() => {
        call?.(error);
      });
      return false;
    }
    const bytes = typeof content === "string" ? Buffer.from(content, typeof encodingOrDone === "string" ? encodingOrDone : "utf8") : content;
    this.#queue.push({ bytes, offset: 0, done: call });
    this.writableLength += bytes.length;
    if (this.#queue.length === 1 && !this.isOpening) this.#flush();
    this.#update();
    return this.writableLength < highWater;
  }

  end(contentOrDone?: string | Uint8Array | (() => void), done?: () => void): this {
    if (contentOrDone !== undefined && typeof contentOrDone !== "function") this.write(contentOrDone);
    const call = typeof contentOrDone === "function" ? contentOrDone : done;
    if (call) this.once("finish", call);
    if (this.#isEnding || this.#isFinished || this.destroyed) return this;
    this.#isEnding = true;
    if (!this.isOpening) this.#flush();
    this.#update();
    return this;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    if (this.#watched !== 0) native.unwatch(this.fd);
    this.#watched = 0;
    if (this.fd >= 0) native.close(this.fd);
    this.fd = -1;
    const waiting = this.#queue;
    this.#queue = [];
    this.writableLength = 0;
    this.release();
    setImmediate(() => {
      const why = error ?? Object.assign(new Error("the stream was destroyed"), { code: "ERR_STREAM_DESTROYED" });
      for (const { done } of waiting) done?.(why);
      if (error) this.emit("error", error);
      this.emit("close", error !== undefined);
    });
    return this;
  }

  ref(): this {
    this.#isRef = true;
    if (!this.destroyed) this.#hold();
    return this;
  }

  unref(): this {
    this.#isRef = false;
    this.release();
    return this;
  }

  /** From now on it may read and write. */
  protected opened(): void {
    this.isOpening = false;
    this.#flush();
    this.#update();
  }

  protected release(): void {
    if (this.#isHeld) native.hold(-1);
    this.#isHeld = false;
  }

  #hold(): void {
    if (!this.#isHeld && this.#isRef) {
      native.hold(1);
      this.#isHeld = true;
    }
  }

  #update(): void {
    if (this.destroyed || this.isOpening) return;
    const wanted = (this.#reading === "flowing" && !this.#isAtEnd ? readable : 0) | (this.#queue.length > 0 ? writable : 0);
    if (wanted === this.#watched) return;
    // A descriptor that nothing is wanted of still tells of its end, again and again: it is not watched at all.
    if (wanted === 0) native.unwatch(this.fd);
    else {
      const result = native.watch(this.fd, wanted, (ready) => {
        this.#ready(ready);
      });
      if (result < 0) this.destroy(socketError(result, "epoll_ctl"));
    }
    this.#watched = wanted;
  }

  #ready(ready: number): void {
    if (ready & writable && this.#queue.length > 0) this.#flush();
    if (ready & readable && this.#reading === "flowing" && !this.#isAtEnd) this.#read();
    this.#update();
  }

  #read(): void {
    for (let count = 0; count < readingsAtOnce && this.#isFlowing(); count++) {
      const got = native.receive(this.fd, most);
      if (typeof got === "number") {
        if (!isAgain(got)) this.destroy(socketError(got, "read"));
        return;
      }
      if (got.length === 0) {
        this.#endOfInput();
        return;
      }
      this.#deliver(got);
    }
  }

  /** A listener may pause or destroy it. */
  #isFlowing(): boolean {
    return !this.destroyed && this.#reading === "flowing";
  }

  #deliver(bytes: Uint8Array<ArrayBuffer>): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#encoding === undefined) this.emit("data", chunk);
    else {
      // A character that is not whole waits for its rest.
      const whole = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      const end = this.#encoding.startsWith("utf") ? endOfWhole(whole) : whole.length;
      this.#held = whole.subarray(end);
      if (end > 0) this.emit("data", whole.toString(this.#encoding, 0, end));
    }
  }

  #endOfInput(): void {
    this.#isAtEnd = true;
    if (this.#held.length > 0) this.emit("data", Buffer.from(this.#held).toString(this.#encoding));
    this.emit("end");
    if (!this.#allowHalfOpen) this.end();
    this.#closeIfDone();
  }

  #flush(): void {
    while (!this.destroyed) {
      const [first] = this.#queue;
      if (!first) break;
      const { bytes, offset, done } = first;
      const took = bytes.length === 0 ? 0 : this.send(bytes, offset);
      if (took < 0) {
        if (!isAgain(took)) this.destroy(socketError(took, "write"));
        return;
      }
      first.offset += took;
      this.writableLength -= took;
      if (first.offset < bytes.length) continue;
      this.#queue.shift();
      if (done) queueMicrotask(done);
      if (this.#queue.length === 0)
        queueMicrotask(() => {
          this.emit("drain");
        });
    }
    if (this.#isEnding && !this.#isFinished && !this.destroyed) {
      this.#isFinished = true;
      this.finish();
      queueMicrotask(() => {
        this.emit("finish");
      });
      // Who has said all and never listened waits for the other's goodbye alone.
      if (this.#reading === "undecided" && this.#canRead) this.resume();
      this.#closeIfDone();
    }
  }

  /** Bytes that were taken, or an error. */
  protected send(bytes: Uint8Array, offset: number): number {
    return native.send(this.fd, bytes, offset, bytes.length - offset);
  }

  /** All is written. */
  protected finish(): void {
    native.shutDown(this.fd);
  }

  #closeIfDone(): void {
    if (this.#isAtEnd && this.#isFinished) this.destroy();
  }
}

/** One end of a pipe. */
export class PipeEnd extends ByteStream {
  protected override send(bytes: Uint8Array, offset: number): number {
    return native.write(this.fd, bytes, offset, bytes.length - offset);
  }

  protected override finish(): void {/* closing it, which follows, is the end */}
}

/** Where the last character begins that is not whole, if there is one. */
function endOfWhole(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
