import { readFileSync } from "node:fs";

/** The options of Node that the router's init script starts the daemon with: they stand there and nowhere else. */
export function routerFlags(): readonly string[] {
  const script = readFileSync(new URL("../../openwrt/dots-callhome/files/etc/init.d/dots-callhome", import.meta.url), "utf8");
  const options = /^NODE_FLAGS="(.*)"$/m.exec(script)?.[1];
  if (options === undefined) throw new Error("the init script has no line NODE_FLAGS");
  return options.split(" ");
}
