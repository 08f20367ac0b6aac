import type { WallInstant } from "../../model/time.ts";
import { method } from "../coap/message.ts";
import { diagnosticResponse, dotsCbor, type CoapRequest, type CoapResponse } from "../coap/request.ts";
import type { DotsService } from "./dots-service.ts";
import { deleteConfig, getConfig, putConfig } from "./handlers/handle-config.ts";
import { putHeartbeat } from "./handlers/handle-heartbeat.ts";
import { deleteMitigation, getMitigation, putMitigation } from "./handlers/handle-mitigate.ts";
import { putRedirect } from "./handlers/handle-redirect.ts";
import type { Observers } from "./observers.ts";
import { readDotsPath } from "./uri-path.ts";

/** Answers one request of an upstream: the dispatcher of the signal channel (RFC 9132 §4.2, §9; RFC 9066 §5). */
export async function serveDots(service: DotsService, observers: Observers, request: CoapRequest,
  wallTime: () => WallInstant): Promise<CoapResponse | undefined> {
  const path = readDotsPath(request.path);
  if (path === "not-found") return diagnosticResponse("4.04", "no such resource");
  if ("wrong" in path) return diagnosticResponse("4.00", path.wrong);
  if (request.contentFormat !== undefined && request.contentFormat !== dotsCbor) {
    return diagnosticResponse("4.15", `Content-Format ${dotsCbor} (application/dots+cbor) expected`);
  }
  if (request.accept !== undefined && request.accept !== dotsCbor) return diagnosticResponse("4.06", `only Content-Format ${dotsCbor} is served`);
  switch (`${path.operation} ${request.code}`) {
    case `mitigate ${method.put}`:
      return putMitigation(service, path, request, wallTime);
    case `mitigate ${method.get}`:
      return getMitigation(service, observers, path, request, wallTime);
    case `mitigate ${method.delete}`:
      return deleteMitigation(service, path);
    case `config ${method.put}`:
      return putConfig(service, path, request);
    case `config ${method.get}`:
      return getConfig(service, observers, path, request);
    case `config ${method.delete}`:
      return deleteConfig(service, path);
    case `hb ${method.put}`:
      return putHeartbeat(service, request);
    case `redirect ${method.put}`:
      return putRedirect(service, request);
    default:
      return diagnosticResponse("4.05", `not a method of '${path.operation}'`);
  }
}
