import type { Device } from "../model/device.ts";
import { describeFoundDevice, type FoundDeviceView } from "./describe-mitigation.ts";

/** Which device a report would mean, and what would come of it. */
export interface Lookup {
  readonly devices: readonly Device[];
  /** The reported flows are the router's own: there is no device. */
  readonly routerItself: boolean;
  /** Who named them: `kernel`, `journal`, `table`. */
  readonly witnesses: readonly string[];
  /** What a request like this would lead to, a sentence each: `block Kitchen camera -> 198.51.100.9/32 after asking`. */
  readonly would: readonly string[];
  /** What matched, where, and why not the others, a sentence each. */
  readonly why: readonly string[];
}

export interface LookupView {
  readonly devices: readonly FoundDeviceView[];
  readonly router_itself: boolean;
  readonly witnesses: readonly string[];
  readonly would: readonly string[];
  readonly why: readonly string[];
}

/** A finding as `lookup --json` shows it. */
export function describeLookup({ devices, routerItself, witnesses, would, why }: Lookup): LookupView {
  return { devices: devices.map(describeFoundDevice), router_itself: routerItself, witnesses: [...witnesses], would: [...would], why: [...why] };
}
