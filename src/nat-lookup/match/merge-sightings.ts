import type { Flow } from "../../model/flow.ts";
import { wireViews } from "./wire-view.ts";

/**
 * What the journal and the table say, as one. A flow that both have gets the table's counters, which are of this moment, and the
 * journal's memory.
 */
export function mergeSightings(remembered: readonly Flow[], listed: readonly Flow[]): Flow[] {
  const living = new Map(remembered.flatMap((flow) => (flow.sighting?.endedAt === null ? [[outsideKey(flow), flow] as const] : [])));
  const merged = listed.map((flow): Flow => {
    for (const key of viewKeys(flow)) {
      const same = living.get(key);
      if (!same?.sighting) continue;
      living.delete(key);
      return { ...flow, sighting: { ...same.sighting, isListed: true } };
    }
    return flow;
  });
  const ended = remembered.filter(({ sighting }) => sighting?.endedAt !== null);
  return [...merged, ...living.values(), ...ended];
}

/** A flow of the journal as the outside saw it, and its device, as text. */
function outsideKey(flow: Flow): string {
  const [byDevice, byTarget] = viewKeys(flow);
  return flow.sighting?.opener === "target" ? byTarget : byDevice;
}

function viewKeys(flow: Flow): [string, string] {
  const [byDevice, byTarget] = wireViews(flow).map(({ opener, protocol, deviceAddress, source, target, icmpId }) =>
    `${opener} ${protocol} ${deviceAddress} ${source.address} ${source.port ?? icmpId ?? ""} ${target.address} ${target.port ?? ""}`
  );
  return [byDevice ?? "", byTarget ?? ""];
}
