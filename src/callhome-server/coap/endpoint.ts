import type { Milliseconds } from "../../model/time.ts";
import type { CoapCode, CoapContent } from "./message.ts";
import type { CoapRequest, CoapResponse } from "./request.ts";

/** One end of a CoAP session, whatever the transport: requests go both ways (RFC 9132 §4.7). */
export interface CoapEndpoint {
  /** Feeds what arrived on the session. */
  receive(bytes: Uint8Array): void;
  /** Sends a request of our own, Non-confirmable where the transport knows that; `answered` is called once at most. */
  request(ask: OwnRequest, answered: (answer: CoapContent | "timeout" | "reset") => void): void;
  /** Asks for a sign of life that costs the peer next to nothing: CoAP's own ping. What comes back is heard like anything else. */
  ping(): void;
  /** Sends a notification on an observe token, always Non-confirmable (RFC 9132 §4.4.2.1). */
  notify(token: Uint8Array, response: CoapResponse): void;
  /** Bytes of body that one message can carry; longer ones go in blocks. */
  largestPayload(): number;
  /** Forgets all that is under way and sends nothing more. */
  close(): void;
}

export interface OwnRequest {
  readonly code: CoapCode;
  readonly path: readonly string[];
  readonly body: Uint8Array;
  readonly timeout: Milliseconds;
}

export interface EndpointEvents {
  /** Answers a request; undefined = stay silent. It may take its time: the endpoint acknowledges meanwhile. */
  request(request: CoapRequest): Promise<CoapResponse | undefined>;
  /** The peer does not know the token of a notification any more (RFC 7641 §3.6). */
  forgotten(token: Uint8Array): void;
  /** Something came, be it malformed: the session has authenticated it, so that the peer is alive. */
  heard(): void;
  /** The peer ends the session, or has broken the protocol so that it cannot go on. */
  ended(why: string): void;
}

/** Transmission parameters for Confirmable messages (RFC 7252 §4.8, negotiable by RFC 9132 §4.5). */
export interface TransmissionParameters {
  readonly ackTimeout: Milliseconds;
  readonly ackRandomFactor: number;
  readonly maxRetransmit: number;
}
