import { constants } from "node:crypto";
import { checkServerIdentity, connect, type ConnectionOptions } from "node:tls";
import { isIP } from "node:net";
import type { Channel, ChannelEvents } from "../../callhome-server/channel.ts";
import type { DtlsCredentials } from "dtls-wasm";

export interface TlsTarget {
  /** An IP literal. */
  readonly address: string;
  readonly port: number;
  /** Sent as SNI and, with certificates, what the peer's must be for. */
  readonly serverName: string;
  readonly credentials: DtlsCredentials;
  readonly localAddress?: string;
  /** Of an earlier connection to the same server, to resume. */
  readonly session?: Buffer;
}

export interface TlsChannel extends Channel {
  /** The address that it sends from. */
  readonly localAddress: string;
  readonly details: { readonly protocol: string; readonly cipherSuite: string; readonly resumed: boolean };
}

/** Why there is no channel. */
export class TlsDialError extends Error {
  /** Whether there was a connection: then it is TLS, or the peer, that said no. */
  readonly connected: boolean;
  /** False: this host has no route, or no address, to send anything from. */
  readonly sent: boolean;

  constructor(message: string, connected: boolean, sent = true) {
    super(message);
    this.name = "TlsDialError";
    this.connected = connected;
    this.sent = sent;
  }
}

const giveUpMs = 25_000;
/** With TLS 1.3, how long a peer that says nothing after the handshake may still be refusing us. */
const acceptanceMs = 2_000;
/** What may wait in the socket: a peer that does not read loses the connection instead of our memory. */
const mostUnsent = 256 * 1024;
/** As over DTLS: AEAD only, ChaCha20-Poly1305 and AES-CCM first (RFC 9132 §7.1, RFC 7925 §4). */
const aead = ["CHACHA20-POLY1305", "AES128-CCM", "AES256-CCM", "AES128-GCM-SHA256", "AES256-GCM-SHA384"];
const tls13 = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_CCM_SHA256"];
const pskSuites = [...tls13, "ECDHE-PSK-CHACHA20-POLY1305", ...aead.map((suite) => `PSK-${suite}`)].join(":");
const certificateSuites = [...tls13, ...aead.flatMap((suite) => [`ECDHE-ECDSA-${suite}`, ...(suite.includes("CCM") ? [] : [`ECDHE-RSA-${suite}`])]),
  "@SECLEVEL=2" // as over DTLS: no RSA key below 2048 bits, no SHA-1 signature; Node's own level takes 1024
].join(":");

/** Connects over TCP and makes a TLS 1.2 or 1.3 handshake (RFC 8323 §8). Rejects with a TlsDialError. */
export function dialTls(
  target: TlsTarget,
  events: ChannelEvents,
  options: { readonly signal: AbortSignal; readonly onSession: (session: Buffer) => void },
): Promise<TlsChannel> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) {
      reject(new TlsDialError("aborted", false));
      return;
    }
    const socket = connect({
      host: target.address,
      port: target.port,
      ...(isIP(target.serverName) === 0 ? { servername: target.serverName } : {}),
      ...(target.localAddress === undefined ? {} : { localAddress: target.localAddress }),
      ...(target.session ? { session: target.session } : {}),
      minVersion: "TLSv1.2",
      rejectUnauthorized: true, // whatever the environment says
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION, // a peer asks for handshakes as often as it likes, each costs milliseconds (RFC 9325 §3.5)
      ALPNProtocols: ["coap"], // RFC 8323 §8.2
      ...authentication(target),
    });
    let established = false;
    let over = false;
    let connected = false;
    const finish = (why: string, sent = true): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      options.signal.removeEventListener("abort", abort);
      socket.destroy();
      if (established) events.closed(why);
      else reject(new TlsDialError(why, connected, sent));
    };
    const abort = (): void => {
      finish("aborted");
    };
    const timer = setTimeout(() => {
      finish(`no answer within ${String(giveUpMs / 1000)} s`);
    }, giveUpMs);
    options.signal.addEventListener("abort", abort, { once: true });

    socket.setNoDelay(true);
    socket.once("connect", () => {
      connected = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      finish(explain(error, target.credentials.is), connected || !localErrors.has(error.code ?? ""));
    });
    socket.on("close", () => {
      finish("the peer closed the connection");
    });
    socket.on("session", options.onSession);
    /** What came before the caller has a session to deliver to: not before the promise's reaction has run. */
    let early: Uint8Array[] | undefined = [];
    const open = (): void => {
      if (over || established) return;
      established = true;
      clearTimeout(timer);
      options.signal.removeEventListener("abort", abort);
      resolve({
        transport: "tcp",
        peer: target.address.includes(":") ? `[${target.address}]:${String(target.port)}` : `${target.address}:${String(target.port)}`,
        localAddress: socket.localAddress ?? "",
        details: { protocol: socket.getProtocol() ?? "", cipherSuite: socket.getCipher().name, resumed: isResumed() },
        send(bytes) {
          if (over) return;
          socket.write(bytes);
          if (socket.writableLength > mostUnsent) finish("the peer does not read");
        },
        close() {
          over = true;
          socket.end();
          setTimeout(() => {
            socket.destroy();
          }, 1_000).unref();
        },
      });
      setImmediate(() => {
        const waited = early ?? [];
        early = undefined;
        for (const bytes of waited) deliver(bytes);
      });
    };
    // TLS 1.3 treats a pre-shared key like a session: offered both, OpenSSL does not tell which was taken.
    const isResumed = (): boolean =>
      target.session !== undefined && socket.isSessionReused()
      && !(target.credentials.is === "psk" && socket.getProtocol() === "TLSv1.3");
    const deliver = (bytes: Uint8Array): void => {
      if (!over) events.message(bytes);
    };
    socket.once("secureConnect", () => {
      socket.on("data", (bytes: Buffer) => {
        const copy = new Uint8Array(bytes);
        if (early) early.push(copy);
        else deliver(copy);
        open();
      });
      // With TLS 1.3 the peer judges our certificate or key afterwards: only what it sends then says that it accepts us.
      if (socket.getProtocol() === "TLSv1.3") {
        setTimeout(open, acceptanceMs).unref();
        // Not inside the event: it comes from the middle of OpenSSL's reading, where writing spoils the record sequence.
        socket.once("session", () => {
          setImmediate(open);
        });
      } else open();
    });
  });
}

