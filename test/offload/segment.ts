import { labAddresses, type Lab } from "../lab/lab.ts";
import { expectSuccess } from "../lab/namespace.ts";

/** How the home's network is cut into VLANs; the first two are those of DSA routers, the last that of older configurations. */
export type Segmentation =
  /** The bridge filters: what the camera sends without a tag belongs to VLAN 10. */
  | "untagged port"
  /** The camera's port is a trunk: it tags its frames itself, in VLAN 10 and, of no use to it, in 30. */
  | "trunk port"
  /** The bridge knows nothing of VLANs; its port for the camera is an 802.1Q interface on lan1. */
  | "802.1Q port";

const { camera, lan } = labAddresses;

/** The router's device that the home's traffic is routed from. */
export function routedDevice(as: Segmentation): "br-lan" | "br-lan.10" {
  return as === "802.1Q port" ? "br-lan" : "br-lan.10";
}

/** The bridge port that the camera is on. */
export function cameraPort(as: Segmentation): "lan1" | "lan1.10" {
  return as === "802.1Q port" ? "lan1.10" : "lan1";
}

/** Cuts the lab's home network into VLANs. Must come before there is traffic. */
export async function segment(lab: Lab, as: Segmentation): Promise<void> {
  const batch = async (host: "router" | "camera", tool: "ip" | "bridge", lines: readonly string[]): Promise<void> => {
    await expectSuccess(`${tool} -batch in ${host}`, lab[host].run(tool, ["-batch", "-"], { input: `${lines.join("\n")}\n` }));
  };
  if (as !== "untagged port")
    await batch("camera", "ip", [
      "addr flush dev eth0",
      "link add link eth0 name eth0.10 type vlan id 10",
      "link add link eth0 name eth0.30 type vlan id 30",
      "link set eth0.10 up",
      "link set eth0.30 up",
      "addr add 192.168.30.23/24 dev eth0.30",
      ...moved("eth0.10", camera),
      `route replace default via ${lan.v4}`,
      `route replace default via ${lan.v6}`,
    ]);
  if (as === "802.1Q port") {
    await batch("router", "ip", ["link set lan1 nomaster", "link add link lan1 name lan1.10 type vlan id 10", "link set lan1.10 master br-lan",
      "link set lan1.10 up"]);
    return;
  }
  await batch("router", "ip", [
    "addr flush dev br-lan",
    "link set br-lan type bridge vlan_filtering 1 vlan_default_pvid 0",
    "link add link br-lan name br-lan.10 type vlan id 10",
    "link set br-lan.10 up",
    ...moved("br-lan.10", lan),
  ]);
  const onLan1 = as === "untagged port" ? ["vid 10 pvid untagged"] : ["vid 10", "vid 30"];
  await batch("router", "bridge", [
    "vlan add dev br-lan vid 10 self",
    "vlan add dev lan2 vid 10 pvid untagged",
    ...onLan1.map((vlan) => `vlan add dev lan1 ${vlan}`),
  ]);
  await expectSuccess("nft", lab.router.run("nft", [
    "insert rule inet fw4 input iifname br-lan.10 jump input_lan; insert rule inet fw4 forward iifname br-lan.10 jump forward_lan; insert rule inet fw4 forward iifname br-lan.10 ct state established,related accept",
  ]));
}

function moved(device: string, { v4, v6 }: { readonly v4: string; readonly v6: string }): string[] {
  return [`addr add ${v4}/24 dev ${device}`, `addr add ${v6}/64 dev ${device} nodad`];
}
