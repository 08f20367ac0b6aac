import { labAddresses, type Lab } from "./lab.ts";
import { expectSuccess, type Namespace } from "./namespace.ts";

const { isp, wan, lan, laptop } = labAddresses;

/** A second provider's line, and what the home has from it. `upstream` is that provider's DOTS client, which is not on the line itself. */
export const secondWan = {
  wan: { v4: "192.0.2.7", v6: "2001:db8:fe::7" },
  isp: { v4: "192.0.2.1", v6: "2001:db8:fe::1" },
  upstream: { v4: "198.51.100.1", v6: "2001:db8:c000::1" },
  lan: { v6: "2001:db8:2::1", prefix6: "2001:db8:2::/64" },
  laptop: { v6: "2001:db8:2::42" },
} as const;

const table = "102";

/**
 * Gives the lab's router a second WAN device, `wan2`, as netifd and mwan3 do: a default route of each device, with another metric for IPv4 and
 * for the delegated prefix alone for IPv6, and source routing: what has the second line's address leaves by the second line. The laptop's traffic
 * takes the second line, the camera's the first.
 */
export async function addSecondWan(lab: Lab): Promise<void> {
  const { wan: own, isp: gateway, lan: inside } = secondWan;
  await ip(lab.router, [`link add wan2 type veth peer name customer2 netns ${lab.isp.name}`]);
  await ip(lab.isp, [
    `addr add ${gateway.v4}/24 dev customer2`,
    `addr add ${gateway.v6}/64 dev customer2 nodad`,
    "link set customer2 up",
    `route add ${inside.prefix6} via ${own.v6}`,
  ]);
  await ip(lab.router, [
    `addr add ${own.v4}/24 dev wan2`,
    `addr add ${own.v6}/64 dev wan2 nodad`,
    `addr add ${inside.v6}/64 dev br-lan nodad`,
    "link set wan2 up",
    `route add default via ${gateway.v4} dev wan2 metric 20`,
    `route add default via ${gateway.v4} dev wan2 table ${table}`,
    `rule add priority 90 to ${lan.prefix4} lookup main`,
    `rule add priority 100 from ${own.v4} lookup ${table}`,
    `rule add priority 100 from ${laptop.v4} lookup ${table}`,
    `-6 route del default via ${isp.v6}`,
    ...[[`${wan.v6}/128`, isp.v6, "wan"], [lan.prefix6, isp.v6, "wan"], [`${own.v6}/128`, gateway.v6, "wan2"], [inside.prefix6, gateway.v6, "wan2"]]
      .map(([from = "", via = "", device = ""]) => `-6 route add default from ${from} via ${via} dev ${device}`),
  ]);
  await ip(lab.laptop, [`addr add ${secondWan.laptop.v6}/64 dev eth0 nodad`]);
  const rules = ["add rule inet fw4 accept_to_wan oifname wan2 accept", "add rule inet fw4 srcnat oifname wan2 jump srcnat_wan",
    "insert rule inet fw4 input iifname wan2 jump input_wan", "insert rule inet fw4 input ct state established accept"];
  await expectSuccess("nft, for the second WAN", lab.router.run("nft", ["-f", "-"], { input: `${rules.join("\n")}\n` }));
}

/** Leads to the second provider's DOTS client by the second line also what is bound to no address. */
export async function leadToSecondUpstream(lab: Lab): Promise<void> {
  const { upstream, isp: gateway, wan: own } = secondWan;
  await ip(lab.router, [`route add ${upstream.v4} via ${gateway.v4} dev wan2`, `-6 route add ${upstream.v6} via ${gateway.v6} dev wan2 src ${own.v6}`]);
}

async function ip(namespace: Namespace, lines: readonly string[]): Promise<void> {
  for (const line of lines) await expectSuccess(`ip ${line}`, namespace.run("ip", line.split(" ")));
}
