import type { MitigationRequest } from "../../model/mitigation-request.ts";
import type { Mitigation } from "../../model/mitigation.ts";
import type { Refusal } from "../../model/refusal.ts";
import type { Seconds } from "../../model/time.ts";
import type { ReadMitigation } from "./parse-mitigation.ts";
import type { SessionConfig } from "./session-config.ts";

/** How a PUT to 'mitigate' went: created 2.01, refreshed 2.04, turned down, or to be passed over in silence (§4.4.3). */
export type Admission =
  | { readonly is: "created" | "refreshed"; readonly mitigation: Mitigation }
  | { readonly is: "refused"; readonly refusal: Refusal }
  | { readonly is: "ignored" };

/** Where an upstream wants to be met instead (RFC 9066 §5.2.2). */
export interface Redirection {
  readonly client: string;
  readonly addresses: readonly string[];
  /** Seconds; null = not said. */
  readonly ttl: number | null;
}

/** What the signal channel needs from the rest of the daemon. */
export interface MitigationService {
  /** `ifMatch`: only if the mitigation exists already. */
  request(read: ReadMitigation, ifMatch: boolean): Promise<Admission>;
  withdraw(upstream: string, cuid: MitigationRequest["cuid"], mid: MitigationRequest["mid"]): void;
  /** Those that exist for the client; ended ones until their last notification is out. */
  mitigationsOf(upstream: string, cuid: string): readonly Mitigation[];
}

/** What a handler can do: the mitigations, and its own session. */
export interface DotsService extends MitigationService {
  readonly upstream: string;
  sessionConfig(): SessionConfig;
  /** Between heartbeats, that the path allows at most. */
  longestHeartbeat(): Seconds;
  /** Replaces the session configuration; null resets it to the defaults. */
  configureSession(config: SessionConfig | null): void;
  heartbeat(peerHearsUs: boolean): void;
  /** Returns why not, or undefined once the redirection is under way. */
  redirect(to: Redirection): string | undefined;
}
