// Chains of certificates, as a man in the middle who has got hold of some authority's by-product would show them: DTLS (mbedTLS) and TLS (OpenSSL) must judge alike.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DtlsCredentials, DtlsModule } from "dtls-wasm";
import { dialTls } from "../../../src/system/dial/dial-tls.ts";
import { dial } from "./dialling.ts";
import { loadDtls, startOpenssl } from "../../../packages/dtls-wasm/test/peers.ts";

interface Signer {
  readonly cert: string;
  readonly key: string;
}
interface Wanted {
  readonly name: string;
  readonly extensions: string;
  readonly key?: string;
  readonly from?: string;
  readonly to?: string;
  readonly digest?: string;
}

const folder = mkdtempSync(join(tmpdir(), "dch-chains-"));
const at = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
};
const isAuthority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";
const isServer = "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:isp.example";
let module: DtlsModule;
let root: Signer, own: DtlsCredentials;

/** Signed with `openssl ca`, which alone lets the validity be chosen. */
function sign(by: Signer | undefined, { name, extensions, key = "EC", from = "200101000000Z", to = "491231235959Z", digest = "sha256" }: Wanted): Signer {
  const made = { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  openssl("genpkey",
    ...(key === "EC" ? ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"] : ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${key}`]), "-out",
    made.key);
  openssl("req", "-new", "-key", made.key, "-subj", `/CN=${name}`, "-out", at(`${name}.csr`));
  writeFileSync(at(`${name}.index`), "");
  writeFileSync(at(`${name}.conf`),
    `[ca]\ndefault_ca=it\n[it]\ndatabase=${
      at(`${name}.index`)
    }\nnew_certs_dir=${folder}\nrand_serial=yes\ndefault_md=${digest}\npolicy=any\nunique_subject=no\nx509_extensions=ext\n[any]\ncommonName=supplied\n[ext]\n${extensions}\n`);
  openssl("ca", "-batch", "-notext", "-config", at(`${name}.conf`), ...(by ? ["-cert", by.cert, "-keyfile", by.key] : ["-selfsign", "-keyfile", made.key]),
    "-startdate", from, "-enddate", to, "-in", at(`${name}.csr`), "-out", made.cert);
  return made;
}

before(async () => {
  module = await loadDtls();
  root = sign(undefined, { name: "root", extensions: isAuthority });
  const router = sign(root, { name: "router", extensions: isServer });
  own = { is: "certificate", ca: readFileSync(root.cert, "utf8"), cert: readFileSync(router.cert, "utf8"), key: readFileSync(router.key, "utf8") };
});
after(() => {
  rmSync(folder, { recursive: true });
});

const below = (name: string, authority: Partial<Wanted>, leaf: Partial<Wanted> = {}): Signer[] => {
  const intermediate = sign(root, { name: `${name}-ca`, extensions: isAuthority, ...authority });
  return [sign(intermediate, { name, extensions: isServer, ...leaf }), intermediate];
};
interface Words {
  readonly udp: RegExp;
  readonly tcp: RegExp;
}
const both = (words: RegExp): Words => ({ udp: words, tcp: words });
const [expired, otherName, unknownAuthority] = [/it has expired, or this router's clock is wrong$/, /refused: it is for another name$/,
  /refused: no certificate authority in ca_file has signed it$/];
/** What the owner reads where it is refused. */
const chains: readonly [what: string, chain: () => Signer[], outcome: "accepted" | Words, serverName?: string][] = [
  ["an intermediate authority", () => below("good", {}), "accepted"],
  ["one that has expired", () => below("expired", { to: "210101000000Z" }), both(expired)],
  ["one that is none", () => below("leaf", { extensions: isServer }), { udp: unknownAuthority, tcp: /unsuitable certificate purpose/ }],
  ["one that may not sign certificates", () => below("usage", { extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature" }), {
    udp: unknownAuthority,
    tcp: /key usage does not include certificate signing/,
  }],
  ["one below an authority that may have none below it", () => {
    const narrow = sign(root, { name: "narrow", extensions: "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign" });
    const second = sign(narrow, { name: "second", extensions: isAuthority });
    return [sign(second, { name: "third", extensions: isServer }), second, narrow];
  }, { udp: unknownAuthority, tcp: /path length constraint exceeded/ }],
  ["one whose name constraints leave ours out",
    () => below("constrained", { extensions: `${isAuthority}\nnameConstraints=critical,permitted;DNS:other.example` }), {
    udp: /critical and not supported, such as name constraints/,
    tcp: /permitted subtree violation/,
  }],
  ["one whose name constraints leave ours out, though not critical",
    () => below("lax", { extensions: `${isAuthority}\nnameConstraints=permitted;DNS:other.example` }), {
    udp: /limited to certain names/,
    tcp: /permitted subtree violation/,
  }],
  ["one whose name constraints exclude ours, though not critical",
    () => below("lax-not", { extensions: `${isAuthority}\nnameConstraints=excluded;DNS:isp.example` }), {
    udp: /limited to certain names/,
    tcp: /excluded subtree violation/,
  }],
  ["one that is not valid yet", () => below("early", { from: "480101000000Z" }), both(/it is not valid yet, or this router's clock is wrong$/)],
  ["a certificate that has expired", () => [sign(root, { name: "old", to: "210101000000Z", extensions: isServer })], both(expired)],
  ["a key of 1024 bits", () => [sign(root, { name: "weak", key: "1024", extensions: isServer })], {
    udp: /its key is too short/,
    tcp: /EE certificate key too weak/,
  }],
  ["a key of 2048 bits", () => [sign(root, { name: "rsa", key: "2048", extensions: isServer })], "accepted"],
  ["an intermediate authority with a key of 1024 bits", () => below("weak-ca", { key: "1024" }), {
    udp: /its key is too short/,
    tcp: /CA certificate key too weak/,
  }],
  ["a signature with SHA-1", () => [sign(root, { name: "sha1", digest: "sha1", extensions: isServer })], {
    udp: /refused: it is signed with a hash that is too weak$/,
    tcp: /signature digest algorithm too weak/,
  }],
  ["a signature with MD5", () => below("md5", { key: "2048" }, { digest: "md5" }), { udp: /it is for another name/, tcp: /digest algorithm too weak/ }],
  ["an intermediate authority that is signed with SHA-1", () => below("sha1-ca", { digest: "sha1" }), {
    udp: unknownAuthority,
    tcp: /CA signature digest algorithm too weak/,
  }],
  ["an extension that nobody knows, and that is critical", () => [sign(root, { name: "unknown", extensions: `${isServer}\n1.2.3.4.5=critical,DER:05:00` })], {
    udp: /critical and not supported/,
    tcp: /unhandled critical extension/,
  }],
  ["the address, where the host is one", () => [sign(root, { name: "address", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1" })],
    "accepted", "127.0.0.1"],
  ["the address, over IPv6", () => [sign(root, { name: "address6", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:::1" })], "accepted",
    "::1"],
  ["another address", () => [sign(root, { name: "elsewhere", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.2" })], both(otherName),
    "127.0.0.1"],
  ["a name that spells the address", () => [sign(root, { name: "spelt", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:127.0.0.1" })],
    both(otherName), "127.0.0.1"],
  ["a name that spells the address, beside another address",
    () => [sign(root, { name: "beside", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.2,DNS:127.0.0.1" })], both(otherName),
    "127.0.0.1"],
  ["a name that spells the address, over IPv6",
    () => [sign(root, { name: "spelt6", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:\\:\\:1" })], both(otherName), "::1"],
  ["a wildcard that would cover the address",
    () => [sign(root, { name: "wild-address", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*.0.0.1" })], both(otherName), "127.0.0.1"],
  ["a common name that spells the address, and no other", () => [sign(root, { name: "127.0.0.1", extensions: "basicConstraints=critical,CA:FALSE" })],
    both(otherName), "127.0.0.1"],
  ["an address, where the host is a name",
    () => [sign(root, { name: "by-address", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1" })], both(otherName)],
  ["a wildcard one label above", () => [sign(root, { name: "wild", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*.isp.example" })],
    "accepted", "dots.isp.example"],
  ["a wildcard two labels above", () => [sign(root, { name: "wilder", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*.example" })],
    both(otherName), "dots.isp.example"],
  ["a wildcard for all", () => [sign(root, { name: "all", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*" })], both(otherName)],
];

for (const [what, chain, outcome, serverName = "isp.example"] of chains) {
  test(`${outcome === "accepted" ? "accepted" : "refused"}: ${what}`, async () => {
    const [leaf, ...others] = chain();
    assert.ok(leaf);
    const rest = at("rest.pem");
    writeFileSync(rest, others.map(({ cert }) => readFileSync(cert, "utf8")).join(""));
    const outcomes = { dtls: "", tls: "" };

    const peer = await startOpenssl(["-cert", leaf.cert, "-key", leaf.key, ...(others.length > 0 ? ["-cert_chain", rest] : []), "-cipher", "ALL:@SECLEVEL=0"]);
    outcomes.dtls = await dial(module, { address: "127.0.0.1", port: peer.port, serverName, credentials: own }, { giveUpMs: 20_000 })
      .then(({ channel }) => {
        channel.close();
        return "accepted";
      }, (error: unknown) => `refused: ${(error as Error).message}`);
    await peer.stop();

    const server = createTlsServer({
      cert: readFileSync(leaf.cert, "utf8") + readFileSync(rest, "utf8"),
      key: readFileSync(leaf.key),
      ciphers: "DEFAULT:@SECLEVEL=0",
    }, (socket) => {
      socket.on("error", () => undefined).write(".");
    });
    server.on("tlsClientError", () => undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    outcomes.tls = await dialTls(
      { address: "127.0.0.1", port: (server.address() as AddressInfo).port, serverName, credentials: own },
      { message: () => undefined, closed: () => undefined },
      { signal: new AbortController().signal, onSession: () => undefined },
    ).then((channel) => {
      channel.close();
      return "accepted";
    }, (error: unknown) => `refused: ${(error as Error).message}`);
    server.close();

    if (outcome === "accepted") assert.deepEqual(outcomes, { dtls: "accepted", tls: "accepted" });
    else {
      assert.match(outcomes.dtls, outcome.udp);
      assert.match(outcomes.tls, outcome.tcp);
    }
  });
}
