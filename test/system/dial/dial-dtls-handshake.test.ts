import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DtlsCredentials, DtlsModule } from "dtls-wasm";
import { CertificateAuthority } from "../../../packages/dtls-wasm/test/certificates.ts";
import type { Identity } from "../../../packages/dtls-wasm/test/certificates.ts";
import { dial, opensslPsk } from "./dialling.ts";
import type { Dialled, Where } from "./dialling.ts";
import { loadDtls, startGnutls, startOpenssl } from "../../../packages/dtls-wasm/test/peers.ts";
import type { Address, Peer } from "../../../packages/dtls-wasm/test/peers.ts";

let module: DtlsModule;
let ca: CertificateAuthority;
let ecdsa: Identity, rsa: Identity, router: Identity;
let mutual: DtlsCredentials;
let pskFile: string;

before(async () => {
  module = await loadDtls();
  ca = new CertificateAuthority("authority");
  ecdsa = ca.issue({ name: "ecdsa" });
  rsa = ca.issue({ name: "rsa", keyType: "rsa" });
  router = ca.issue({ name: "router" });
  mutual = { is: "certificate", ca: ca.pem, cert: router.cert, key: router.key };
  pskFile = join(ca.directory, "psk.txt");
  writeFileSync(pskFile, "cpe-0001:00112233445566778899aabbccddeeff\n");
});
after(() => {
  ca.remove();
});

const server = ({ certFile, keyFile }: Identity): string[] => ["-cert", certFile, "-key", keyFile, "-CAfile", ca.file, "-Verify", "1", "-verify_return_error"];
const gnutlsPriority = (keyExchange: string, rest = ""): string[] => ["--priority", `NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:${keyExchange}${rest}`];
const gnutlsServer = (
  { certFile, keyFile }: Identity,
): string[] => ["--x509certfile", certFile, "--x509keyfile", keyFile, "--x509cafile", ca.file, "--require-client-cert"];

async function echoes(peer: Peer, suite: string, where: Partial<Where> = {}, long = 1000): Promise<void> {
  let dialled: Dialled | undefined;
  try {
    dialled = await dial(module, { address: peer.address, port: peer.port, ...where });
    assert.equal(dialled.channel.details.cipherSuite, suite);
    assert.equal(dialled.channel.details.resumed, false);
    await dialled.echo("one");
    await dialled.echo("x".repeat(long));
    assert.deepEqual(dialled.closings, []);
  } catch (error) {
    throw new Error(`${String(error)}\n${peer.output()}`, { cause: error });
  } finally {
    dialled?.channel.close();
    await peer.stop();
  }
}

const pskSuites: readonly (readonly [openssl: string, ours: string])[] = [
  ["ECDHE-PSK-CHACHA20-POLY1305", "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256"],
  ["PSK-CHACHA20-POLY1305", "TLS-PSK-WITH-CHACHA20-POLY1305-SHA256"],
  ["PSK-AES128-CCM", "TLS-PSK-WITH-AES-128-CCM"],
  ["PSK-AES128-CCM8:@SECLEVEL=0", "TLS-PSK-WITH-AES-128-CCM-8"],
  ["PSK-AES128-GCM-SHA256", "TLS-PSK-WITH-AES-128-GCM-SHA256"],
  ["PSK-AES256-GCM-SHA384", "TLS-PSK-WITH-AES-256-GCM-SHA384"],
];
for (const [theirs, ours] of pskSuites)
  test(`OpenSSL, PSK, ${ours}`, async () => {
    await echoes(await startOpenssl([...opensslPsk, "-cipher", theirs]), ours);
  });

test("the first choice among all suites is one with forward secrecy and ChaCha20", async () => {
  await echoes(await startOpenssl([...opensslPsk, "-cipher", "ALL"]), "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256");
});

const ecdsaSuites: readonly (readonly [openssl: string, ours: string])[] = [
  ["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256"],
  ["ECDHE-ECDSA-AES128-CCM", "TLS-ECDHE-ECDSA-WITH-AES-128-CCM"],
  ["ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0", "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8"],
  ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384"],
];
for (const [theirs, ours] of ecdsaSuites)
  test(`OpenSSL, certificates on both sides, ${ours}`, async () => {
    await echoes(await startOpenssl([...server(ecdsa), "-cipher", theirs]), ours, { credentials: mutual });
  });

for (
  const [theirs, ours] of [
    ["ECDHE-RSA-CHACHA20-POLY1305", "TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256"],
    ["ECDHE-RSA-AES128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"],
  ] as const
)
  test(`OpenSSL, RSA certificate of the server, ${ours}`, async () => {
    await echoes(await startOpenssl([...server(rsa), "-cipher", theirs]), ours, { credentials: mutual });
  });

