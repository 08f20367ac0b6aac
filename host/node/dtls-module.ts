export interface DtlsModule { readonly wasm: string }
export const instantiateShim = (): never => { throw new Error("no DTLS yet"); };
export const compileDtls = instantiateShim;
