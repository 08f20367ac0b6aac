// Everything that must not become a session, with the reason that the operator gets to read.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DtlsCredentials, DtlsModule } from "dtls-wasm";
import type { DialFailure } from "../../../src/system/dial/dial-dtls.ts";
import { CertificateAuthority } from "../../../packages/dtls-wasm/test/certificates.ts";
import type { Identity } from "../../../packages/dtls-wasm/test/certificates.ts";
import { opensslPsk, refusal } from "./dialling.ts";
import { psk } from "../../../packages/dtls-wasm/test/peers.ts";
import type { Where } from "./dialling.ts";
import { freePort, loadDtls, startGnutls, startOpenssl } from "../../../packages/dtls-wasm/test/peers.ts";
import type { Peer } from "../../../packages/dtls-wasm/test/peers.ts";

let module: DtlsModule;
let ca: CertificateAuthority, foreign: CertificateAuthority;
let good: Identity, router: Identity;
let pskFile: string;

before(async () => {
  module = await loadDtls();
  ca = new CertificateAuthority("authority");
  foreign = new CertificateAuthority("foreign", ca.directory);
  good = ca.issue({ name: "good" });
  router = ca.issue({ name: "router" });
  pskFile = join(ca.directory, "psk.txt");
  writeFileSync(pskFile, "cpe-0001:00112233445566778899aabbccddeeff\n");
});
after(() => {
  ca.remove();
});

const own = (identity: Identity = router, trusted = ca): DtlsCredentials => ({ is: "certificate", ca: trusted.pem, cert: identity.cert, key: identity.key });
const server = ({ certFile, keyFile }: Identity): string[] => ["-cert", certFile, "-key", keyFile, "-CAfile", ca.file, "-Verify", "1", "-verify_return_error"];

async function refused(peer: Peer, where: Partial<Where>, giveUpMs = 1500): Promise<DialFailure> {
  try {
    const failure = await refusal(module, { address: peer.address, port: peer.port, ...where }, { giveUpMs });
    if (failure.reason !== "configuration") assert.equal(failure.retryable, true, "nothing from the network is final");
    return failure;
  } finally {
    await peer.stop();
  }
}

function assertCertificate(failure: DialFailure, problems: readonly string[]): void {
  assert.equal(failure.reason, "certificate", failure.text);
  assert.deepEqual(failure.problems, problems);
}

test("wrong PSK, OpenSSL: it drops our Finished in silence", async () => {
  const failure = await refused(await startOpenssl(opensslPsk), { credentials: { is: "psk", identity: "cpe-0001", key: Buffer.from("not it") } });
  assert.equal(failure.reason, "bad-credentials");
  assert.match(failure.text, /pre-shared key is probably wrong/);
});

test("PSK, GnuTLS: wrong key and unknown identity", async () => {
  const start = (): Promise<Peer> => startGnutls(["--pskpasswd", pskFile, "--priority", "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK:+PSK"]);
  const wrongKey = await refused(await start(), { credentials: { is: "psk", identity: "cpe-0001", key: Buffer.from("not it") } });
  assert.equal(wrongKey.reason, "bad-credentials", wrongKey.text);
  // GnuTLS goes on with a random key, so as not to tell which identities exist (RFC 4279 §2 allows both).
  const unknown = await refused(await start(), { credentials: { ...psk, identity: "nobody" } });
  assert.equal(unknown.reason, "bad-credentials", unknown.text);
});

test("a certificate of an authority that we do not trust", async () => {
  assertCertificate(await refused(await startOpenssl(server(good)), { credentials: own(router, foreign) }), ["unknown-ca"]);
});

test("a self-signed certificate", async () => {
  assertCertificate(await refused(await startOpenssl(server(ca.selfSigned("self"))), { credentials: own() }), ["unknown-ca"]);
});

test("a certificate for another name, for another address", async () => {
  assertCertificate(await refused(await startOpenssl(server(good)), { credentials: own(), serverName: "other.example" }), ["wrong-name"]);
  assertCertificate(await refused(await startOpenssl(server(good)), { credentials: own(), serverName: "127.0.0.1" }), ["wrong-name"]);
});

test("an expired certificate, one that is not valid yet, one for clients only", async () => {
  const expired = ca.issue({ name: "expired", from: "200101000000Z", to: "210101000000Z" });
  assertCertificate(await refused(await startOpenssl(server(expired)), { credentials: own() }), ["expired"]);
  const future = ca.issue({ name: "future", from: "480101000000Z" });
  assertCertificate(await refused(await startOpenssl(server(future)), { credentials: own() }), ["not-yet-valid"]);
  const client = ca.issue({ name: "client", extensions: "extendedKeyUsage=clientAuth" });
  assertCertificate(await refused(await startOpenssl(server(client)), { credentials: own() }), ["wrong-usage"]);
});

