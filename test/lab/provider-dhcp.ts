import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { until } from "../until.ts";
import { labAddresses, type Lab } from "./lab.ts";
import { expectSuccess } from "./namespace.ts";

const files = fileURLToPath(new URL("../../openwrt/dots-callhome/files/", import.meta.url));
const { isp, wan } = labAddresses;

/** The provider's DHCP and DNS server, dnsmasq on the customer's line, and the router's DHCP clients with the scripts of our package. */
export interface ProviderDhcp {
  /** Where the scripts write. */
  readonly folder: string;
  /** Starts dnsmasq, in place of one that runs: `offer` has options as hexadecimal digits, `zone` further arguments. */
  serve(what: { readonly offer?: Offer; readonly zone?: readonly string[] }): Promise<void>;
  /** There is neither DHCP nor DNS. */
  fallSilent(): Promise<void>;
  /** The router's udhcpc gets a lease, or its odhcp6c a reply: which is dhclient's, passed on as odhcp6c would. */
  lease(family: 4 | 6): Promise<void>;
  /** The lease is gone. */
  deconfigure(): Promise<void>;
}

export interface Offer {
  readonly 147?: string;
  readonly 148?: string;
  readonly 141?: string;
  readonly 142?: string;
}

/** A domain name as RFC 8415 §10 encodes it. */
export function encodeName(name: string): string {
  return [...name.split("."), ""].map((label) => label.length.toString(16).padStart(2, "0") + Buffer.from(label).toString("hex")).join("");
}

/** `resolv.conf` of the router names the provider's server until `end`. */
export function openProviderDhcp(lab: Lab): ProviderDhcp & { end(): void } {
  const work = `${lab.files.folder}/dhcp`;
  const folder = `${work}/offers`;
  const resolv = `/etc/netns/${lab.router.name}`;
  mkdirSync(folder, { recursive: true });
  mkdirSync(resolv, { recursive: true });
  writeFileSync(`${resolv}/resolv.conf`, `nameserver ${isp.v4}\n`);
  const noteOffer = `${files}usr/lib/dots-callhome/note-offer`;
  /** The user script as the package has it, but for where the program of ours lies, behind what the client's own script would do. */
  const script = (name: string, client: string, before: string): string => {
    const user = `${work}/${client}.user`;
    writeFileSync(user, readFileSync(`${files}etc/${client}.user.d/90-dots-callhome`, "utf8").replaceAll("/usr/lib/dots-callhome/note-offer", noteOffer));
    writeFileSync(`${work}/${name}`, `#!/bin/busybox ash\nexport DOTS_CALLHOME_DHCP=${folder}\n${before}\n. ${user}\n`);
    chmodSync(`${work}/${name}`, 0o755);
    return `${work}/${name}`;
  };
  const ofUdhcpc = script("udhcpc.script", "udhcpc", "");
  const ofDhclient = script("dhclient.script", "odhcp6c", `
plain() { echo "$1" | tr ':' '\\n' | while read -r byte; do [ -z "$byte" ] || printf '%02x' "0x$byte"; done; }
OPTION_141="$(plain "$new_dhcp6_dots_name")" OPTION_142="$(plain "$new_dhcp6_dots_addresses")"
case "$reason" in RENEW6 | BOUND6 | REBIND6) set -- "$interface" informed ;; *) exit 0 ;; esac`);
  writeFileSync(`${work}/dhclient.conf`,
    "option dhcp6.dots-name code 141 = string;\noption dhcp6.dots-addresses code 142 = string;\nrequest dhcp6.dots-name, dhcp6.dots-addresses;\n");

  let stop: () => Promise<void> = () => Promise.resolve();
  return {
    folder,
    async serve({ offer = {}, zone = [] }) {
      await stop();
      const options = Object.entries(offer as Readonly<Record<string, string>>).map(([code, hex]) =>
        `--dhcp-option-force=${Number(code) < 145 ? "option6:" : ""}${code},${hex.replace(/(..)(?=.)/g, "$1:")}`
      );
      const child = lab.isp.spawn("dnsmasq", [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--user=root",
        "--pid-file=",
        "--log-facility=-",
        "--no-ping",
        "--interface=customer",
        "--bind-interfaces",
        `--dhcp-leasefile=${work}/leases`,
        "--dhcp-authoritative",
        `--dhcp-range=${wan.v4},${wan.v4},1h`,
        "--dhcp-range=2001:db8:ff::100,2001:db8:ff::1ff,64,1h",
        ...options,
        ...zone,
      ], { stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2_000)));
      stop = () =>
        new Promise((resolve) => {
          stop = () => Promise.resolve();
          if (child.exitCode !== null) {
            resolve();
            return;
          }
          child.once("exit", () => {
            resolve();
          });
          child.kill("SIGKILL");
        });
      await until("dnsmasq serves", async () => {
        if (child.exitCode !== null) throw new Error(`dnsmasq has ended: ${said}`);
        return (await lab.isp.run("ss", ["-lun"])).stdout.includes(":547 ");
      });
    },
    fallSilent: () => stop(),
    async lease(family) {
      if (family === 4) {
        await expectSuccess("udhcpc",
          lab.router.run("busybox", ["udhcpc", "-i", "wan", "-n", "-q", "-f", "-t", "10", "-T", "1", "-r", wan.v4, "-O", "147", "-O", "148", "-s", ofUdhcpc]));
        return;
      }
      rmSync(`${work}/answered`, { force: true });
      writeFileSync(`${work}/done`, `#!/bin/sh\n${ofDhclient}\ncase "$reason" in *6) touch ${work}/answered ;; esac\n`, { mode: 0o755 });
      const client = lab.router.spawn("dhclient", ["-6", "-S", "-d", "-cf", `${work}/dhclient.conf`, "-lf", `${work}/leases6`, "-pf", `${work}/pid6`, "-sf",
        `${work}/done`, "wan"], { stdio: "ignore" });
      try {
        await until("DHCPv6 answers", async () => (await lab.router.run("test", ["-e", `${work}/answered`])).code === 0);
      } finally {
        client.kill("SIGKILL");
      }
    },
    async deconfigure() {
      await expectSuccess("deconfig", lab.router.run("env", ["interface=wan", ofUdhcpc, "deconfig"]));
    },
    end() {
      rmSync(resolv, { recursive: true, force: true });
    },
  };
}
