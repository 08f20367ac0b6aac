/** Why a certificate was refused, in the words an operator can act on. */
export type CertificateProblem =
  | "expired"
  | "not-yet-valid"
  | "wrong-name"
  | "unknown-ca"
  | "missing"
  | "revoked"
  | "weak-signature"
  | "weak-key"
  | "wrong-usage"
  | "limited-names"
  | "unreadable"
  | "other";

/** The part of a failure that depends on its reason. */
export type DtlsFailureCause =
  /** The peer did not answer, or not to the end. */
  | { readonly reason: "timeout" }
  /** The peer refused with a fatal alert (its name in the IANA registry). */
  | { readonly reason: "alert"; readonly alert: string }
  /** The peer does not accept our key, identity or certificate. No alert: it fell silent when the key was needed. */
  | { readonly reason: "bad-credentials"; readonly alert?: string }
  /** We do not accept the peer's certificate. */
  | { readonly reason: "certificate"; readonly problems: readonly CertificateProblem[] }
  /** The peer's messages make no sense, or offer nothing we support. */
  | { readonly reason: "malformed" }
  | { readonly reason: "closed-by-peer" }
  /** Our own credentials or options cannot be used. */
  | { readonly reason: "configuration" }
  | { readonly reason: "internal" };

/** Why a session ended or did not come about. */
export type DtlsFailure = DtlsFailureCause & {
  readonly text: string;
  readonly during: "handshake" | "session";
  /**
   * Whether another attempt may go better although nothing is changed here. Whatever comes from the network during the
   * handshake is unauthenticated (RFC 6347 §4.1.2.7), an alert or a foreign certificate included, so none of it is final.
   */
  readonly retryable: boolean;
};

/** A failure with its words. Only one that the configuration caused is not worth another try. */
export function failure(cause: DtlsFailureCause, text: string, during: DtlsFailure["during"]): DtlsFailure {
  return { ...cause, text, during, retryable: cause.reason !== "configuration" };
}

const certificateProblems: readonly (readonly [mask: number, problem: CertificateProblem, words: string])[] = [
  [0x01, "expired", "it has expired, or this router's clock is wrong"],
  [0x0200, "not-yet-valid", "it is not valid yet, or this router's clock is wrong"],
  [0x04, "wrong-name", "it is for another name"],
  [0x08, "unknown-ca", "no certificate authority in ca_file has signed it"],
  [0x40, "missing", "the server sent none"],
  [0x02, "revoked", "it has been revoked"],
  [0x4000, "weak-signature", "it is signed with a hash that is too weak"],
  [0x01_8000, "weak-key", "its key is too short or of an unsupported kind"],
  [0x3800, "wrong-usage", "it is not meant for a server"],
  [0x0100, "limited-names", "an authority of its chain is limited to certain names, which is not supported over DTLS"],
];

/** mbedTLS' MBEDTLS_X509_BADCERT_ bits, explained. */
function refusedCertificate(flags: number): DtlsFailure {
  const found = certificateProblems.filter(([mask]) => flags !== -1 && (flags & mask) !== 0);
  const problems = found.length > 0 ? found.map(([, problem]) => problem) : (["other"] as const);
  const words = found.map(([, , text]) => text).join("; ") || `verification failed with flags 0x${(flags >>> 0).toString(16)}`;
  return failure({ reason: "certificate", problems }, `the server's certificate is refused: ${words}`, "handshake");
}

/** RFC 8446 §6.2 and IANA "TLS Alerts". */
const alerts: Readonly<Record<number, string>> = {
  10: "unexpected_message",
  20: "bad_record_mac",
  21: "decryption_failed",
  22: "record_overflow",
  30: "decompression_failure",
  40: "handshake_failure",
  41: "no_certificate",
  42: "bad_certificate",
  43: "unsupported_certificate",
  44: "certificate_revoked",
  45: "certificate_expired",
  46: "certificate_unknown",
  47: "illegal_parameter",
  48: "unknown_ca",
  49: "access_denied",
  50: "decode_error",
  51: "decrypt_error",
  60: "export_restriction",
  70: "protocol_version",
  71: "insufficient_security",
  80: "internal_error",
  86: "inappropriate_fallback",
  90: "user_canceled",
  100: "no_renegotiation",
  109: "missing_extension",
  110: "unsupported_extension",
  112: "unrecognized_name",
  113: "bad_certificate_status_response",
  115: "unknown_psk_identity",
  116: "certificate_required",
  120: "no_application_protocol",
};

const credentialAlerts: Readonly<Record<number, string>> = {
  20: "it could not decrypt our Finished message: the pre-shared key is probably wrong",
  41: "it wants a certificate from us",
  42: "it calls our certificate damaged or its signature wrong",
  43: "it does not support our kind of certificate",
  44: "our certificate has been revoked",
  45: "our certificate has expired",
  46: "it does not accept our certificate",
  48: "it does not know the authority that signed our certificate",
  49: "it denies us access",
  51: "our key does not fit: wrong pre-shared key, or a certificate with another's key",
  115: "it does not know our PSK identity",
  116: "it wants a certificate from us",
};

