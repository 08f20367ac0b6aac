import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { camera } from "./sample-rules.ts";

const execute = promisify(execFile);

/**
 * A home of network namespaces: camera and laptop on the router's bridge, a target behind its WAN link.
 * No NAT: what is tested is the forward chain.
 */
export interface ThrowawayNetwork {
  /** What stands before a command to run it there. */
  enter(place: Place): readonly [string, ...string[]];
  run(place: Place, ...command: readonly string[]): Promise<string>;
  /** Whether the target answers a ping. */
  reaches(place: Place, address: string, ...options: readonly string[]): Promise<boolean>;
  /** Sends so many UDP datagrams and returns how many arrived. */
  send(place: Place, address: string, port: number, count: number): Promise<number>;
  /** UDP datagrams that have arrived at the target since the beginning. */
  arrived(): Promise<number>;
  remove(): Promise<void>;
}

export type Place = "camera" | "laptop" | "router" | "target";
const places: readonly Place[] = ["camera", "laptop", "router", "target"];

export async function makeNetwork(tag: string): Promise<ThrowawayNetwork> {
  const name = (place: Place): string => `dch-${String(process.pid)}-${tag}-${place}`;
  const enter = (place: Place): [string, ...string[]] => ["ip", "netns", "exec", name(place)];
  const run = async (place: Place, ...command: readonly string[]): Promise<string> => {
    const [program, ...before] = enter(place);
    return (await execute(program, [...before, ...command])).stdout;
  };
  const ip = (place: Place, command: string): Promise<string> => run(place, "ip", ...command.split(" "));

  const remove = async (): Promise<void> => {
    for (const place of places) await execute("ip", ["netns", "delete", name(place)]).catch(() => undefined);
  };

  const arrived = async (): Promise<number> => Number(/packets (\d+)/.exec(await run("target", "nft", "list counter inet seen arrived"))?.[1]);
  try {
    await layOut();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    enter,
    run,
    arrived,
    reaches: (place, to, ...options) => run(place, "ping", "-n", "-c", "1", "-W", "0.6", ...options, to).then(() => true, () => false),
    send: async (place, to, port, count) => {
      const before = await arrived();
      await run(place, process.execPath, "-e", senderScript, to, String(port), String(count));
      return await arrived() - before;
    },
    remove,
  };

  async function layOut(): Promise<void> {
    for (const place of places) {
      await execute("ip", ["netns", "add", name(place)]);
      // No time is spent on detecting duplicate addresses.
      await run(place, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1");
      await ip(place, "link set lo up");
    }
    // A MAC address of its own, as netifd gives it: else it takes one of its ports', and another when a port goes.
    await ip("router", "link add br-lan address 02:00:00:00:00:01 type bridge");
    await ip("router", "link set br-lan up");
    const link = async (place: Place, mac: string, there: string): Promise<void> => {
      await ip("router", `link add ${there} type veth peer name eth0 netns ${name(place)}`);
      await ip(place, `link set eth0 address ${mac} up`);
      await ip("router", `link set ${there} up`);
    };
    const address = async (place: Place, device: string, ...addresses: string[]): Promise<void> => {
      for (const one of addresses) await ip(place, `address add ${one} dev ${device}${one.includes(":") ? " nodad" : ""}`);
    };
    await link("camera", camera, "lan1");
    await link("laptop", "02:00:00:00:00:99", "lan2");
    await ip("router", "link set lan1 master br-lan");
    await ip("router", "link set lan2 master br-lan");
    await link("target", "02:00:00:00:00:09", "wan");
    await address("router", "br-lan", "192.168.1.1/24", "2001:db8:1::1/64");
    await address("router", "wan", "198.51.100.1/24", "2001:db8:9::1/64");
    await address("camera", "eth0", "192.168.1.23/24", "2001:db8:1::23/64");
    await address("laptop", "eth0", "192.168.1.99/24", "2001:db8:1::99/64");
    await address("target", "eth0", "198.51.100.9/24", "198.51.100.10/24", "2001:db8:9::9/64");
    for (const place of ["camera", "laptop"] as const) {
      await ip(place, "route add default via 192.168.1.1");
      await ip(place, "-6 route add default via 2001:db8:1::1");
    }
    await ip("target", "route add default via 198.51.100.1");
    await ip("target", "-6 route add default via 2001:db8:9::1");
    for (
      const command of ["add table inet seen", "add chain inet seen in { type filter hook input priority 0; }", "add counter inet seen arrived",
        "add rule inet seen in meta l4proto udp counter name arrived"]
    ) {
      await run("target", "nft", command);
    }
  }
}

/** Sends datagrams, a few at a time so that none waits in a queue that overflows, and prints how many. */
export const senderScript = `
const [address, port, count] = process.argv.slice(1);
const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
let sent = 0;
process.on("SIGTERM", () => { socket.close(); console.log(sent); process.exit(0); });
const next = () => {
  if (sent >= Number(count)) { socket.close(); console.log(sent); return; }
  sent++;
  socket.send("x", Number(port), address, () => (sent % 16 ? next() : setImmediate(next)));
};
next();
`;
