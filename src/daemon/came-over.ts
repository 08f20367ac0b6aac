import type { UpstreamStatus } from "../model/upstream-status.ts";
import { parseIpAddress } from "../model/ip-prefix.ts";
import type { CameOver } from "../policy/other-wan.ts";

/** The way that an upstream's requests come now: `device` is its `bind_device`. */
export function cameOver({ peer, local }: Pick<UpstreamStatus, "peer" | "local">, device: string | null): CameOver {
  const address = /^\[?([^[\]]+?)\]?:\d+$/.exec(peer ?? "")?.[1];
  return { peer: (address === undefined ? undefined : parseIpAddress(address)) ?? null, local: parseIpAddress(local ?? "") ?? null, device };
}
