// A certificate authority for the tests, made with the openssl command in a directory of its own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Identity {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface Issue {
  readonly name: string;
  /** subjectAltName entries; default the DNS name isp.example. */
  readonly alternatives?: string;
  readonly keyType?: "ecdsa" | "rsa" | "rsa-pss";
  /** YYMMDDHHMMSSZ */
  readonly from?: string;
  readonly to?: string;
  readonly extensions?: string;
}

export class CertificateAuthority {
  readonly directory: string;
  readonly pem: string;
  readonly file: string;
  readonly #keyFile: string;
  readonly #name: string;

  constructor(name: string, directory = mkdtempSync(join(tmpdir(), "dtls-test-"))) {
    this.directory = directory;
    this.#name = name;
    this.#keyFile = join(directory, `${name}.key`);
    this.file = join(directory, `${name}.pem`);
    makeKey(this.#keyFile, "ecdsa");
    openssl("req", "-x509", "-new", "-key", this.#keyFile, "-subj", `/CN=${name}`, "-days", "30", "-out", this.file);
    this.pem = readFileSync(this.file, "utf8");
  }

  /** A key and a certificate, signed with `openssl ca`, which alone lets the validity be chosen. */
  issue({ name, alternatives = "DNS:isp.example", keyType = "ecdsa", from = "200101000000Z", to = "491231235959Z", extensions = "" }: Issue): Identity {
    const at = (suffix: string): string => join(this.directory, `${this.#name}-${name}.${suffix}`);
    makeKey(at("key"), keyType);
    openssl("req", "-new", "-key", at("key"), "-subj", `/CN=${name}`, "-out", at("csr"));
    writeFileSync(at("index"), "");
    writeFileSync(at("conf"), [
      "[ca]",
      "default_ca=it",
      "[it]",
      `database=${at("index")}`,
      `new_certs_dir=${this.directory}`,
      "rand_serial=yes",
      "default_md=sha256",
      "policy=any",
      "unique_subject=no",
      "x509_extensions=ext",
      "[any]",
      "commonName=supplied",
      "[ext]",
      `subjectAltName=${alternatives}`,
      "basicConstraints=critical,CA:FALSE",
      extensions,
      "",
    ].join("\n"));
    openssl("ca", "-batch", "-notext", "-config", at("conf"), "-cert", this.file, "-keyfile", this.#keyFile, "-startdate", from, "-enddate", to, "-in",
      at("csr"), "-out", at("pem"));
    return identity(at("pem"), at("key"));
  }

  /** Signed by itself. */
  selfSigned(name: string): Identity {
    const certFile = join(this.directory, `${name}.pem`), keyFile = join(this.directory, `${name}.key`);
    makeKey(keyFile, "ecdsa");
    openssl("req", "-x509", "-new", "-key", keyFile, "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:isp.example", "-days", "30", "-out", certFile);
    return identity(certFile, keyFile);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function identity(certFile: string, keyFile: string): Identity {
  return { certFile, keyFile, cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}

function makeKey(file: string, type: "ecdsa" | "rsa" | "rsa-pss"): void {
  if (type === "rsa") openssl("genrsa", "-out", file, "2048");
  else if (type === "rsa-pss") openssl("genpkey", "-algorithm", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file);
  else openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file);
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
