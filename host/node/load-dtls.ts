/** In place of src/system/dial/load-dtls.ts: the code of dtls.wasm is part of this executable. */
import { compiledIn, type DtlsModule } from "./dtls-module.ts";

export const loadDtls = (): Promise<DtlsModule> => Promise.resolve(compiledIn);
