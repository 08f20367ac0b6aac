// Speed and memory as ratios side by side in one run: machines are noisy, ratios less so.
//   make bench                 all but the long ones
//   make bench PART=start      one of them: answer, cut, memory, start, lookup, enforcement, storm, loss
import { benchAnswer } from "./answer.ts";
import { benchCut } from "./cut.ts";
import { benchEnforcement } from "./enforcement.ts";
import { benchLookup } from "./lookup.ts";
import { benchLoss } from "./loss.ts";
import { benchMemory } from "./memory.ts";
import { benchStart } from "./start.ts";
import { benchStorm } from "./storm.ts";

const parts: Readonly<Record<string, () => Promise<void> | void>> = {
  answer: benchAnswer,
  cut: benchCut,
  memory: benchMemory,
  start: benchStart,
  lookup: benchLookup,
  enforcement: benchEnforcement,
  storm: benchStorm,
};
/** Ten minutes and more. */
const longParts: Readonly<Record<string, () => Promise<void> | void>> = { loss: benchLoss };

const asked = process.argv[2];
const chosen = asked === undefined ? Object.entries(parts) : Object.entries({ ...parts, ...longParts }).filter(([name]) => name === asked);
if (chosen.length === 0) {
  console.error(`no such part: ${asked ?? ""}; there are ${Object.keys({ ...parts, ...longParts }).join(", ")}`);
  process.exitCode = 2;
}
for (const [, bench] of chosen) await bench();
