import { request } from "node:http";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly from?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request on a connection of its own. */
export function ask(port: number, { method = "GET", path = "/", from = "127.0.0.1", host = "127.0.0.1", headers = {}, body }: Asking = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, path, method, headers, agent: false, ...(host.includes(":") ? {} : { localAddress: from }) }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("error", reject).once("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    asking.once("error", reject).end(body);
  });
}

/** A bare connection, and what it heard until its end. */
export function dial(port: number, from: string, say = ""): { readonly socket: Socket; readonly heard: () => string; readonly ended: Promise<void> } {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from });
  let heard = "";
  socket.on("error", () => undefined).setEncoding("latin1").on("data", (chunk: string) => {
    heard += chunk;
  });
  if (say !== "") socket.write(say);
  return {
    socket,
    heard: () => heard,
    ended: new Promise((resolve) =>
      socket.once("close", () => {
        resolve();
      })
    ),
  };
}

/** A port that nobody has now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });
}
