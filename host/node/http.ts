import { Buffer } from "./buffer.ts";
import { EventEmitter } from "./events.ts";
import { Server as NetServer, type Socket } from "./net.ts";

/**
 * HTTP/1.1 as the daemon needs it: a server that answers one request on each connection, and a client that sends one on a socket that it is given.
 * Bodies are told as they come, and not decoded: nobody here reads them.
 */
type Headers = Record<string, string>;
interface Head {
  readonly first: string;
  readonly headers: Headers;
  readonly rest: Buffer;
}

const standardHead = 16 * 1024;
const endOfHead = Buffer.from("\r\n\r\n");
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const reasons: Readonly<Record<number, string>> = { 200: "OK", 511: "Network Authentication Required" };

/** Cuts heads from what comes: one for each call of `next`; undefined while it is not whole, or the word for what is wrong. */
class HeadReader {
  #held = Buffer.alloc(0);
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  next(chunk: Buffer): Head | undefined | "HPE_HEADER_OVERFLOW" | "HPE_INVALID_HEADER_TOKEN" {
    // The end of a head may lie across two chunks.
    const from = Math.max(0, this.#held.length - endOfHead.length);
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = this.#held.indexOf(endOfHead, from);
    if (end < 0 ? this.#held.length > this.#most : end > this.#most) return "HPE_HEADER_OVERFLOW";
    if (end < 0) return undefined;
    const [first = "", ...lines] = this.#held.toString("latin1", 0, end).split("\r\n");
    const rest = this.#held.subarray(end + endOfHead.length);
    this.#held = Buffer.alloc(0);
    const headers = readFields(lines);
    return headers ? { first, headers, rest } : "HPE_INVALID_HEADER_TOKEN";
  }
}

/** RFC 9112 §5: no space before the colon, no folded lines, no control characters. Of a field that comes twice both, with a comma. */
function readFields(lines: readonly string[]): Headers | undefined {
  const headers: Headers = {};
  for (const line of lines) {
    const at = line.indexOf(":");
    const name = line.slice(0, at).toLowerCase(), value = line.slice(at + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (at < 1 || !token.test(name) || hasControls(value)) return undefined;
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name] ?? ""}, ${value}` : value;
  }
  return headers;
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 9) || code === 0x7f) return true;
  }
  return false;
}

export class IncomingMessage extends EventEmitter {
  readonly socket: Socket;
  readonly headers: Headers;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly statusCode: number | undefined;
  constructor(socket: Socket, headers: Headers,
    { method, url, statusCode }: { readonly method?: string; readonly url?: string; readonly statusCode?: number }) {
    super();
    this.socket = socket;
    this.headers = headers;
    this.method = method;
    this.url = url;
    this.statusCode = statusCode;
  }
}

export class ServerResponse {
  readonly #socket: Socket;
  readonly #method: string | undefined;
  #head = "";
  constructor(socket: Socket, method: string | undefined) {
    this.#socket = socket;
    this.#method = method;
  }

  /** `headers` say how long the body is. */
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): this {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    this.#head = `HTTP/1.1 ${String(status)} ${reasons[status] ?? "Status"}\r\n${lines.join("")}Date: ${new Date().toUTCString()}\r\n\r\n`;
    return this;
  }

  /** The connection ends with it. */
  end(body: Uint8Array | string = ""): void {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    this.#socket.end(Buffer.concat(this.#method === "HEAD" ? [Buffer.from(this.#head)] : [Buffer.from(this.#head), bytes]));
  }
}

interface ServerOptions {
  readonly maxHeaderSize?: number;
  readonly headersTimeout?: number;
  readonly requestTimeout?: number;
  readonly connectionsCheckingInterval?: number;
  readonly keepAlive?: boolean;
  readonly requireHostHeader?: boolean;
}

class Server extends NetServer {
  constructor({ maxHeaderSize = standardHead, headersTimeout = 60_000, requireHostHeader = true }: ServerOptions) {
    super({ allowHalfOpen: true });
    this.on("connection", (socket: Socket) => {
      this.#read(socket, new HeadReader(maxHeaderSize), headersTimeout, requireHostHeader);
    });
  }

  #read(socket: Socket, heads: HeadReader, patience: number, needsHost: boolean): void {
    let request: IncomingMessage | undefined;
    const refuse = (code: string): void => {
      const error = Object.assign(new Error(`Parse Error: ${code}`), { code });
      if (!this.emit("clientError", error, socket)) socket.destroy();
    };
    const timer = setTimeout(() => {
      if (!request && !socket.destroyed) refuse("ERR_HTTP_REQUEST_TIMEOUT");
    }, patience);
    socket.once("close", () => {
      clearTimeout(timer);
    });
    if (socket.listenerCount("error") === 0) socket.on("error", () => undefined);
    socket.on("end", () => {
      if (!request) socket.destroy();
    });
    socket.on("data", (chunk: Buffer) => {
      if (request) {
        request.emit("data", chunk);
        return;
      }
      const head = heads.next(chunk);
      if (head === undefined) return;
      if (typeof head === "string") {
        refuse(head);
        return;
      }
      const [, method = "", url = "", version] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/.exec(head.first) ?? [];
      if (version === undefined) refuse("HPE_INVALID_METHOD");
      else if (needsHost && version === "1" && head.headers["host"] === undefined) refuse("HPE_MISSING_HOST");
      else {
        request = new IncomingMessage(socket, head.headers, { method, url });
        const response = new ServerResponse(socket, method);
        const isExpectant = head.headers["expect"]?.toLowerCase() === "100-continue" && this.listenerCount("checkContinue") > 0;
        this.emit(isExpectant ? "checkContinue" : "request", request, response);
        if (head.rest.length > 0) request.emit("data", head.rest);
      }
    });
  }
}

export const createServer = (options: ServerOptions = {}): Server => new Server(options);

interface RequestOptions {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly createConnection: () => Socket;
  readonly maxHeaderSize?: number;
  readonly setHost: false;
}

/** One request on a socket that is connected. Events: information (1xx), upgrade (101), response, error. */
class ClientRequest extends EventEmitter {
  readonly #socket: Socket;
  readonly #head: string;
  #response: IncomingMessage | undefined;

  constructor({ method, path, headers, createConnection, maxHeaderSize = standardHead }: RequestOptions) {
    super();
    const fields = Object.entries(headers);
    if (/[^\x21-\x7e]/.test(path) || fields.some(([name, value]) => !token.test(name) || hasControls(value)))
      throw new TypeError("Invalid character in the request");
    this.#head = `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
    this.#socket = createConnection();
    const heads = new HeadReader(maxHeaderSize);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#receive(heads, chunk);
    });
    this.#socket.on("error", (error: Error) => {
      if (this.listenerCount("error") > 0) this.emit("error", error);
    });
    this.#socket.on("end", () => {
      this.#response?.emit("end");
    });
  }

  #receive(heads: HeadReader, chunk: Buffer): void {
    if (this.#response) {
      this.#response.emit("data", chunk);
      return;
    }
    for (let head = heads.next(chunk); head !== undefined; head = heads.next(typeof head === "string" ? Buffer.alloc(0) : head.rest)) {
      const [, digits] = typeof head === "string" ? [] : /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(head.first) ?? [];
      if (typeof head === "string" || digits === undefined) {
        const code = typeof head === "string" ? head : "HPE_INVALID_CONSTANT";
        this.emit("error", Object.assign(new Error(`Parse Error: ${code}`), { code }));
        return;
      }
      const status = Number(digits);
      const message = new IncomingMessage(this.#socket, head.headers, { statusCode: status });
      if (status === 101) {
        this.emit("upgrade", message);
        return;
      }
      if (status < 200) {
        this.emit("information", message);
        continue;
      }
      this.#response = message;
      this.emit("response", message);
      if (head.rest.length > 0) message.emit("data", head.rest);
      // What was said of its length is all that is waited for.
      if (head.headers["content-length"] === "0" || status === 204) message.emit("end");
      return;
    }
  }

  end(body: string): void {
    this.#socket.write(Buffer.from(this.#head + body));
  }
  destroy(): void {
    this.#socket.destroy();
  }
}

export const request = (options: RequestOptions): ClientRequest => new ClientRequest(options);
