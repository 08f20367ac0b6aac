// Speed and memory as ratios side by side in one run: machines are noisy, ratios less so. `make bench [PART=cut]` runs all or one.
import { benchCut } from "./cut.ts";
import { benchLookup } from "./lookup.ts";
import { benchMemory } from "./memory.ts";

const parts = { cut: benchCut, lookup: benchLookup, memory: benchMemory };

const asked = process.argv[2];
for (const [name, bench] of Object.entries(parts)) {
  if (asked === undefined || asked === "" || asked === name) await bench();
}
