import { failure, sessionError, silence, unusableConfiguration } from "./dtls-failure.ts";
import type { DtlsFailure } from "./dtls-failure.ts";
import { instantiateShim } from "./dtls-module.ts";
import type { DtlsModule, Shim } from "./dtls-module.ts";

export type DtlsCredentials =
  | { readonly is: "psk"; readonly identity: string; readonly key: Uint8Array }
  /** PEM texts; `ca` and `cert` may hold several certificates, `key` is not encrypted. */
  | { readonly is: "certificate"; readonly ca: string; readonly cert: string; readonly key: string };

export interface DtlsOptions {
  readonly credentials: DtlsCredentials;
  /** A host name or IP literal: sent as SNI (names only) and, with certificates, what the peer's must be for. */
  readonly serverName: string;
  /** The longest datagram to send. Default 1200: with IPv6 and UDP headers it stays below 1280. */
  readonly mtu?: number;
  /** What saveSession() returned earlier. Ignored if older than a day or made with other credentials or another name. */
  readonly resume?: Uint8Array;
  /** RFC 6347 §4.2.4.1: retransmission starts at 1 s and doubles; when it would exceed 60 s, the session gives up. */
  readonly handshakeTimer?: { readonly minMs: number; readonly maxMs: number };
}

/** Time and randomness, which a session asks for instead of having them. */
export interface DtlsHost {
  /** Fills with bytes of cryptographic quality. */
  random(into: Uint8Array): void;
  /** Monotonic. */
  nowMs(): number;
  /** For the validity of certificates and saved sessions. */
  unixSeconds(): number;
}

/** What the caller has to do or to know, in this order. */
export type DtlsEffect =
  | { readonly is: "transmit"; readonly datagram: Uint8Array }
  | { readonly is: "connected"; readonly cipherSuite: string; readonly resumed: boolean; readonly connectionId: boolean }
  | { readonly is: "data"; readonly bytes: Uint8Array }
  | { readonly is: "closed"; readonly failure: DtlsFailure };

/** RFC 6347 §4.1: the header of a record. What is shorter cannot be one; an empty datagram is not the end either. */
const shortestRecord = 13;

// shim.c's answers to dtls_pump().
const idle = 0, connected = 1, data = 2, closedByPeer = 3;
const timeoutError = -0x6800;
/** X509_CERT_VERIFY_FAILED and SSL_BAD_CERTIFICATE, the errors that set the flags. */
const certificateErrors: readonly number[] = [-0x2700, -0x7a00];

/**
 * A DTLS 1.2 client session without I/O: datagrams and expired timers go in, effects come out. Call start() once, then
 * receive() and onTimer(); after a "closed" effect, or close(), every call returns nothing more.
 */
export class DtlsSession {
  readonly #module: DtlsModule;
  readonly #options: DtlsOptions;
  readonly #host: DtlsHost;
  #shim: Shim | undefined;
  #at: "new" | "handshake" | "session" | "closed" = "new";
  #effects: DtlsEffect[] = [];

  constructor(module: DtlsModule, options: DtlsOptions, host: DtlsHost) {
    this.#module = module;
    this.#options = options;
    this.#host = host;
  }

