import type { MitigationRequest } from "../../../model/mitigation-request.ts";
import { isRequested, type Mitigation } from "../../../model/mitigation.ts";
import { badRequest, type Refusal } from "../../../model/refusal.ts";
import type { WallInstant } from "../../../model/time.ts";
import { diagnosticResponse, dotsCbor, type CoapRequest, type CoapResponse } from "../../coap/request.ts";
import { acceptedBody, conflictBody, statusBody, type ContentFilter } from "../describe-mitigation.ts";
import type { DotsService } from "../dots-service.ts";
import { observationOf, type Observers } from "../observers.ts";
import { parseMitigation } from "../parse-mitigation.ts";
import type { DotsPath } from "../uri-path.ts";

/** PUT: request, refresh, efficacy update (RFC 9132 §4.4.1, §4.4.3). */
export async function putMitigation(service: DotsService, path: DotsPath, request: CoapRequest,
  wallTime: () => WallInstant): Promise<CoapResponse | undefined> {
  const { cuid, mid } = path;
  if (cuid === undefined || mid === undefined) return refusalResponse(badRequest("Uri-Path needs 'cuid' and 'mid'"));
  // §4.4.3: without a match "silently ignored", whatever else may be wrong with it. A mitigation has no tag that it could match by.
  const matches = request.ifMatch === "exists" && service.mitigationsOf(service.upstream, cuid).some((each) => each.request.mid === mid && isRequested(each));
  if (request.ifMatch && !matches) return undefined;
  const read = parseMitigation(service.upstream, cuid, mid, request.payload);
  if ("code" in read) return refusalResponse(read);
  const admission = await service.request(read, request.ifMatch !== undefined);
  switch (admission.is) {
    case "ignored":
      return undefined;
    case "refused":
      return refusalResponse(admission.refusal);
    default:
      return cbor(admission.is === "created" ? "2.01" : "2.04", acceptedBody(admission.mitigation, wallTime()));
  }
}

/** GET, with or without Observe: one mitigation or all of the client's (RFC 9132 §4.4.2). */
export function getMitigation(service: DotsService, observers: Observers, path: DotsPath, request: CoapRequest, wallTime: () => WallInstant): CoapResponse {
  const { cuid, mid } = path;
  if (cuid === undefined) return refusalResponse(badRequest("Uri-Path needs 'cuid'"));
  const filter = readFilter(request.query);
  if (!filter) return refusalResponse(badRequest("Uri-Query 'c' must be c, n or a, once"));
  const represent = (): { response: CoapResponse; final: boolean } | undefined => {
    const mitigations = available(service.mitigationsOf(service.upstream, cuid)).filter((each) => mid === undefined || each.request.mid === mid);
    if (mitigations.length === 0) return undefined;
    // The list of all goes on: the next request will be in it.
    const final = mid !== undefined && mitigations.every((each) => each.state === "ended");
    return { response: cbor("2.05", statusBody(mitigations, filter, wallTime())), final };
  };
  const content = represent();
  if (request.observe === 1) observers.remove(request.token);
  if (!content) return diagnosticResponse("4.04", "no such mitigation");
  if (request.observe !== 0 || content.final) return content.response;
  const sequence = observers.add({ ...observationOf(request), resource: mitigationResource(cuid, mid), represent });
  return sequence === undefined ? content.response : { ...content.response, observe: sequence };
}

/** DELETE (RFC 9132 §4.4.4): 2.02 even if there is nothing to withdraw. */
export function deleteMitigation(service: DotsService, path: DotsPath): CoapResponse {
  if (path.cuid === undefined || path.mid === undefined) return refusalResponse(badRequest("Uri-Path needs 'cuid' and 'mid'"));
  service.withdraw(service.upstream, path.cuid, path.mid);
  return { code: "2.02" };
}

/** Of each mid the one that lives, else the latest; what was overridden is "no longer available" (RFC 9132 §4.4.1.3). */
function available(mitigations: readonly Mitigation[]): Mitigation[] {
  const latest = new Map(
    [...mitigations].sort((a, b) => Number(b.state === "ended") - Number(a.state === "ended") || a.id - b.id).map((each) => [each.request.mid, each]),
  );
  return [...latest.values()].filter((each) => each.outcome !== "overridden");
}

/** The name under which a client's mitigations are observed: one of them, or all together. */
function mitigationResource(cuid: string, mid?: number): string {
  return mid === undefined ? `mitigate/${cuid}` : `mitigate/${cuid}/mid=${String(mid)}`;
}

/** Whether a change of this mitigation changes that resource. */
export function concernsMitigation(resource: string, { cuid, mid }: Pick<MitigationRequest, "cuid" | "mid">): boolean {
  return resource === mitigationResource(cuid) || resource === mitigationResource(cuid, mid);
}

/** The response that tells the upstream why it is refused: diagnostic text, conflict information (RFC 9132 §4.4.1.3) or Max-Age. */
function refusalResponse(refusal: Refusal): CoapResponse {
  switch (refusal.code) {
    case "4.09":
      return cbor("4.09", conflictBody(refusal.conflict));
    case "5.03":
      return { ...diagnosticResponse("5.03", refusal.diagnostic), maxAge: refusal.retryAfter };
    default:
      return diagnosticResponse(refusal.code, refusal.diagnostic);
  }
}

function cbor(code: "2.01" | "2.04" | "2.05" | "4.09", payload: Uint8Array): CoapResponse {
  return { code, contentFormat: dotsCbor, payload };
}

/** RFC 9132 §4.4.2, table 2; other queries are nothing that we know and are ignored. */
function readFilter(query: readonly string[]): ContentFilter | undefined {
  const filters = query.filter((each) => each.startsWith("c="));
  if (filters.length === 0) return "a";
  const value = filters[0]?.slice(2);
  return filters.length === 1 && (value === "c" || value === "n" || value === "a") ? value : undefined;
}
