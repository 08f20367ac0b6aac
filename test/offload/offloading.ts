import { fileURLToPath } from "node:url";
import type { Lab } from "../lab/lab.ts";
import { expectSuccess } from "../lab/namespace.ts";
import type { Attack } from "../lab/scene-attack.ts";
import { eventually } from "../until.ts";

const rules = fileURLToPath(new URL("../offload/offloading.nft", import.meta.url));

/** Switches software flow offloading on, as firewall4 does. Flows that are under way are offloaded with their next packet. */
export async function switchOffloadingOn({ router }: Pick<Lab, "router">): Promise<void> {
  await expectSuccess("nft -f offloading.nft", router.run("nft", ["-f", rules]));
}

/** Resolves once the attack takes the fast path only: it arrives, and the forward hook sees none of it. */
export function isOffloaded(lab: Lab, attack: Attack): Promise<true> {
  return eventually("the attack is offloaded", async () => {
    const before = await forwarded(lab);
    await attack.arrives();
    await attack.arrives();
    return await forwarded(lab) === before ? true : undefined;
  });
}

/** Lines of `conntrack -L` that match; offloaded ones only. */
export async function offloadedFlows({ router }: Lab, family: 4 | 6, pattern: RegExp): Promise<string[]> {
  const listing = await expectSuccess("conntrack -L", router.run("conntrack", ["-L", "-f", family === 4 ? "ipv4" : "ipv6"]));
  return listing.split("\n").filter((line) => line.includes("[OFFLOAD]") && pattern.test(line));
}

/** Packets to the attacked port that have passed the forward hook. */
async function forwarded({ router }: Lab): Promise<number> {
  const listed = await expectSuccess("nft list counter", router.run("nft", ["list", "counter", "inet", "lab_watch", "forwarded"]));
  return Number(/packets (\d+)/.exec(listed)?.[1]);
}
