/** The lab's addresses, and the `ip -batch` lines and sysctls that make them real. README.md has the picture. */

export const hosts = ["target", "isp", "router", "camera", "laptop"] as const;
export type Host = (typeof hosts)[number];

export const labAddresses = {
  target: { v4: "198.51.100.9", v6: "2001:db8:c000::9" },
  isp: { v4: "203.0.113.1", v6: "2001:db8:ff::1" },
  wan: { v4: "203.0.113.7", v6: "2001:db8:ff::7" },
  lan: { v4: "192.168.1.1", v6: "2001:db8:1::1", prefix4: "192.168.1.0/24", prefix6: "2001:db8:1::/64" },
  camera: { v4: "192.168.1.23", v6: "2001:db8:1::23", mac: "02:1d:c0:4f:7a:23", port: "lan1", name: "Kitchen-camera" },
  laptop: { v4: "192.168.1.42", v6: "2001:db8:1::42", mac: "02:8e:3b:90:d1:42", port: "lan2", name: "Annas-laptop" },
} as const;

const { target, isp, wan, lan, camera, laptop } = labAddresses;
const ispTowardsTarget = { v4: "198.51.100.1", v6: "2001:db8:c000::1" };
const macs = { lan: "02:5c:a6:71:00:01", wan: "02:5c:a6:71:00:02" };

/** Links are made inside the namespaces, so that not even a name shows outside. */
export function linkLines(namespaceOf: (host: Host) => string): string[] {
  return [
    `link add br-lan address ${macs.lan} type bridge stp_state 0 mcast_snooping 0`,
    `link add lan1 type veth peer name eth0 address ${camera.mac} netns ${namespaceOf("camera")}`,
    `link add lan2 type veth peer name eth0 address ${laptop.mac} netns ${namespaceOf("laptop")}`,
    `link add wan address ${macs.wan} type veth peer name customer netns ${namespaceOf("isp")}`,
    `link set lan1 master br-lan`,
    `link set lan2 master br-lan`,
  ];
}

/** The link between ISP and target, made inside the ISP's namespace. */
export function uplinkLines(namespaceOf: (host: Host) => string): string[] {
  return [`link add uplink type veth peer name eth0 netns ${namespaceOf("target")}`];
}

export const addressLines: Readonly<Record<Host, readonly string[]>> = {
  target: [
    ...device("eth0", `${target.v4}/24`, `${target.v6}/64`),
    ...defaultRoutes(ispTowardsTarget.v4, ispTowardsTarget.v6),
  ],
  isp: [
    ...device("uplink", `${ispTowardsTarget.v4}/24`, `${ispTowardsTarget.v6}/64`),
    ...device("customer", `${isp.v4}/24`, `${isp.v6}/64`),
    `route add ${lan.prefix6} via ${wan.v6}`, // the delegated prefix; IPv4 of the home is unknown here
  ],
  router: [
    "link set lan1 up",
    "link set lan2 up",
    ...device("br-lan", `${lan.v4}/24`, `${lan.v6}/64`),
    ...device("wan", `${wan.v4}/24`, `${wan.v6}/64`),
    ...defaultRoutes(isp.v4, isp.v6),
  ],
  camera: [...device("eth0", `${camera.v4}/24`, `${camera.v6}/64`), ...defaultRoutes(lan.v4, lan.v6)],
  laptop: [...device("eth0", `${laptop.v4}/24`, `${laptop.v6}/64`), ...defaultRoutes(lan.v4, lan.v6)],
};

function device(name: string, v4: string, v6: string): string[] {
  return [`addr add ${v4} dev ${name}`, `addr add ${v6} dev ${name} nodad`, `link set ${name} up`, "link set lo up"];
}

function defaultRoutes(v4: string, v6: string): string[] {
  return [`route add default via ${v4}`, `route add default via ${v6}`];
}

const everywhere = [
  "net.ipv6.conf.all.disable_ipv6=0",
  "net.ipv6.conf.default.disable_ipv6=0",
  "net.ipv6.conf.default.accept_dad=0", // link-local addresses are ready at once as well
  "net.ipv6.conf.default.accept_ra=0",
  "net.ipv4.conf.all.rp_filter=0", // as on OpenWrt; the kernel takes the stricter of `all` and the device's
  "net.ipv4.conf.default.rp_filter=0",
];
const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];

/** Set before the links exist, so that `default` reaches them. */
export const sysctls: Readonly<Record<Host, readonly string[]>> = {
  target: everywhere,
  isp: [...everywhere, ...forwarding],
  router: [
    ...everywhere,
    ...forwarding,
    "net.netfilter.nf_conntrack_events=1",
    "net.netfilter.nf_conntrack_acct=1",
    // OpenWrt has no br_netfilter; where this kernel has it, bridged frames must not enter inet chains.
    "net.bridge.bridge-nf-call-iptables=0",
    "net.bridge.bridge-nf-call-ip6tables=0",
    "net.bridge.bridge-nf-call-arptables=0",
  ],
  camera: everywhere,
  laptop: everywhere,
};

/** dnsmasq's /tmp/dhcp.leases: expiry, MAC, address, name, client id. */
export function leaseFile(expires: Date): string {
  const seconds = Math.floor(expires.getTime() / 1000);
  return [camera, laptop].map(({ mac, v4, name }) => `${seconds} ${mac} ${v4} ${name} 01:${mac}\n`).join("");
}
