import { ByteStream } from "./byte-stream.ts";
import { EventEmitter } from "./events.ts";
import { inProgress, isAgain, socketError } from "./system-error.ts";
import { setImmediate } from "./timers.ts";

interface ConnectOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly localAddress?: string;
  readonly noDelay?: boolean;
  readonly allowHalfOpen?: boolean;
}

export const isIP = (text: string): 0 | 4 | 6 => native.isAddress(text);
export const isIPv4 = (text: string): boolean => isIP(text) === 4;
export const isIPv6 = (text: string): boolean => isIP(text) === 6;

export class Socket extends ByteStream {
  get localAddress(): string | undefined {
    return this.#end(false)?.[0];
  }
  get localPort(): number | undefined {
    return this.#end(false)?.[1];
  }
  get remoteAddress(): string | undefined {
    return this.#peer ?? this.#end(true)?.[0];
  }
  get remotePort(): number | undefined {
    return this.#end(true)?.[1];
  }
  get connecting(): boolean {
    return this.isOpening;
  }
  #peer: string | undefined;

  setNoDelay(isOn = true): this {
    if (this.fd >= 0) native.setOption(this.fd, "noDelay", isOn);
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  /** It was accepted. */
  accepted(): this {
    this.#peer = this.#end(true)?.[0];
    return this;
  }

  begin({ host = "127.0.0.1", port = 0, path, localAddress, noDelay = false }: ConnectOptions): this {
    this.isOpening = true;
    const where = path ?? `${host}:${String(port)}`;
    const fail = (error: number, syscall: string): void => {
      this.isOpening = false;
      this.destroy(socketError(error, syscall, where));
    };
    if (path === undefined && isIP(host) === 0) throw new TypeError(`this runtime connects to addresses, not to names: ${host}`);
    if (this.fd < 0) {
      fail(this.fd, "socket");
      return this;
    }
    const bound = localAddress === undefined ? 0 : native.bind(this.fd, localAddress, 0);
    const result = bound < 0 ? bound : native.connect(this.fd, path ?? host, port);
    if (result < 0 && result !== inProgress) {
      fail(result, bound < 0 ? "bind" : "connect");
      return this;
    }
    native.watch(this.fd, 2, () => {
      native.unwatch(this.fd);
      const error = native.pendingError(this.fd);
      if (error < 0) fail(error, "connect");
      else {
        if (noDelay) this.setNoDelay();
        this.emit("connect");
        this.opened();
      }
    });
    return this;
  }

  override destroy(error?: Error): this {
    if (this.isOpening && this.fd >= 0) native.unwatch(this.fd);
    return super.destroy(error);
  }

  #end(isPeer: boolean): [string, number] | undefined {
    if (this.fd < 0) return undefined;
    const found = native.address(this.fd, isPeer);
    return typeof found === "number" ? undefined : found;
  }
}

/** connect(path), connect(port, address) or connect(options); addresses only, no names. */
export function connect(target: string | number | ConnectOptions, second?: string | (() => void), third?: () => void): Socket {
  const options: ConnectOptions = typeof target === "string"
    ? { path: target }
    : typeof target === "number"
    ? { port: target, ...(typeof second === "string" ? { host: second } : {}) }
    : target;
  const family = options.path !== undefined ? 1 : isIP(options.host ?? "127.0.0.1");
  const socket = new Socket(native.socket(family, true), { allowHalfOpen: options.allowHalfOpen ?? false });
  const connected = typeof second === "function" ? second : third;
  if (connected) socket.once("connect", connected);
  return socket.begin(options);
}
export const createConnection = connect;

interface ListenOptions {
  readonly port?: number;
  readonly host?: string;
  readonly path?: string;
  readonly backlog?: number;
}

export class Server extends EventEmitter {
  listening = false;
  #fd = -1;
  #open = 0;
  #path: string | undefined;
  #isRef = true;
  #isClosing = false;
  readonly #allowHalfOpen: boolean;

  constructor({ allowHalfOpen = false } = {}) {
    super();
    this.#allowHalfOpen = allowHalfOpen;
  }

