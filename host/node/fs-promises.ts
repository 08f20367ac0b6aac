import { readFileSync } from "./fs.ts";

/** Of files in /proc, which block nobody. */
export const readFile = async (path: string, encoding?: string): Promise<ReturnType<typeof readFileSync>> => Promise.resolve(readFileSync(path, encoding));
