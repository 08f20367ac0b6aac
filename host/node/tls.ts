import { EventEmitter } from "./events.ts";
import { setImmediate } from "./timers.ts";

/** Certificates over TCP are not checked yet, as there is no TLS over TCP. */
export function checkServerIdentity(): never {
  throw new Error(missing);
}

const missing = "the native runtime has no TLS over TCP yet; set option transport 'udp'";

/** A connection that fails at once, in the way of those that do. */
class FailedSocket extends EventEmitter {
  destroyed = false;
  readonly writableLength = 0;
  setNoDelay(): this {
    return this;
  }
  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

export function connect(): FailedSocket {
  const socket = new FailedSocket();
  setImmediate(() => {
    if (!socket.destroyed) socket.emit("error", Object.assign(new Error(missing), { code: "EPROTONOSUPPORT" }));
  });
  return socket;
}
