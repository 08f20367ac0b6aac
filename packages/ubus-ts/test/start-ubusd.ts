import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { startOwnUbusd, type TestUbusd } from "./ubusd.ts";

/** Ours; or OpenWrt's, where the variable UBUSD names its binary. */
export async function startUbusd(path: string): Promise<TestUbusd> {
  const real = process.env["UBUSD"];
  if (real === undefined) return startOwnUbusd(path);
  const child = spawn(real, ["-s", path], { stdio: "inherit" });
  await until("ubusd listens", () => existsSync(path));
  return {
    path,
    async stop() {
      if (child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      rmSync(path, { force: true });
    },
  };
}

/** The path of a socket in a folder of its own, which is removed with `remove`. */
export function socketPath(): { readonly path: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "ubus-"));
  return {
    path: join(folder, "ubus.sock"),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
