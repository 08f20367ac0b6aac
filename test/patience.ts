/**
 * How long a test waits for what must come, in milliseconds. It is no promise of ours: a machine that is many times slower
 * or busy with other things keeps it, and only what never comes is late. An emulated processor takes long; and TCP waits
 * longer with each packet that was lost.
 */
export const patience = 60_000;

/** Where a whole suite that hangs is given up. */
export const suiteLimit = 900_000;
