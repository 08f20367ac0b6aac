/** Whoever imports it is told: the notice page in `status`, a web hook when it is opened. */
throw new Error("the native runtime has no HTTP yet");

export const createServer = undefined, request = undefined;
