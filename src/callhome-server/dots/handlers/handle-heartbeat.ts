import { BodyError } from "../../cbor/body-error.ts";
import { readBody } from "../../cbor/schema.ts";
import { diagnosticResponse, type CoapRequest, type CoapResponse } from "../../coap/request.ts";
import type { DotsService } from "../dots-service.ts";
import { HeartbeatBody } from "../messages.ts";

/** PUT to 'hb' (RFC 9132 §4.7): 2.04 with an empty body. */
export function putHeartbeat(service: DotsService, request: CoapRequest): CoapResponse {
  try {
    service.heartbeat(readBody(HeartbeatBody, request.payload).heartbeat.peerHbStatus);
    return { code: "2.04" };
  } catch (error) {
    if (error instanceof BodyError) return diagnosticResponse("4.00", error.message);
    throw error;
  }
}
