import { diagnosticResponse, dotsCbor, type CoapRequest, type CoapResponse } from "../../coap/request.ts";
import type { DotsService } from "../dots-service.ts";
import { observationOf, type Observers } from "../observers.ts";
import { readSessionConfig, sessionConfigBody } from "../session-config.ts";
import type { DotsPath } from "../uri-path.ts";

/** Validity of what we said, so that clients do not ask every 60 s (RFC 9132 §4.5.3). */
export const configMaxAge = 3_600;
export const configResource = "config";

/** GET: acceptable and current values; with 'sid' the negotiated ones (RFC 9132 §4.5.1, §4.5.2). */
export function getConfig(service: DotsService, observers: Observers, path: DotsPath, request: CoapRequest): CoapResponse {
  if (path.sid !== undefined && path.sid !== service.sessionConfig().sid) return diagnosticResponse("4.04", "no such sid");
  const represent = (): CoapResponse => ({
    code: "2.05",
    contentFormat: dotsCbor,
    maxAge: configMaxAge,
    payload: sessionConfigBody(service.sessionConfig(), service.longestHeartbeat()),
  });
  if (request.observe === 1) observers.remove(request.token);
  if (request.observe !== 0) return represent();
  const sequence = observers.add({ ...observationOf(request), resource: configResource, represent: () => ({ response: represent(), final: false }) });
  return sequence === undefined ? represent() : { ...represent(), observe: sequence };
}

/** PUT (RFC 9132 §4.5.2): a higher sid overrides a lower one, which is deleted. */
export function putConfig(service: DotsService, path: DotsPath, request: CoapRequest): CoapResponse {
  if (path.sid === undefined) return diagnosticResponse("4.00", "Uri-Path needs 'sid'");
  const current = service.sessionConfig().sid;
  if (current !== null && path.sid < current) return diagnosticResponse("4.00", "a configuration with a higher 'sid' is in force");
  const asked = readSessionConfig(path.sid, request.payload, service.longestHeartbeat());
  if ("code" in asked) return diagnosticResponse(asked.code, asked.diagnostic);
  service.configureSession(asked);
  return { code: current === path.sid ? "2.04" : "2.01" };
}

/** DELETE: back to the defaults; also without 'sid', after a reboot of the client (RFC 9132 §4.5.4). */
export function deleteConfig(service: DotsService, path: DotsPath): CoapResponse {
  if (path.sid === undefined || path.sid === service.sessionConfig().sid) service.configureSession(null);
  return { code: "2.02" };
}
