import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { DtlsCredentials } from "dtls-wasm";
import { dialTls, explain, TlsDialError, type TlsChannel } from "../../../src/system/dial/dial-tls.ts";
import { CertificateAuthority, type Identity } from "../../../packages/dtls-wasm/test/certificates.ts";
import { until } from "../../until.ts";

const key = Buffer.from("00112233445566778899aabbccddeeff", "hex");
const psk: DtlsCredentials = { is: "psk", identity: "cpe-0001", key };
const pskServer: TlsOptions = {
  pskCallback: (_socket, identity) => identity === "cpe-0001" ? key : null,
  ciphers: "PSK:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
};

let ca: CertificateAuthority, foreign: CertificateAuthority;
let isp: Identity, router: Identity;
before(() => {
  ca = new CertificateAuthority("authority");
  foreign = new CertificateAuthority("foreign", ca.directory);
  isp = ca.issue({ name: "isp" });
  router = ca.issue({ name: "router" });
});
after(() => {
  ca.remove();
});

const certificate = (own: Identity = router): DtlsCredentials => ({ is: "certificate", ca: ca.pem, cert: own.cert, key: own.key });
const certificateServer = (more: TlsOptions = {}): TlsOptions => ({
  cert: isp.cert,
  key: isp.key,
  ca: ca.pem,
  requestCert: true,
  rejectUnauthorized: true,
  ...more,
});

interface Dialled {
  readonly channel: TlsChannel;
  readonly tickets: Buffer[];
  readonly received: () => string;
  readonly closings: string[];
}

async function dial(server: Server, credentials: DtlsCredentials,
  more: { readonly serverName?: string; readonly session?: Buffer; readonly signal?: AbortSignal } = {}): Promise<Dialled> {
  const tickets: Buffer[] = [];
  const closings: string[] = [];
  let received = "";
  const { signal = new AbortController().signal, ...where } = more;
  const channel = await dialTls(
    { address: "127.0.0.1", port: (server.address() as AddressInfo).port, serverName: "isp.example", credentials, ...where },
    {
      message: (bytes) => {
        received += Buffer.from(bytes).toString();
      },
      closed: (why) => {
        closings.push(why);
      },
    },
    {
      signal,
      onSession: (ticket) => {
        tickets.push(ticket);
      },
    },
  );
  return { channel, tickets, closings, received: () => received };
}

async function refusal(server: Server, credentials: DtlsCredentials, more: Parameters<typeof dial>[2] = {}): Promise<TlsDialError> {
  const error: unknown = await dial(server, credentials, more).then(({ channel }) => {
    channel.close();
  }, (reason: unknown) => reason);
  assert.ok(error instanceof TlsDialError, "the handshake succeeded");
  return error;
}

/** A server that greets, and says back what it hears. */
async function withServer(options: TlsOptions, play: (server: Server, sockets: TLSSocket[]) => Promise<void>, greeting = "hello "): Promise<void> {
  const sockets: TLSSocket[] = [];
  const server = createServer(options, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    if (greeting !== "") socket.write(greeting);
    socket.on("data", (bytes: Buffer) => {
      socket.write(bytes);
    });
  });
  server.on("tlsClientError", () => undefined);
  await listening(server, () => play(server, sockets));
}