  /** Binds before it returns; whether that went well is told afterwards. */
  listen(target: string | number | ListenOptions, ...rest: readonly (string | number | (() => void) | undefined)[]): this {
    const called = rest.find((each) => typeof each === "function");
    const host = rest.find((each) => typeof each === "string");
    if (called) this.once("listening", called);
    const options: ListenOptions = typeof target === "string"
      ? { path: target }
      : typeof target === "number"
      ? { port: target, ...(host === undefined ? {} : { host }) }
      : target;
    const failed = this.#listen(options);
    setImmediate(() => {
      if (failed) this.emit("error", failed);
      else if (this.#fd >= 0) this.emit("listening");
    });
    return this;
  }

  #listen({ port = 0, host = "::", path, backlog = 511 }: ListenOptions): Error | undefined {
    const where = path ?? `${host}:${String(port)}`;
    const fd = native.socket(path !== undefined ? 1 : isIP(host), true);
    if (fd < 0) return socketError(fd, "listen", where);
    if (path === undefined) {
      native.setOption(fd, "reuseAddress", true);
      if (isIP(host) === 6) native.setOption(fd, "onlyIpv6", false);
    }
    for (
      const act of [() => native.bind(fd, path ?? host, port), () => native.listen(fd, backlog), () =>
        native.watch(fd, 1, () => {
          this.#accept();
        })]
    ) {
      const result = act();
      if (result >= 0) continue;
      native.close(fd);
      return socketError(result, "listen", where);
    }
    this.#fd = fd;
    this.#path = path;
    this.listening = true;
    if (this.#isRef) native.hold(1);
    return undefined;
  }

  #accept(): void {
    const fd = native.accept(this.#fd);
    if (fd < 0) {
      if (!isAgain(fd) && this.listenerCount("error") > 0) this.emit("error", socketError(fd, "accept"));
      return;
    }
    const socket = new Socket(fd, { allowHalfOpen: this.#allowHalfOpen }).accepted();
    this.#open++;
    socket.once("close", () => {
      this.#open--;
      this.#tellIfClosed();
    });
    this.emit("connection", socket);
  }

  address(): { readonly address: string; readonly family: string; readonly port: number } | string | null {
    if (this.#fd < 0) return null;
    const found = native.address(this.#fd, false);
    if (this.#path !== undefined || typeof found === "number") return this.#path ?? null;
    return { address: found[0], family: found[0].includes(":") ? "IPv6" : "IPv4", port: found[1] };
  }

  close(closed?: (error?: Error) => void): this {
    const wasOpen = this.#fd >= 0;
    if (closed)
      this.once("close", () => {
        closed(wasOpen ? undefined : Object.assign(new Error("Server is not running."), { code: "ERR_SERVER_NOT_RUNNING" }));
      });
    if (wasOpen) {
      native.unwatch(this.#fd);
      native.close(this.#fd);
      if (this.#isRef) native.hold(-1);
    }
    this.#fd = -1;
    this.listening = false;
    this.#isClosing = true;
    this.#tellIfClosed();
    return this;
  }

  #tellIfClosed(): void {
    if (!this.#isClosing || this.#open > 0) return;
    this.#isClosing = false;
    setImmediate(() => {
      this.emit("close");
    });
  }

  ref(): this {
    if (!this.#isRef && this.#fd >= 0) native.hold(1);
    this.#isRef = true;
    return this;
  }

  unref(): this {
    if (this.#isRef && this.#fd >= 0) native.hold(-1);
    this.#isRef = false;
    return this;
  }
}

export function createServer(options: { readonly allowHalfOpen?: boolean } | ((socket: Socket) => void) = {}, connected?: (socket: Socket) => void): Server {
  const server = new Server(typeof options === "function" ? {} : options);
  const call = typeof options === "function" ? options : connected;
  if (call) server.on("connection", call);
  return server;
}
export default { connect, createConnection, createServer, isIP, isIPv4, isIPv6, Server, Socket };
