/** What of cbor-x is used. This build of it makes no functions from text, and loads no native addon. */
declare module "cbor-x/decode-no-eval" {
  /** Reads CBOR; throws an Error on some of what is malformed. */
  export class Decoder {
    /** `int64AsNumber`: integers of 8 bytes too are numbers, not exact above 2^53. */
    constructor(options: { readonly useRecords: false; readonly mapsAsObjects: false; readonly int64AsNumber: true });
    decode(bytes: Uint8Array): unknown;
  }
  /** Replaces what the library makes of a tag, for all decoders. */
  export function addExtension(extension: { readonly tag: number; readonly decode: (content: unknown) => unknown }): void;
}