async function listening(server: Server, play: () => Promise<void>): Promise<void> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket.on("error", () => undefined));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  try {
    await play();
  } finally {
    server.close();
    for (const socket of open) socket.destroy();
  }
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  for (const [kind, serverOptions, credentials] of [["PSK", () => pskServer, () => psk], ["certificates", certificateServer, certificate]] as const) {
    test(`${version} with ${kind}: what both say arrives, from the first byte on`, () =>
      withServer({ ...serverOptions(), maxVersion: version }, async (server) => {
        const { channel, received, closings } = await dial(server, credentials());
        assert.equal(channel.details.protocol, version);
        assert.match(channel.details.cipherSuite, /CHACHA20|CCM|GCM/);
        assert.equal(channel.details.resumed, false);
        assert.equal(channel.peer, `127.0.0.1:${(server.address() as AddressInfo).port}`);
        channel.send(Buffer.from("one "));
        channel.send(Buffer.from("two"));
        await until("all is received", () => received() === "hello one two");
        channel.close();
        assert.deepEqual(closings, [], "our own close is no news");
      }));
  }

  test(`${version} with certificates: a session is resumed with its ticket`, () =>
    withServer({ ...certificateServer(), maxVersion: version, sessionIdContext: "isp" }, async (server) => {
      const first = await dial(server, certificate());
      await until("a ticket", () => first.tickets.length > 0);
      first.channel.close();
      const { channel, received } = await dial(server, certificate(), { session: first.tickets.at(-1) ?? Buffer.alloc(0) });
      assert.equal(channel.details.resumed, true);
      channel.send(Buffer.from("again"));
      await until("all is received", () => received() === "hello again");
      channel.close();
    }));
}

test("a peer of TLS 1.3 that says nothing after the handshake is a peer all the same, after a moment", () =>
  withServer({ ...pskServer, ticketKeys: Buffer.alloc(48) }, async (server) => {
    const { channel, received } = await dial(server, psk);
    channel.send(Buffer.from("first"));
    await until("all is received", () => received() === "first");
    channel.close();
  }, ""));

test("TLS 1.2: a peer that asks for another handshake, again and again, gets none; the session goes on", () =>
  withServer({ ...certificateServer(), maxVersion: "TLSv1.2" }, async (server, sockets) => {
    const { channel, received, closings } = await dial(server, certificate());
    const [peer] = sockets;
    assert.ok(peer);
    let renegotiated = 0;
    for (let at = 0; at < 100 && !peer.destroyed; at++) {
      peer.renegotiate({}, (error) => {
        if (!error) renegotiated++;
      });
      channel.send(Buffer.from("."));
      await until("an answer, or the end", () => received().length > "hello ".length + at || closings.length > 0);
    }
    assert.equal(renegotiated, 0);
    channel.close();
  }));

