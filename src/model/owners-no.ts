import type { MacAddress } from "./device.ts";
import type { AttackTarget } from "./mitigation-request.ts";
import type { WallInstant } from "./time.ts";

/**
 * The owner's no: this device is to be left alone when it sends to this target, whichever upstream asks, until then. It holds no text of an
 * upstream, and is saved in a file that no upstream can grow.
 */
export interface OwnersNo {
  readonly mac: MacAddress | null;
  /** What it had when the owner said no; they name it where its MAC address is not known. With neither, the no is about any sender. */
  readonly addresses: readonly string[];
  /** As in a request, an empty list means: not restricted. Without prefixes the no is about every target. */
  readonly target: Pick<AttackTarget, "prefixes" | "ports" | "protocols">;
  readonly saidAt: WallInstant;
  /** Null = until it is taken back. */
  readonly until: WallInstant | null;
}