/** A fatal alert from the peer. */
function refusedByAlert(code: number, during: DtlsFailure["during"]): DtlsFailure {
  const alert = alerts[code] ?? `alert ${String(code)}`;
  const credential = during === "handshake" ? credentialAlerts[code] : undefined;
  return credential === undefined
    ? failure({ reason: "alert", alert }, `the server ended the ${during} with the alert ${alert}`, during)
    : failure({ reason: "bad-credentials", alert }, `the server refuses us (${alert}): ${credential}`, during);
}

/** What dtls_phase() tells about a handshake that got no further. */
export function silence(phase: number, credentials: "psk" | "certificate"): DtlsFailure {
  if (phase === 0) return failure({ reason: "timeout" }, "no answer from the server", "handshake");
  // RFC 6347 §4.1.2.7: a server may drop records it cannot authenticate in silence. OpenSSL does so with a Finished
  // that another PSK protects: silence at this very point is what a wrong key looks like.
  if (phase === 2 && credentials === "psk")
    return failure({ reason: "bad-credentials" }, "the server fell silent when the key was first used: the pre-shared key is probably wrong", "handshake");
  return failure({ reason: "timeout" }, "the server answered, but the handshake did not come to its end", "handshake");
}

const alertMessage = -0x7780;
const words: Readonly<Record<number, string>> = {
  [-0x10001]: "the server does not support extended_master_secret (RFC 7627), which is required",
  [-0x10002]: "the session made no progress",
  [-0x2562]: "an extension that is critical and not supported, such as name constraints",
  [-0x5e80]: "unusable configuration",
  [-0x6480]: "a handshake message came too early",
  [-0x6600]: "a handshake message with an illegal parameter",
  [-0x6b80]: "the record counter is used up",
  [-0x6e00]: "no agreement on version, cipher suite or extensions",
  [-0x6e80]: "another version than DTLS 1.2",
  [-0x7180]: "a record that does not decrypt",
  [-0x7200]: "a malformed record",
  [-0x7300]: "a malformed handshake message",
  [-0x7500]: "an extension that we did not ask for",
  [-0x7700]: "a handshake message out of turn",
  [-0x7f00]: "out of memory",
  [-0x7f80]: "no random numbers",
};
/** Ours to blame, not the peer's: pump without progress, record counter, memory, random numbers, mbedTLS' own errors. */
const internal: ReadonlySet<number> = new Set([-0x10002, -0x6b80, -0x7f00, -0x7f80, -0x6c00, -0x6a00, -0x6e]);

/** An error of mbedTLS from which the session cannot go on. */
export function sessionError(
  code: number,
  during: DtlsFailure["during"],
  credentials: "psk" | "certificate",
  details: { readonly alert: number; readonly verifyFlags: number },
): DtlsFailure {
  if (code === alertMessage) return refusedByAlert(details.alert, during);
  if (code === -0x2700) return refusedCertificate(details.verifyFlags);
  if (code === -0x7a00) return refusedCertificate(details.verifyFlags === -1 ? 0x40 : details.verifyFlags);
  const what = words[code] ?? "mbedTLS failed";
  const text = `${what} (-0x${(-code).toString(16)})`;
  // X.509 and ASN.1 errors: the certificate cannot be read at all.
  if (code < -0x2000 && code > -0x3000)
    return failure({ reason: "certificate", problems: ["unreadable"] }, `the server's certificate cannot be read: ${text}`, during);
  // mbedTLS gives up on a Finished it cannot decrypt, "eg wrong psk used".
  if (code === -0x7180 && during === "handshake" && credentials === "psk")
    return failure({ reason: "bad-credentials" }, `the server's Finished does not decrypt: the pre-shared key is probably wrong`, during);
  return failure({ reason: internal.has(code) ? "internal" : "malformed" }, text, during);
}

/** In the order of shim.c's PART_ constants. */
const credentialParts = ["the credentials", "the CA certificates", "our certificate", "our private key",
  "the private key does not belong to the certificate"] as const;

/** Our own credentials or options were not accepted by mbedTLS. */
export function unusableConfiguration(code: number, failedPart: number): DtlsFailure {
  const part = credentialParts[failedPart] ?? credentialParts[0];
  const kind = code === -0x3c80 ? ": it has a key of a kind that is unknown here, such as RSA-PSS (RFC 4055)" : "";
  const why = code > 0 ? `${String(code)} of them cannot be read` : `cannot be used (-0x${(-code).toString(16)})${kind}`;
  return failure({ reason: "configuration" }, failedPart === 4 ? part : `${part}: ${why}`, "handshake");
}