function authentication({ credentials, serverName }: TlsTarget): ConnectionOptions {
  if (credentials.is === "certificate") {
    return {
      ca: credentials.ca,
      cert: credentials.cert,
      key: credentials.key,
      ciphers: certificateSuites,
      checkServerIdentity: (_name, certificate) => checkServerIdentity(serverName, certificate),
    };
  }
  const psk = Buffer.from(credentials.key);
  return {
    ciphers: pskSuites,
    pskCallback: () => ({ psk, identity: credentials.identity }),
    // No certificate authority is trusted: a server that answers with a certificate instead of the key is refused.
    ca: [],
    checkServerIdentity: (_name, certificate) => Object.keys(certificate).length === 0 ? undefined : new Error(certificateInstead),
  };
}

const certificateInstead = "the peer answers with a certificate where the pre-shared key is expected";

/** All that a handshake failure says. With TLS 1.3 a key that comes without a hash is for SHA-256 (RFC 8446 §4.2.11): a server that insists on SHA-384 finds nothing in common. */
const noPskSuite =
  "the peer refuses our pre-shared key, or offers no cipher suite that we accept: with TLS 1.3 the key is for SHA-256 (TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256)";

/** Of connect(), before a SYN leaves. */
const localErrors: ReadonlySet<string> = new Set(["ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EINVAL", "EACCES", "EPERM"]);

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "there is no route to it",
  ECONNRESET: "the peer reset the connection: it may not accept our key, identity or certificate",
  ETIMEDOUT: "no answer",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is refused: it is for another name",
  CERT_HAS_EXPIRED: "the server's certificate is refused: it has expired, or this router's clock is wrong",
  CERT_NOT_YET_VALID: "the server's certificate is refused: it is not valid yet, or this router's clock is wrong",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is refused: it is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is refused: no certificate authority in ca_file has signed it",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is refused: no certificate authority in ca_file has signed it",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is refused: no certificate authority in ca_file has signed it",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the peer offers no cipher suite that we accept, or refuses ours",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the peer speaks no TLS 1.2 or 1.3",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the peer speaks no TLS 1.2 or 1.3",
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: "our pre-shared key does not fit",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY: "it does not know our PSK identity",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not know the authority that signed our certificate",
  ERR_SSL_SSLV3_ALERT_ILLEGAL_PARAMETER: "it refuses what we sent: our pre-shared key probably does not fit",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants a certificate from us",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it refuses our certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "our certificate has expired",
};

/** OpenSSL's words for a failed verification of the peer's certificate. */
const certificateProblem = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;

/** What OpenSSL's error means for the owner, in the words of any Node from 20 on. */
export function explain(error: Error, credentials: DtlsCredentials["is"]): string {
  const code = "code" in error ? String(error.code) : "";
  if (credentials === "psk" && certificateProblem.test(code)) return certificateInstead;
  if (credentials === "psk" && code.endsWith("_ALERT_HANDSHAKE_FAILURE")) return noPskSuite;
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : error.message.split("\n", 1)[0] ?? "";
  // OpenSSL 3.2 and later (Node 24) have renamed their oldest alerts.
  return causes[code.replace("ERR_SSL_SSL/TLS_", "ERR_SSL_SSLV3_")] ?? (code === "" ? error.message : `${reason} (${code})`);
}
