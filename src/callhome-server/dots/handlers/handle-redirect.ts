import { BodyError } from "../../cbor/body-error.ts";
import { readBody } from "../../cbor/schema.ts";
import { diagnosticResponse, type CoapRequest, type CoapResponse } from "../../coap/request.ts";
import { parseIpAddress } from "../../../model/ip-prefix.ts";
import { isPublicName } from "../../redirection.ts";
import type { DotsService } from "../dots-service.ts";
import { RedirectBody } from "../messages.ts";

const domainName = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?$/i;

/** PUT to 'redirect' (RFC 9066 §5.2.2): 2.01, then the session moves; 4.00 if it cannot be served. */
export function putRedirect(service: DotsService, request: CoapRequest): CoapResponse {
  try {
    const { altChClient, altChClientRecord = [], ttl } = readBody(RedirectBody, request.payload).redirectedSignal;
    if (!domainName.test(altChClient) || !(parseIpAddress(altChClient) ?? isPublicName(altChClient)))
      return diagnosticResponse("4.00", "alt-ch-client: not a domain name of the internet");
    if (!altChClientRecord.every((address) => parseIpAddress(address))) return diagnosticResponse("4.00", "alt-ch-client-record: not an IP address");
    const refused = service.redirect({ client: altChClient.replace(/\.$/, ""), addresses: altChClientRecord, ttl: ttl ?? null });
    return refused === undefined ? { code: "2.01" } : diagnosticResponse("4.00", refused);
  } catch (error) {
    if (error instanceof BodyError) return diagnosticResponse("4.00", error.message);
    throw error;
  }
}
