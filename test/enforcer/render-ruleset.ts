import { renderTransaction } from "nftables-js";
import { buildRuleset } from "../../src/enforcer/build-ruleset.ts";

/** As `buildRuleset`, as text for `nft -f`. */
export function renderRuleset(...parameters: Parameters<typeof buildRuleset>): string {
  return renderTransaction(buildRuleset(...parameters));
}
