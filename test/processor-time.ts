import { readFileSync } from "node:fs";
import { milliseconds, type Milliseconds } from "../src/model/time.ts";

/** Linux counts in hundredths of a second, whatever the kernel's own tick (proc(5), `sysconf(_SC_CLK_TCK)`). */
const tick = milliseconds(10);

/** Processor time of a process and of its children that have ended. */
export function processorTime(pid: number): Milliseconds {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name, in parentheses, may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return milliseconds(fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * tick);
}
