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

interface Signer { readonly cert: string; readonly key: string }
interface Wanted { readonly name: string; readonly extensions: string; readonly key?: string; readonly to?: string; readonly digest?: string }

const folder = mkdtempSync(join(tmpdir(), "dch-chains-"));
const at = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => { execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] }); };
const isAuthority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";
const isServer = "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:isp.example";
let module: DtlsModule;
let root: Signer, own: DtlsCredentials;

/** Signed with `openssl ca`, which alone lets the validity be chosen. */
function sign(by: Signer | undefined, { name, extensions, key = "EC", to = "491231235959Z", digest = "sha256" }: Wanted): Signer {
  const made = { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  openssl("genpkey", ...(key === "EC" ? ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"] : ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${key}`]), "-out", made.key);
  openssl("req", "-new", "-key", made.key, "-subj", `/CN=${name}`, "-out", at(`${name}.csr`));
  writeFileSync(at(`${name}.index`), "");
  writeFileSync(at(`${name}.conf`), `[ca]\ndefault_ca=it\n[it]\ndatabase=${at(`${name}.index`)}\nnew_certs_dir=${folder}\nrand_serial=yes\ndefault_md=${digest}\npolicy=any\nunique_subject=no\nx509_extensions=ext\n[any]\ncommonName=supplied\n[ext]\n${extensions}\n`);
  openssl("ca", "-batch", "-notext", "-config", at(`${name}.conf`), ...(by ? ["-cert", by.cert, "-keyfile", by.key] : ["-selfsign", "-keyfile", made.key]),
    "-startdate", "200101000000Z", "-enddate", to, "-in", at(`${name}.csr`), "-out", made.cert);
  return made;
}

before(async () => {
  module = await loadDtls();
  root = sign(undefined, { name: "root", extensions: isAuthority });
  const router = sign(root, { name: "router", extensions: isServer });
  own = { is: "certificate", ca: readFileSync(root.cert, "utf8"), cert: readFileSync(router.cert, "utf8"), key: readFileSync(router.key, "utf8") };
});
after(() => { rmSync(folder, { recursive: true }); });

const below = (name: string, authority: Partial<Wanted>, leaf: Partial<Wanted> = {}): Signer[] => {
  const intermediate = sign(root, { name: `${name}-ca`, extensions: isAuthority, ...authority });
  return [sign(intermediate, { name, extensions: isServer, ...leaf }), intermediate];
};
const chains: readonly [what: string, chain: () => Signer[], isAccepted: boolean, serverName?: string][] = [
  ["an intermediate authority", () => below("good", {}), true],
  ["one that has expired", () => below("expired", { to: "210101000000Z" }), false],
  ["one that is none", () => below("leaf", { extensions: isServer }), false],
  ["one that may not sign certificates", () => below("usage", { extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature" }), false],
  ["one below an authority that may have none below it", () => {
    const narrow = sign(root, { name: "narrow", extensions: "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign" });
    const second = sign(narrow, { name: "second", extensions: isAuthority });
    return [sign(second, { name: "third", extensions: isServer }), second, narrow];
  }, false],
  ["one whose name constraints leave ours out", () => below("constrained", { extensions: `${isAuthority}\nnameConstraints=critical,permitted;DNS:other.example` }), false],
  ["a key of 1024 bits", () => [sign(root, { name: "weak", key: "1024", extensions: isServer })], false],
  ["a key of 2048 bits", () => [sign(root, { name: "rsa", key: "2048", extensions: isServer })], true],
  ["an intermediate authority with a key of 1024 bits", () => below("weak-ca", { key: "1024" }), false],
  ["a signature with SHA-1", () => [sign(root, { name: "sha1", digest: "sha1", extensions: isServer })], false],
  ["an extension that nobody knows, and that is critical", () => [sign(root, { name: "unknown", extensions: `${isServer}\n1.2.3.4.5=critical,DER:05:00` })], false],
  ["the address, where the host is one", () => [sign(root, { name: "address", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1" })], true, "127.0.0.1"],
  ["a wildcard one label above", () => [sign(root, { name: "wild", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*.isp.example" })], true, "dots.isp.example"],
  ["a wildcard two labels above", () => [sign(root, { name: "wilder", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*.example" })], false, "dots.isp.example"],
  ["a wildcard for all", () => [sign(root, { name: "all", extensions: "basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:*" })], false],
];

for (const [what, chain, isAccepted, serverName = "isp.example"] of chains) {
  test(`${isAccepted ? "accepted" : "refused"}: ${what}`, async () => {
    const [leaf, ...others] = chain();
    assert.ok(leaf);
    const rest = at("rest.pem");
    writeFileSync(rest, others.map(({ cert }) => readFileSync(cert, "utf8")).join(""));
    const outcomes = { dtls: "", tls: "" };

    const peer = await startOpenssl(["-cert", leaf.cert, "-key", leaf.key, ...(others.length > 0 ? ["-cert_chain", rest] : []), "-cipher", "ALL:@SECLEVEL=0"]);
    outcomes.dtls = await dial(module, { address: "127.0.0.1", port: peer.port, serverName, credentials: own }, { giveUpMs: 20_000 })
      .then(({ channel }) => { channel.close(); return "accepted"; }, (error: unknown) => `refused: ${(error as Error).message}`);
    await peer.stop();

    const server = createTlsServer({ cert: readFileSync(leaf.cert, "utf8") + readFileSync(rest, "utf8"), key: readFileSync(leaf.key), ciphers: "DEFAULT:@SECLEVEL=0" }, (socket) => { socket.on("error", () => undefined).write("."); });
    server.on("tlsClientError", () => undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    outcomes.tls = await dialTls(
      { address: "127.0.0.1", port: (server.address() as AddressInfo).port, serverName, credentials: own },
      { message: () => undefined, closed: () => undefined }, { signal: new AbortController().signal, onSession: () => undefined },
    ).then((channel) => { channel.close(); return "accepted"; }, (error: unknown) => `refused: ${(error as Error).message}`);
    server.close();

    assert.deepEqual([outcomes.dtls.split(":")[0], outcomes.tls.split(":")[0]], isAccepted ? ["accepted", "accepted"] : ["refused", "refused"], JSON.stringify(outcomes));
    if (!isAccepted) assert.match(outcomes.dtls + outcomes.tls, /refused: .+refused: .+/);
  });
}
