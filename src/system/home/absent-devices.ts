import { existsSync } from "node:fs";

/** Which of these network devices are not there; none where that cannot be seen. */
export function absentDevices(names: readonly string[], folder = "/sys/class/net"): readonly string[] {
  return existsSync(folder) ? names.filter((name) => !existsSync(`${folder}/${name}`)) : [];
}
