import type { Flow, FlowSighting } from "../../model/flow.ts";
import type { HomeAddresses } from "../../model/home.ts";
import type { AttackFlows } from "../../model/mitigation-request.ts";
import { addressSet } from "./address-set.ts";
import { wireMatcher, wireViews } from "./wire-view.ts";
import type { Distinction, WireVerdict, WireView } from "./wire-view.ts";

/** What must be known of the home to read its flows. */
export type HomeBorders = Pick<HomeAddresses, "router" | "inside">;

/** How a flow of the home stands to the reported attack. */
export type FlowMatch =
  & {
    /** What the journal knows of it; null for a flow that only the table has. */
    readonly sighting: FlowSighting | null;
  }
  & (
    | {
      /** Opened by a device behind NAT; let in to a device by a port-forward; from a device without NAT. */
      readonly is: "opened" | "port-forward" | "routed";
      readonly view: WireView;
      /** What told this device from others behind the same address; empty if nothing did. */
      readonly toldApartBy: readonly Distinction[];
    }
    | {
      /** The router's own; between two hosts of the home, so that it never left by the WAN. */
      readonly is: "router-itself" | "hairpin";
      readonly view: WireView;
    }
    | {
      /** From the reported source to the target, but not as reported. */
      readonly is: Exclude<WireVerdict["is"], "fits">;
      readonly view: WireView;
    }
  );

/** A flow that a device takes part with. */
export type DeviceMatch = Extract<FlowMatch, { readonly is: "opened" | "port-forward" | "routed" }>;

/**
 * Says of each entry of connection tracking which device of the home is behind it and how it takes part in what was
 * reported; undefined for flows between other addresses. The tuple that the outside saw decides, in whichever direction the
 * flow was opened, with or without NAT, of ports, addresses or (NPTv6) prefixes.
 */
export function flowMatcher(asked: AttackFlows, home: HomeBorders): (flow: Flow) => FlowMatch | undefined {
  const compare = wireMatcher(asked);
  const isRouter = addressSet(home.router);
  const isOurs = addressSet([...home.inside, ...home.router]);

  return (flow) => {
    let nearMiss: FlowMatch | undefined;
    const sighting = flow.sighting ?? null;
    for (const view of wireViews(flow)) {
      const verdict = compare(view);
      if (!verdict) continue;
      if (isOurs(view.target.address)) {
        // A host of the home that reaches another by the home's outside address is turned round at the router. A device that is
        // not of the home is a flow looked at from the wrong end, which prefixes as wide as 0.0.0.0/0 let through.
        if (isOurs(view.deviceAddress)) return { is: "hairpin", view, sighting };
      } else if (verdict.is !== "fits") nearMiss ??= { is: verdict.is, view, sighting };
      else if (isRouter(view.deviceAddress)) return { is: "router-itself", view, sighting };
      else return { ...caseOf(flow, view, verdict.toldApartBy, isRouter), view, sighting };
    }
    return nearMiss;
  };
}

/** Whether the reported source address belongs to one device alone depends on who translates it. */
function caseOf(
  flow: Flow,
  view: WireView,
  distinctions: readonly Distinction[],
  isRouter: (address: string) => boolean,
): { is: "opened" | "port-forward" | "routed"; toldApartBy: readonly Distinction[] } {
  if (view.deviceAddress === view.source.address) return { is: "routed", toldApartBy: distinctions };
  const is = view.opener === "device" ? "opened" : "port-forward";
  // NPTv6 (RFC 6296) maps addresses one to one. An IPv6 address of the router is a masquerade, and an IPv4 address that is not
  // on the router may be MAP-E's: both are shared.
  const ownAddress = flow.family === 6 && !isRouter(view.source.address);
  return { is, toldApartBy: ownAddress ? distinctions : distinctions.filter((by) => by !== "source-address") };
}
