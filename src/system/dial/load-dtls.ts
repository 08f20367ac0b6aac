import { readFileSync } from "node:fs";
import { compileDtls, type DtlsModule } from "dtls-wasm";

/** Reads and compiles dtls.wasm, which lies beside the bundle; when run from the sources, where `make build` puts it. */
export async function loadDtls(): Promise<DtlsModule> {
  return compileDtls(readFileSync(new URL(import.meta.url.endsWith(".ts") ? "../../../dist/dtls.wasm" : "dtls.wasm", import.meta.url)));
}