test("several problems at once are all told", async () => {
  const expired = foreign.issue({ name: "both", alternatives: "DNS:wrong.example", to: "210101000000Z" });
  assertCertificate(await refused(await startOpenssl(server(expired)), { credentials: own() }), ["expired", "wrong-name", "unknown-ca"]);
});

test("the server does not accept our certificate", async () => {
  const failure = await refused(await startOpenssl(server(good)), { credentials: own(foreign.issue({ name: "stranger" })) });
  assert.equal(failure.reason, "bad-credentials", failure.text);
  assert.equal(failure.alert, "unknown_ca");
});

test("nothing in common: the server has CBC only, or no PSK", async () => {
  const failure = await refused(await startOpenssl([...opensslPsk, "-cipher", "PSK-AES128-CBC-SHA256"]), {});
  assert.deepEqual([failure.reason, failure.reason === "alert" && failure.alert], ["alert", "handshake_failure"]);
  assert.equal((await refused(await startOpenssl(server(good)), {})).reason, "alert");
});

test("a server without extended master secret (RFC 7627), one without renegotiation_info (RFC 5746)", async () => {
  const start = (flag: string): Promise<Peer> =>
    startGnutls(["--pskpasswd", pskFile, "--priority", `NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK:${flag}`]);
  const old = await refused(await start("%NO_SESSION_HASH"), {});
  assert.equal(old.reason, "malformed");
  assert.match(old.text, /extended_master_secret/);
  assert.equal((await refused(await start("%DISABLE_SAFE_RENEGOTIATION"), {})).reason, "malformed");
});

test("credentials that cannot be used are final", async () => {
  const where = { address: "127.0.0.1", port: 9 };
  const cases: readonly (readonly [DtlsCredentials, RegExp])[] = [
    [{ is: "psk", identity: "cpe", key: new Uint8Array(0) }, /credentials/],
    [{ is: "psk", identity: "cpe", key: new Uint8Array(200) }, /credentials/],
    [{ is: "certificate", ca: "nonsense", cert: router.cert, key: router.key }, /CA certificates/],
    [{ is: "certificate", ca: `${ca.pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`, cert: router.cert, key: router.key },
      /CA certificates: 1 of them/],
    [{ is: "certificate", ca: ca.pem, cert: "", key: router.key }, /our certificate/],
    [{ is: "certificate", ca: ca.pem, cert: router.cert, key: "-----BEGIN NOTHING-----" }, /private key/],
    // RFC 4055: `check` warns of it, and says that TCP takes it.
    [own(ca.issue({ name: "pss", keyType: "rsa-pss" })), /^our certificate: cannot be used .*: it has a key of a kind that is unknown here, such as RSA-PSS/],
    [{ is: "certificate", ca: ca.pem, cert: router.cert, key: good.key }, /does not belong to the certificate/],
  ];
  for (const [credentials, text] of cases) {
    const failure = await refusal(module, { ...where, credentials });
    assert.deepEqual([failure.reason, failure.retryable], ["configuration", false], failure.text);
    assert.match(failure.text, text);
  }
  for (const serverName of ["", "isp.example\0.attacker.example", "x".repeat(300)])
    assert.equal((await refusal(module, { ...where, serverName })).reason, "configuration");
});

test("nobody listens: refused, after the time to give up, since ICMP can be forged", async () => {
  const started = Date.now();
  const failure = await refusal(module, { address: "127.0.0.1", port: await freePort("127.0.0.1") }, { giveUpMs: 1200 });
  assert.deepEqual([failure.reason, failure.retryable], ["refused", true]);
  assert.ok(Date.now() - started >= 1100);
});

test("a server that never answers: timeout", async () => {
  const silent = createSocket("udp4");
  await new Promise<void>((resolve) => {
    silent.bind(0, "127.0.0.1", resolve);
  });
  const failure = await refusal(module, { address: "127.0.0.1", port: silent.address().port }, { giveUpMs: 300 });
  silent.close();
  assert.deepEqual([failure.reason, failure.text], ["timeout", "no answer from the server"]);
});

test("no route, a local address that is not ours: unreachable", async () => {
  const foreignLocal = await refusal(module, { address: "127.0.0.1", port: 9, localAddress: "203.0.113.9" });
  assert.equal(foreignLocal.reason, "unreachable", foreignLocal.text);
  const broadcast = await refusal(module, { address: "255.255.255.255", port: 9 });
  assert.equal(broadcast.reason, "unreachable", broadcast.text);
});

test("called off: before, and in the middle", async () => {
  const where = { address: "127.0.0.1", port: await freePort("127.0.0.1") };
  assert.equal((await refusal(module, where, { signal: AbortSignal.abort() })).reason, "aborted");
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort();
  }, 50);
  const failure = await refusal(module, where, { signal: controller.signal });
  assert.deepEqual([failure.reason, failure.retryable], ["aborted", false]);
});
