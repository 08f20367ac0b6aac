import { Buffer } from "./buffer.ts";
import { EventEmitter } from "./events.ts";
import { isAgain, socketError } from "./system-error.ts";

type Sent = (error: Error | null) => void;
/** Datagrams before others get their turn. */
const readingsAtOnce = 32;
const largest = 65_536;

export class Socket extends EventEmitter {
  readonly #fd: number;
  readonly #isIpv6: boolean;
  #isReading = false;
  #isOpen = true;
  #isRef = true;

  constructor(isIpv6: boolean) {
    super();
    this.#isIpv6 = isIpv6;
    this.#fd = native.socket(isIpv6 ? 6 : 4, false);
    if (this.#fd < 0) {
      this.#isOpen = false;
      // As Node has it: the first use throws.
      throw socketError(this.#fd, "socket");
    }
    native.hold(1);
  }

  bind({ address = this.#isIpv6 ? "::" : "0.0.0.0", port = 0 }: { readonly address?: string; readonly port?: number; readonly exclusive?: boolean },
    bound?: () => void): this {
    const result = native.bind(this.#fd, address, port);
    queueMicrotask(() => {
      if (!this.#isOpen) return;
      if (result < 0) this.emit("error", socketError(result, "bind", address));
      else {
        this.#read();
        this.emit("listening");
        bound?.();
      }
    });
    return this;
  }

  connect(port: number, address: string, connected?: (error?: Error) => void): void {
    const result = native.connect(this.#fd, address, port);
    queueMicrotask(() => {
      if (!this.#isOpen) return;
      const error = result < 0 ? socketError(result, "connect", `${address}:${String(port)}`) : undefined;
      if (!error) this.#read();
      if (connected) connected(error);
      else this.emit(error ? "error" : "connect", error);
    });
  }

  /** send(message, sent) where it is connected, else send(message, port, address, sent). A datagram that the kernel has no room for is lost. */
  send(message: Uint8Array | string, ...rest: readonly unknown[]): void {
    if (!this.#isOpen) throw Object.assign(new Error("Not running"), { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
    const bytes = typeof message === "string" ? Buffer.from(message) : message;
    const [port, address] = rest;
    const sent = rest.find((each) => typeof each === "function") as Sent | undefined;
    const result = typeof port === "number" ? native.sendTo(this.#fd, bytes, String(address), port) : native.send(this.#fd, bytes, 0, bytes.length);
    queueMicrotask(() => {
      sent?.(result < 0 ? socketError(result, "send") : null);
    });
  }

  address(): { readonly address: string; readonly port: number; readonly family: string } {
    const found = native.address(this.#fd, false);
    if (typeof found === "number") throw socketError(found, "getsockname");
    return { address: found[0], port: found[1], family: this.#isIpv6 ? "IPv6" : "IPv4" };
  }

  close(closed?: () => void): this {
    if (!this.#isOpen) throw Object.assign(new Error("Not running"), { code: "ERR_SOCKET_DGRAM_NOT_RUNNING" });
    if (closed) this.once("close", closed);
    this.#isOpen = false;
    if (this.#isReading) native.unwatch(this.#fd);
    native.close(this.#fd);
    if (this.#isRef) native.hold(-1);
    queueMicrotask(() => {
      this.emit("close");
    });
    return this;
  }

  ref(): this {
    if (!this.#isRef && this.#isOpen) native.hold(1);
    this.#isRef = true;
    return this;
  }

  unref(): this {
    if (this.#isRef && this.#isOpen) native.hold(-1);
    this.#isRef = false;
    return this;
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    native.watch(this.#fd, 1, () => {
      for (let count = 0; count < readingsAtOnce && this.#isOpen; count++) {
        const got = native.receive(this.#fd, largest);
        if (typeof got === "number") {
          if (!isAgain(got)) this.emit("error", socketError(got, "recvmsg"));
          return;
        }
        this.emit("message", Buffer.from(got.buffer, got.byteOffset, got.length));
      }
    });
  }
}

export function createSocket(options: "udp4" | "udp6" | { readonly type: "udp4" | "udp6" }): Socket {
  return new Socket((typeof options === "string" ? options : options.type) === "udp6");
}