  /** Sends the ClientHello. */
  start(): DtlsEffect[] {
    if (this.#at !== "new") return [];
    this.#at = "handshake";
    return this.#guarded((shim) => {
      const refused = this.#configure(shim);
      if (refused) this.#fail(refused);
      else this.#pump(shim);
    });
  }

  /** A datagram from the peer's address. Whatever it contains, only authenticated data comes out. */
  receive(datagram: Uint8Array): DtlsEffect[] {
    return this.#guarded((shim) => {
      if (datagram.length < shortestRecord || datagram.length > shim.dtls_buffer_size()) return;
      this.#bytes(shim.dtls_buffer(), datagram.length).set(datagram);
      shim.dtls_receive(datagram.length);
      this.#pump(shim);
    });
  }

  /** When to call onTimer(), from now; undefined: no timer is needed. Ask again after every other call. */
  nextTimeoutMs(): number | undefined {
    const left = this.#at === "handshake" ? this.#shim?.dtls_timer() ?? -1 : -1;
    return left < 0 ? undefined : Math.ceil(left);
  }

  /** Retransmits the last flight if its time has come. */
  onTimer(): DtlsEffect[] {
    return this.#guarded((shim) => {
      this.#pump(shim);
    });
  }

  /** The longest message that fits into one datagram; 0 while there is no session. */
  get maxMessageBytes(): number {
    return this.#at === "session" ? Math.max(0, this.#shim?.dtls_longest_message() ?? 0) : 0;
  }

  /**
   * Sends one message as one datagram, which may get lost like any. Without a session it is lost at once.
   * @throws RangeError if it is longer than maxMessageBytes: RFC 6347 has no fragments of application data.
   */
  send(message: Uint8Array): DtlsEffect[] {
    if (this.#at !== "session") return [];
    if (message.length > this.maxMessageBytes)
      throw new RangeError(`a message of ${String(message.length)} bytes, but at most ${String(this.maxMessageBytes)} fit into a datagram`);
    return this.#guarded((shim) => {
      this.#bytes(shim.dtls_buffer(), message.length).set(message);
      const sent = shim.dtls_send(message.length);
      if (sent < 0) this.#failWith(shim, sent);
    });
  }

  /** Says goodbye, forgets the keys. */
  close(): DtlsEffect[] {
    return this.#guarded((shim) => {
      shim.dtls_close();
      this.#forget();
    });
  }

  /** Gives up a handshake that takes too long; the "closed" effect tells what the silence most likely means. */
  giveUp(): DtlsEffect[] {
    return this.#guarded((shim) => {
      if (this.#at === "handshake") this.#fail(silence(shim.dtls_phase(), this.#options.credentials.is));
    });
  }

  /** For DtlsOptions.resume; it contains the master secret and must be kept like a key. */
  saveSession(): Uint8Array | undefined {
    const shim = this.#shim;
    if (this.#at !== "session" || !shim) return undefined;
    const length = shim.dtls_save_session();
    return length > 0 ? this.#takeSecret(shim.dtls_buffer(), length) : undefined;
  }

  #instantiate(): Shim {
    return instantiateShim(this.#module, {
      transmit: (at, length) => this.#effects.push({ is: "transmit", datagram: this.#bytes(at, length).slice() }),
      random: (into, length) => {
        this.#host.random(this.#bytes(into, length));
        return 0;
      },
      nowMs: () => this.#host.nowMs(),
      unixSeconds: () => this.#host.unixSeconds(),
    });
  }

  #pump(shim: Shim): void {
    for (;;) {
      const answer = shim.dtls_pump();
      if (answer === idle) return;
      if (answer === connected) {
        this.#at = "session";
        this.#effects.push({
          is: "connected",
          cipherSuite: this.#text(shim.dtls_cipher_suite()),
          resumed: shim.dtls_resumed() !== 0,
          connectionId: shim.dtls_connection_id() !== 0,
        });
      } else if (answer === data) {
        this.#effects.push({ is: "data", bytes: this.#bytes(shim.dtls_buffer(), shim.dtls_message_length()).slice() });
      } else if (answer === closedByPeer) {
        const during = this.#at === "session" ? "session" : "handshake";
        // libcoap says goodbye instead of sending an alert when it does not accept a PSK.
        const hint = during === "handshake" ? " during the handshake: it may not accept our identity or key" : "";
        this.#fail(failure({ reason: "closed-by-peer" }, `the server closed the session${hint}`, during));
        return;
      } else {
        this.#failWith(shim, answer);
        return;
      }
    }
  }

  #failWith(shim: Shim, code: number): void {
    if (code === timeoutError) {
      this.#fail(silence(shim.dtls_phase(), this.#options.credentials.is));
      return;
    }
    const verifyFlags = certificateErrors.includes(code) ? shim.dtls_verify_flags() : -1;
    const during = this.#at === "session" ? "session" : "handshake";
    this.#fail(sessionError(code, during, this.#options.credentials.is, { alert: shim.dtls_alert(), verifyFlags }));
  }

  #configure(shim: Shim): DtlsFailure | undefined {
    const { credentials, serverName, mtu = 1200, handshakeTimer = { minMs: 1000, maxMs: 60_000 }, resume } = this.#options;
    // C ends a string at the first NUL: isp.example\0.attacker would be verified as isp.example.
    if (serverName.includes("\0")) return failure({ reason: "configuration" }, "the server name contains a NUL", "handshake");
    const accepted = credentials.is === "psk"
      ? this.#lend(shim, [utf8(credentials.identity), new Uint8Array(credentials.key)],
        ([identity, key]) => shim.dtls_use_psk(identity.at, identity.length, key.at, key.length))
      : this.#lend(shim, [pem(credentials.ca), pem(credentials.cert), pem(credentials.key)],
        ([ca, cert, key]) => shim.dtls_use_certificate(ca.at, ca.length, cert.at, cert.length, key.at, key.length));
    if (accepted !== 0) return unusableConfiguration(accepted, shim.dtls_failed_part());
    const started = this.#lend(shim, [utf8(`${serverName}\0`)], ([name]) => shim.dtls_start(name.at, mtu, handshakeTimer.minMs, handshakeTimer.maxMs));
    if (started !== 0) return failure({ reason: "configuration" }, `the server name or MTU cannot be used (-0x${(-started).toString(16)})`, "handshake");
    // A session that does not fit costs a full handshake and nothing else.
    if (resume) this.#lend(shim, [new Uint8Array(resume)], ([saved]) => shim.dtls_resume(saved.at, saved.length));
    return undefined;
  }

  /**
   * Lends bytes to the shim for one call; both copies are overwritten afterwards, since they may be keys. The caller's
   * own must have been copied, with new Uint8Array(): slice() of a node Buffer is the same memory.
   */
  #lend<const Parts extends readonly Uint8Array[]>(shim: Shim, parts: Parts, call: (lent: { [K in keyof Parts]: Lent }) => number): number {
    const lent = parts.map((part): Lent => {
      const at = shim.dtls_reserve(Math.max(1, part.length));
      if (at === 0) throw new Error("no memory for the credentials");
      this.#bytes(at, part.length).set(part);
      part.fill(0);
      return { at, length: part.length };
    });
    const result = call(lent as { [K in keyof Parts]: Lent });
    for (const { at, length } of lent) shim.dtls_release(at, length);
    return result;
  }

  /** Runs one call into the shim. Anything thrown, a WebAssembly trap included, ends this session and no other. */
  #guarded(call: (shim: Shim) => void): DtlsEffect[] {
    const before = this.#at;
    if (before === "closed" || before === "new") return [];
    try {
      call(this.#shim ??= this.#instantiate());
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(failure({ reason: "internal" }, `the DTLS code failed: ${text}`, before));
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #fail(why: DtlsFailure): void {
    if (this.#at === "closed") return;
    this.#effects.push({ is: "closed", failure: why });
    this.#forget();
  }

  #forget(): void {
    const shim = this.#shim;
    this.#at = "closed";
    this.#shim = undefined;
    if (!shim) return;
    try {
      shim.dtls_wipe();
    } catch {
      // After a trap the heap may be in any state; the next line overwrites it all the same.
    }
    new Uint8Array(shim.memory.buffer).fill(0);
  }

  /** A view that is good until the next call into the shim, which may grow its memory and detach it. */
  #bytes(at: number, length: number): Uint8Array {
    const shim = this.#shim;
    if (!shim) throw new Error("no session");
    return new Uint8Array(shim.memory.buffer, at, length);
  }

  #takeSecret(at: number, length: number): Uint8Array {
    const view = this.#bytes(at, length);
    const copy = view.slice();
    view.fill(0);
    return copy;
  }

  #text(at: number): string {
    const shim = this.#shim;
    if (!shim) return "";
    const bytes = new Uint8Array(shim.memory.buffer, at);
    return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
  }
}

interface Lent {
  readonly at: number;
  readonly length: number;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** mbedTLS tells PEM from DER by the final NUL. */
function pem(text: string): Uint8Array {
  return utf8(`${text}\0`);
}
