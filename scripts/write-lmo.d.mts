/** A .po file as a .lmo file. */
export function lmoOf(po: string): Buffer;
/** The hash by which LuCI finds a text. */
export function hashOf(text: string): number;
