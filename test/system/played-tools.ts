import { followHome, type HomeTables } from "../../src/system/home/follow-home.ts";
import { CommandFailure } from "../../src/system/process/run-command.ts";
import type { RunCommand } from "../../src/system/process/run-command.ts";
import { fakeClock } from "../fake-clock.ts";
import { vector } from "../nat-lookup/asking.ts";

const recorded: Readonly<Record<string, string>> = {
  "ip -j neigh": vector("iproute2/ip-neigh.json"),
  "ip -j -d addr": vector("iproute2/ip-addr.json"),
  "ip -j -6 route show type unreachable": vector("iproute2/ip-6-route-unreachable.json"),
  "ip -j -4 route show default": vector("iproute2/ip-4-route-default.json"),
  "ip -j -6 route show default": vector("iproute2/ip-6-route-default.json"),
  "bridge -j fdb show": vector("iproute2/bridge-fdb.json"),
};

/** The tools, printing what was recorded, or what is given instead. */
export function play(instead: Readonly<Record<string, string>> = {}): RunCommand {
  return (tool, args) => {
    const call = [tool, ...args].join(" ");
    const stdout = instead[call] ?? recorded[call];
    return stdout === undefined
      ? Promise.reject(new CommandFailure(tool, "missing", `${call} was not recorded`))
      : Promise.resolve({ status: 0, stdout, stderr: "" });
  };
}

/** The home's tables, read by these tools; nothing is followed. */
export function playTables(run: RunCommand = play()): HomeTables {
  return followHome({
    run,
    follow: () => ({ pause: () => undefined, resume: () => undefined, stop: () => undefined }),
    clock: fakeClock().steady,
    log: () => undefined,
  });
}

/** JSON that no tool prints. */
export const oddities: readonly string[] = ["", "null", "{}", '[null,1,"x",[]]', '[{"dst":1,"dev":2,"lladdr":3,"state":4,"ifname":5,"addr_info":6,"mac":7}]',
  '[{"ifname":"wan","addr_info":[null,{"local":"x","prefixlen":200},{"local":"1.2.3.4"},{"local":"1.2.3.4","prefixlen":-1}]}]'];