test("GnuTLS, PSK, ECDHE", async () => {
  const peer = await startGnutls(["--pskpasswd", pskFile, ...gnutlsPriority("+ECDHE-PSK")]);
  await echoes(peer, "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256");
});

for (const [cipher, ours] of [["AES-128-CCM-8", "TLS-PSK-WITH-AES-128-CCM-8"], ["AES-128-GCM", "TLS-PSK-WITH-AES-128-GCM-SHA256"]] as const)
  test(`GnuTLS, PSK, ${ours}`, async () => {
    const peer = await startGnutls(["--pskpasswd", pskFile, ...gnutlsPriority("+PSK", `:-CIPHER-ALL:+${cipher}`)]);
    await echoes(peer, ours);
  });

test("GnuTLS, certificates on both sides", async () => {
  const peer = await startGnutls([...gnutlsServer(ecdsa), ...gnutlsPriority("+ECDHE-ECDSA", ":-CIPHER-ALL:+AES-128-GCM")]);
  await echoes(peer, "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", { credentials: mutual });
});

const ipv6: Address = "::1";
test("IPv6: OpenSSL with PSK, GnuTLS with certificates", async () => {
  await echoes(await startOpenssl(opensslPsk, ipv6), "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256");
  const peer = await startGnutls([...gnutlsServer(rsa), ...gnutlsPriority("+ECDHE-RSA", ":-CIPHER-ALL:+CHACHA20-POLY1305")], ipv6);
  await echoes(peer, "TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256", { credentials: mutual });
});

test("OpenSSL with cookies (HelloVerifyRequest)", async () => {
  await echoes(await startOpenssl([...opensslPsk, "-listen"]), "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256");
});

test("a server known by its address: an IP in the certificate, none in SNI (RFC 6066 §3)", async () => {
  const byAddress = ca.issue({ name: "byaddress", alternatives: "IP:127.0.0.1" });
  const peer = await startOpenssl([...server(byAddress), "-servername", "elsewhere.example", "-servername_fatal", "-cert2", byAddress.certFile, "-key2",
    byAddress.keyFile]);
  await echoes(peer, "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256", { credentials: mutual, serverName: "127.0.0.1" });
});

test("the server sees the name in SNI", async () => {
  const peer = await startOpenssl([...server(ecdsa), "-servername", "isp.example", "-servername_fatal", "-cert2", ecdsa.certFile, "-key2", ecdsa.keyFile]);
  await echoes(peer, "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256", { credentials: mutual });
});

test("a 5 KB certificate in fragments for an MTU of 256", async () => {
  const names = Array.from({ length: 110 }, (_, n) => `DNS:host-${String(n)}.a-rather-long-domain-name.isp.example`);
  const large = ca.issue({ name: "large", alternatives: ["DNS:isp.example", ...names].join(",") });
  assert.ok(large.cert.length > 6500, String(large.cert.length));
  const peer = await startOpenssl([...server(large), "-mtu", "256"]);
  await echoes(peer, "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256", { credentials: mutual, mtu: 256 }, 200);
});

test("resumption by session ticket and, without tickets, by session ID", async () => {
  for (const extra of [[], ["-no_ticket"]]) {
    const peer = await startOpenssl([...server(ecdsa), ...extra]);
    const where = { address: peer.address, port: peer.port, credentials: mutual };
    const first = await dial(module, where);
    await first.echo("first");
    const resume = first.channel.saveSession();
    assert.ok(resume);
    first.channel.close();
    const second = await dial(module, { ...where, resume });
    assert.equal(second.channel.details.resumed, true, extra.join());
    await second.echo("second");
    second.channel.close();
    // Resumption checks no certificate: a session made with other trust, here the same CA but another text, is not used.
    const other = await dial(module, { ...where, resume, credentials: { is: "certificate", ca: `${ca.pem}\n`, cert: router.cert, key: router.key } });
    assert.equal(other.channel.details.resumed, false);
    other.channel.close();
    // Nor one that was made under another name, which the peer's certificate may not bear: that is verified, and refused.
    await assert.rejects(dial(module, { ...where, resume, serverName: "another.isp.example" }), /another name/);
    await peer.stop();
  }
});

test("a saved session of another server costs a full handshake, not the connection", async () => {
  const one = await startOpenssl(opensslPsk), two = await startOpenssl(opensslPsk);
  const first = await dial(module, one);
  const resume = first.channel.saveSession();
  first.channel.close();
  assert.ok(resume);
  const second = await dial(module, { ...pick(two), resume });
  assert.equal(second.channel.details.resumed, false);
  await second.echo("full");
  second.channel.close();
  const garbage = await dial(module, { ...pick(one), resume: resume.map((byte, at) => at > 40 ? byte ^ 0x55 : byte) });
  garbage.channel.close();
  await one.stop();
  await two.stop();
});

function pick({ address, port }: Peer): Pick<Peer, "address" | "port"> {
  return { address, port };
}
