// A client and a server session in one process, on a clock that the test turns: no sockets, no waiting, no chance.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileDtls, instantiateShim } from "../src/dtls-module.ts";
import type { DtlsModule, Shim } from "../src/dtls-module.ts";
import { DtlsSession } from "../src/dtls-session.ts";
import type { DtlsEffect, DtlsOptions } from "../src/dtls-session.ts";
import { psk } from "./peers.ts";
import { seeded } from "./proxy.ts";

/** The tests' server, built by the same script as the client if it is not there yet. */
export async function loadServer(): Promise<DtlsModule> {
  const file = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  execFileSync(file("scripts/build-dtls.sh"), [file("build/dtls/test-server.wasm"), file("packages/dtls-wasm/test/server")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return compileDtls(readFileSync(file("build/dtls/test-server.wasm")));
}

interface ServerShim extends Shim {
  dtls_serve(identity: number, identityLength: number, key: number, keyLength: number, withConnectionId: number): number;
}

export interface NetOptions {
  readonly client?: Partial<DtlsOptions>;
  readonly connectionId?: boolean;
  readonly seed?: number;
  /** What becomes of a datagram: what is returned arrives, in this order. */
  readonly link?: (direction: "to-server" | "to-client", datagram: Uint8Array) => readonly Uint8Array[];
}

export class MemoryNet {
  readonly client: DtlsSession;
  /** Everything the client said, in order; datagrams are in `sent`. */
  readonly events: Exclude<DtlsEffect, { is: "transmit" }>[] = [];
  readonly sent: { readonly atMs: number; readonly datagram: Uint8Array }[] = [];
  readonly received: Uint8Array[] = [];
  /** Messages that the server decrypted. */
  readonly served: string[] = [];
  nowMs = 0;
  unixSeconds = 1_900_000_000;
  link: NonNullable<NetOptions["link"]>;
  readonly #server: ServerShim;
  #toServer: Uint8Array[] = [];
  #toClient: Uint8Array[] = [];
  #serverDead = false;

  constructor(clientModule: DtlsModule, serverModule: DtlsModule, options: NetOptions = {}) {
    const chance = seeded(options.seed ?? 1);
    const random = (into: Uint8Array): void => {
      for (let at = 0; at < into.length; at++) into[at] = Math.floor(chance() * 256);
    };
    this.link = options.link ?? ((_direction, datagram) => [datagram]);
    this.client = new DtlsSession(clientModule, { credentials: psk, serverName: "isp.example", ...options.client }, {
      random,
      nowMs: () => this.nowMs,
      unixSeconds: () => this.unixSeconds,
    });
    const server = instantiateShim(serverModule, {
      transmit: (at, length) => {
        this.#toClient.push(...this.link("to-client", this.#memory(at, length).slice()));
      },
      random: (at, length) => {
        random(this.#memory(at, length));
        return 0;
      },
      nowMs: () => this.nowMs,
      unixSeconds: () => this.unixSeconds,
    }) as ServerShim;
    this.#server = server;
    const lend = (bytes: Uint8Array): [number, number] => {
      const at = server.dtls_reserve(bytes.length);
      this.#memory(at, bytes.length).set(bytes);
      return [at, bytes.length];
    };
    const result = server.dtls_serve(...lend(Buffer.from(psk.identity)), ...lend(psk.key), options.connectionId ? 1 : 0);
    if (result !== 0) throw new Error(`the test server does not start: ${String(result)}`);
  }

  /** Performs what the client wants, then delivers until the network is quiet. */
  perform(effects: readonly DtlsEffect[]): void {
    for (const effect of effects) {
      if (effect.is === "transmit") {
        this.sent.push({ atMs: this.nowMs, datagram: effect.datagram });
        this.#toServer.push(...this.link("to-server", effect.datagram));
      } else this.events.push(effect);
    }
  }

  deliver(): void {
    for (;;) {
      const toServer = this.#toServer.shift();
      if (toServer) this.#serve(toServer);
      const toClient = this.#toClient.shift();
      if (toClient) {
        this.received.push(toClient);
        this.perform(this.client.receive(toClient));
      }
      if (!toServer && !toClient) return;
    }
  }

  /** Turns the clock, timer by timer, until the client is connected or closed, or `untilMs`. */
  run(untilMs: number): void {
    this.deliver();
    while (!this.settled) {
      const waits = [this.client.nextTimeoutMs(), this.#serverDead ? undefined : this.#server.dtls_timer()]
        .filter((wait): wait is number => wait !== undefined && wait >= 0);
      const next = this.nowMs + Math.max(1, Math.min(...waits));
      if (next > untilMs) return;
      this.nowMs = next;
      this.perform(this.client.onTimer());
      this.#serve();
      this.deliver();
    }
  }

  /** start() and run(). */
  connect(untilMs = 25_000): this {
    this.perform(this.client.start());
    this.run(untilMs);
    return this;
  }

  get settled(): boolean {
    return this.events.some(({ is }) => is === "connected" || is === "closed");
  }
  get connected(): boolean {
    return this.events.some(({ is }) => is === "connected");
  }
  get data(): string[] {
    return this.events.flatMap((event) => event.is === "data" ? [Buffer.from(event.bytes).toString()] : []);
  }

  /** Whether the server echoes a message of the client's now. */
  echoes(text: string): boolean {
    this.perform(this.client.send(Buffer.from(text)));
    this.deliver();
    return this.data.includes(text);
  }

  /** The server says goodbye. */
  serverCloses(): void {
    this.#server.dtls_close();
  }

  #serve(datagram?: Uint8Array): void {
    if (this.#serverDead) return;
    const server = this.#server;
    if (datagram) {
      if (datagram.length > server.dtls_buffer_size()) return;
      this.#memory(server.dtls_buffer(), datagram.length).set(datagram);
      server.dtls_receive(datagram.length);
    }
    for (let answer; (answer = server.dtls_pump()) !== 0;) {
      if (answer < 0 || answer === 3) {
        this.#serverDead = true;
        return;
      }
      if (answer !== 2) continue;
      const message = this.#memory(server.dtls_buffer(), server.dtls_message_length()).slice();
      this.served.push(Buffer.from(message).toString());
      this.#memory(server.dtls_buffer(), message.length).set(message);
      server.dtls_send(message.length);
    }
  }

  #memory(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#server.memory.buffer, at, length);
  }
}