const refusals: readonly (readonly [string, () => TlsOptions, () => DtlsCredentials, RegExp, string?])[] = [
  ["a foreign authority", () => ({ ...certificateServer(), ...shown(foreign.issue({ name: "stranger" })) }), certificate,
    /no certificate authority in ca_file has signed it/],
  ["another name", () => certificateServer(), certificate, /it is for another name/, "other.example"],
  ["an address that it is not for", () => certificateServer(), certificate, /it is for another name/, "127.0.0.1"],
  ["an expired certificate", () => ({ ...certificateServer(), ...shown(ca.issue({ name: "old", to: "210101000000Z" })) }), certificate, /has expired/],
  ["one that is not valid yet", () => ({ ...certificateServer(), ...shown(ca.issue({ name: "new", from: "480101000000Z" })) }), certificate, /not valid yet/],
  ["one signed by itself", () => ({ ...certificateServer(), ...shown(ca.selfSigned("self")) }), certificate, /signed by itself/],
  ["a peer that does not know our authority, TLS 1.2", () => certificateServer({ maxVersion: "TLSv1.2", ca: foreign.pem }), certificate, /./],
  ["a peer that does not know our authority, TLS 1.3", () => certificateServer({ ca: foreign.pem }), certificate, /./],
  ["another key, TLS 1.2", () => ({ ...pskServer, maxVersion: "TLSv1.2" }), () => ({ ...psk, key: Buffer.from("wrong") }), /./],
  ["another key, TLS 1.3", () => pskServer, () => ({ ...psk, key: Buffer.from("wrong") }), /pre-shared key/],
  ["an identity that nobody knows", () => ({ ...pskServer, maxVersion: "TLSv1.2" }), () => ({ ...psk, identity: "nobody" }), /./],
  ["a certificate where the key is expected", () => ({ cert: isp.cert, key: isp.key }), () => psk, /certificate where the pre-shared key is expected/],
  ["TLS 1.1", () => certificateServer({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }), certificate, /no TLS 1\.2 or 1\.3/],
  ["CBC suites only", () => certificateServer({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" }), certificate, /no cipher suite/],
];
const shown = ({ cert, key: privateKey }: Identity): TlsOptions => ({ cert, key: privateKey });
for (const [what, server, credentials, why, serverName] of refusals) {
  test(`refused: ${what}`, () =>
    withServer(server(), async (listener) => {
      const error = await refusal(listener, credentials(), serverName === undefined ? {} : { serverName });
      assert.match(error.message, why);
      assert.equal(error.connected, true);
    }));
}

test("a key for RSA-PSS alone is taken over TCP", () =>
  withServer(certificateServer(), async (server) => {
    const { channel } = await dial(server, certificate(ca.issue({ name: "pss", keyType: "rsa-pss" })));
    channel.close();
  }));

test("a server that takes TLS 1.3 keys with SHA-384 alone is told from one that does not know us", async () => {
  const server = spawn("openssl", ["s_server", "-accept", "127.0.0.1:0", "-naccept", "5", "-nocert", "-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384",
    "-psk", key.toString("hex"), "-psk_identity", "cpe-0001"], { stdio: ["pipe", "pipe", "ignore"] });
  try {
    let said = "";
    server.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await until("it listens", () => /ACCEPT 127\.0\.0\.1:\d+/.test(said));
    const port = Number(/ACCEPT 127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
    const error: unknown = await dialTls({ address: "127.0.0.1", port, serverName: "isp.example", credentials: psk }, {
      message: () => undefined,
      closed: () => undefined,
    }, { signal: new AbortController().signal, onSession: () => undefined })
      .then((channel) => {
        channel.close();
      }, (reason: unknown) => reason);
    assert.ok(error instanceof TlsDialError);
    assert.match(error.message, /with TLS 1\.3 the key is for SHA-256/);
  } finally {
    server.kill("SIGKILL");
  }
});

test("every Node's words for an alert are known: 20 and 22 (OpenSSL 3.0), 24 (OpenSSL 3.5)", () => {
  const of = (code: string, credentials: DtlsCredentials["is"]): string =>
    explain(Object.assign(new Error("error:0A000410:SSL routines"), { code, reason: "ssl/tls alert" }), credentials);
  for (const name of ["SSLV3", "SSL/TLS"]) {
    assert.match(of(`ERR_SSL_${name}_ALERT_HANDSHAKE_FAILURE`, "psk"),
      /^the peer refuses our pre-shared key, or offers no cipher suite .* the key is for SHA-256/);
    assert.equal(of(`ERR_SSL_${name}_ALERT_HANDSHAKE_FAILURE`, "certificate"), "the peer offers no cipher suite that we accept, or refuses ours");
    assert.equal(of(`ERR_SSL_${name}_ALERT_BAD_CERTIFICATE`, "certificate"), "it refuses our certificate");
    assert.equal(of(`ERR_SSL_${name}_ALERT_CERTIFICATE_EXPIRED`, "certificate"), "our certificate has expired");
    assert.match(of(`ERR_SSL_${name}_ALERT_ILLEGAL_PARAMETER`, "psk"), /our pre-shared key probably does not fit$/);
  }
  assert.equal(of("ERR_SSL_SOMETHING_NEW", "psk"), "ssl/tls alert (ERR_SSL_SOMETHING_NEW)");
});

test("whatever the environment says about unverified certificates", () =>
  withServer({ ...certificateServer(), ...shown(foreign.issue({ name: "unverified" })) }, async (server) => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      assert.match((await refusal(server, certificate())).message, /no certificate authority/);
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  }));

test("nobody listens: refused, without a connection", async () => {
  const server = createTcpServer();
  let port = 0;
  await listening(server, () => {
    port = (server.address() as AddressInfo).port;
    return Promise.resolve();
  });
  const gone = { address: () => ({ port }) } as unknown as Server;
  const error = await refusal(gone, psk);
  assert.deepEqual([error.message, error.connected], ["nobody listens there", false]);
});

test("a peer that is no TLS server, and one that hangs up", async () => {
  for (
    const [behave, why] of [[(socket: Socket) => {
      socket.end("220 mail.example ESMTP\r\n");
    }, /./], [(socket: Socket) => {
      socket.destroy();
    }, /./]] as const
  ) {
    const server = createTcpServer(behave);
    await listening(server, async () => {
      assert.match((await refusal(server, psk)).message, why);
    });
  }
});

test("called off: before, and in the middle of the handshake", async () => {
  const silent = createTcpServer();
  await listening(silent, async () => {
    assert.equal((await refusal(silent, psk, { signal: AbortSignal.abort() })).message, "aborted");
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort();
    }, 50);
    assert.equal((await refusal(silent, psk, { signal: controller.signal })).message, "aborted");
  });
});

test("the peer ends it, or dies: told once, and nothing is sent any more", () =>
  withServer(pskServer, async (server, sockets) => {
    for (
      const end of [(socket: TLSSocket) => {
        socket.end();
      }, (socket: TLSSocket) => {
        socket.destroy();
      }]
    ) {
      const { channel, closings } = await dial(server, psk);
      const socket = sockets.at(-1);
      assert.ok(socket);
      end(socket);
      await until("the end is told", () => closings.length > 0);
      channel.send(Buffer.from("late"));
      channel.close();
      assert.equal(closings.length, 1, closings.join());
    }
  }));

test("a peer that does not read loses the connection instead of our memory", () =>
  withServer(pskServer, async (server, sockets) => {
    const { channel, closings } = await dial(server, psk);
    sockets.at(-1)?.pause();
    for (let sent = 0; sent < 400 && closings.length === 0; sent++) {
      channel.send(new Uint8Array(64 * 1024));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    assert.match(closings.join(), /does not read/);
  }));

/** `openssl s_server`, which says back each line in reverse. */
async function withOpenssl(args: readonly string[], play: (server: Server) => Promise<void>): Promise<void> {
  const child = spawn("openssl", ["s_server", "-rev", "-accept", "127.0.0.1:0", ...args]);
  try {
    const port = await new Promise<number>((resolve, reject) => {
      let said = "";
      const read = (bytes: Buffer): void => {
        said += bytes.toString();
        const found = /ACCEPT \S+:(\d+)\n/.exec(said);
        if (found) resolve(Number(found[1]));
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("error", reject).once("exit", () => {
        reject(new Error(said));
      });
    });
    await play({ address: () => ({ port }) } as unknown as Server);
  } finally {
    child.kill("SIGKILL");
  }
}

for (const version of ["-tls1_2", "-tls1_3"] as const) {
  test(`OpenSSL's own server, ${version}: PSK; certificates, resumed`, async () => {
    await withOpenssl([version, "-nocert", "-psk", key.toString("hex"), "-psk_identity", "cpe-0001"], async (server) => {
      const { channel, received } = await dial(server, psk);
      channel.send(Buffer.from("abc\n"));
      await until("all is received", () => received() === "cba\n");
      channel.close();
    });
    await withOpenssl([version, "-cert", isp.certFile, "-key", isp.keyFile, "-CAfile", ca.file, "-Verify", "1", "-verify_return_error"], async (server) => {
      const first = await dial(server, certificate());
      await until("a ticket", () => first.tickets.length > 0);
      first.channel.close();
      const again = await dial(server, certificate(), { session: first.tickets.at(-1) ?? Buffer.alloc(0) });
      assert.equal(again.channel.details.resumed, true);
      again.channel.close();
    });
  });
}
