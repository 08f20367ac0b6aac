/** In place of packages/dtls-wasm/src/dtls-module.ts: dtls.wasm is part of this executable (host/src/dtls.c). */
import type { Shim, ShimHost } from "../../packages/dtls-wasm/src/dtls-module.ts";

export type { Shim, ShimHost };

export interface DtlsModule {
  readonly wasm: "compiled in";
}

export const compiledIn: DtlsModule = { wasm: "compiled in" };

/** There is nothing to compile: whoever has bytes of a module has come to the wrong runtime. */
export function compileDtls(): Promise<DtlsModule> {
  return Promise.reject(new Error("this runtime runs the DTLS code that is compiled into it, and no other"));
}

/** A fresh instance with its own memory. */
export function instantiateShim(_module: DtlsModule, host: ShimHost): Shim {
  const shim = native.dtls(host);
  shim._initialize();
  return shim;
}
