/** A body that is not the CBOR it should be; the text goes to the upstream as a diagnostic payload. */
export class BodyError extends Error {}
