import type { Device } from "../../model/device.ts";

/** The devices with what their flows have counted since, where that is more than was known of them. */
export function withCounters(devices: readonly Device[], weighed: readonly Device[]): readonly Device[] {
  return devices.map((device) => {
    // Flows under a forged address are those of the forger.
    const same = weighed.find((
      { mac, addresses },
    ) => (device.mac === null ? addresses.some((address) => device.addresses.includes(address)) : mac === (device.insteadOf?.mac ?? device.mac)));
    if (!same) return device;
    const [known, now] = [device.evidence, same.evidence];
    return {
      ...device,
      evidence: { ...known, flows: Math.max(known.flows, now.flows), packets: Math.max(known.packets, now.packets), bytes: Math.max(known.bytes, now.bytes) },
    };
  });
}
