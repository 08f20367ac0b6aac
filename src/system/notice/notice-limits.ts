import type { Milliseconds } from "../../model/time.ts";

/** A device that was hijacked may well attack the page that says so. */
export const noticeLimits = {
  connections: 16,
  /** For one device, whatever its addresses; those of whom nobody knows the device yet count as one. */
  connectionsOfOne: 4,
  /** New ones in a second; a browser makes two or three. */
  aSecond: 50,
  aSecondOfOne: 10,
  /** A connection's whole life. */
  life: 5_000 as Milliseconds,
  headers: 8 * 1024,
  /** For a request's body, which nobody reads. */
  body: 64 * 1024,
  /** Connections that the kernel keeps for us. */
  backlog: 64,
} as const;
