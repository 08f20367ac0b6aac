import { readFileSync } from "node:fs";

/** The text of a file in UTF-8; empty where it cannot be read. */
export function readTextOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
