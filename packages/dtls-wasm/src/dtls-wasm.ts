/** What the package offers. */
export type { CertificateProblem, DtlsFailure, DtlsFailureCause } from "./dtls-failure.ts";
export { compileDtls, type DtlsModule } from "./dtls-module.ts";
export { DtlsSession, type DtlsCredentials, type DtlsEffect, type DtlsHost, type DtlsOptions } from "./dtls-session.ts";
