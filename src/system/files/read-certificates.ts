import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { sinceEpoch, wallInstant, type WallInstant } from "../../model/time.ts";
import { readGuarded, type SecretReading } from "./read-secret.ts";

/** PEM texts for TLS, checked to fit together. */
export interface Certificates {
  readonly ca: string;
  /** The router's certificate first, then its chain. */
  readonly cert: string;
  readonly key: string;
}

const largestPem = 256 * 1024; // bytes

/**
 * Reads and checks the three PEM files of an upstream with `auth 'certificate'`. A certificate that has expired, or is not
 * valid yet, is a warning: at boot the router's clock may be wrong until NTP has set it.
 */
export function readCertificates(
  files: { readonly caFile: string; readonly certFile: string; readonly keyFile: string },
  now: WallInstant,
): SecretReading<Certificates> {
  const ca = readChain(files.caFile, now, "the certificates of who may sign the upstream's");
  if ("problem" in ca) return ca;
  const cert = readChain(files.certFile, now, "the router's certificate");
  if ("problem" in cert) return cert;
  const key = readKey(files.keyFile);
  if ("problem" in key) return key;
  if (!cert.value.leaf.checkPrivateKey(key.value.key)) {
    return { problem: `${files.keyFile}: is not the key of the certificate in ${files.certFile}; its certificate must be the first one there` };
  }
  // mbedTLS knows RSA-PSS signatures, but no keys that are for nothing else (id-RSASSA-PSS, RFC 4055).
  const pss = key.value.key.asymmetricKeyType === "rsa-pss"
    ? [`${files.keyFile}: an RSA-PSS key works over TCP only; for UDP (DTLS) ask for a certificate with an ECDSA or RSA key`]
    : [];
  return {
    value: { ca: ca.value.pem, cert: cert.value.pem, key: key.value.pem },
    warnings: [...ca.warnings, ...cert.warnings, ...pss],
  };
}

/** Reads PEM with at least one certificate, whoever's. */
export function readCertificate(path: string): SecretReading<unknown> {
  return readChain(path, wallInstant(0), "a certificate");
}

/** Reads a PEM private key that nobody else may read, without a passphrase. */
export function readPrivateKey(path: string): SecretReading<unknown> {
  return readKey(path);
}

function readChain(path: string, now: WallInstant, what: string): SecretReading<{ pem: string; leaf: X509Certificate }> {
  const read = readGuarded(path, largestPem, "public");
  if ("problem" in read) return read;
  const pem = read.value.toString("latin1");
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const certificates: X509Certificate[] = [];
  for (const [at, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return { problem: `${path}: certificate ${at + 1} is damaged, expected PEM with ${what}` };
    }
  }
  const [leaf] = certificates;
  if (!leaf) return { problem: `${path}: there is no certificate in it, expected PEM with ${what} (-----BEGIN CERTIFICATE-----)` };
  return { value: { pem, leaf }, warnings: certificates.flatMap((certificate, at) => warnOfDates(path, at, certificate, now)) };
}

function warnOfDates(path: string, at: number, certificate: X509Certificate, now: WallInstant): string[] {
  const [from, until] = [wallInstant(Date.parse(certificate.validFrom)), wallInstant(Date.parse(certificate.validTo))];
  if (now > until) return [`${path}: certificate ${at + 1} expired on ${formatDate(until)}, ask for a new one (or set the router's clock)`];
  if (now < from) return [`${path}: certificate ${at + 1} is not valid before ${formatDate(from)}, the router's clock may be wrong`];
  return [];
}

function formatDate(instant: WallInstant): string {
  return new Date(sinceEpoch(instant)).toISOString().slice(0, 10);
}

function readKey(path: string): SecretReading<{ pem: string; key: KeyObject }> {
  const read = readGuarded(path, largestPem, "private");
  if ("problem" in read) return read;
  const pem = read.value.toString("latin1");
  if (/ENCRYPTED/.test(pem)) {
    return {
      problem: `${path}: the key is protected by a passphrase that nobody can type at boot, do: openssl pkey -in KEY -out NEWKEY, then chmod 600 NEWKEY`,
    };
  }
  try {
    return { value: { pem, key: createPrivateKey(pem) }, warnings: [] };
  } catch {
    // What OpenSSL says helps nobody here, and nothing of a key is to be repeated.
    return { problem: `${path}: there is no private key in it that can be read, expected PEM (-----BEGIN PRIVATE KEY-----)` };
  }
}
