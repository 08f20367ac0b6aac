import type { Dial } from "../callhome-server/channel.ts";
import type { DtlsModule } from "dtls-wasm";
import { interactiveNft, openNftables } from "nftables-js";
import type { MacAddress } from "../model/device.ts";
import type { PacketFilter, StateFile } from "../model/ports.ts";
import { addressesOf } from "../system/dial/device-addresses.ts";
import { openDial, type DialSettings } from "../system/dial/dial-upstream.ts";
import { openDhcpOffers, type DhcpOffers } from "../system/files/dhcp-offers.ts";
import { openStateFile } from "../system/files/state-file.ts";
import { openVendorList } from "../system/files/vendor-list.ts";
import { openPacketFilter, type PacketFilterOptions } from "../system/filter/packet-filter.ts";
import { conntrackSettings, type ConntrackSettings } from "../system/flows/conntrack-settings.ts";
import { solicitNeighbour } from "../system/flows/solicit-neighbour.ts";
import { openNotifiers } from "../system/notify/open-notifiers.ts";
import { openControlSocket } from "../system/operator/control-socket.ts";
import { openOperatorOnUbus } from "../system/operator/operator-on-ubus.ts";
import { followCommand, type FollowCommand } from "../system/process/follow-command.ts";
import { randomBytes } from "../system/process/random-bytes.ts";
import { runCommand, type RunCommand } from "../system/process/run-command.ts";
import { onClockJump, steadyClock, systemClock } from "../system/process/system-clock.ts";
import type { Milliseconds, SteadyClock, WallClock } from "../model/time.ts";

/** All by which the daemon reaches the world; a test hands it another one. */
export interface Router {
  readonly clock: WallClock;
  /** Never jumps. */
  readonly steadyClock: SteadyClock;
  /** Hears by how much the wall clock was put forward, until the returned function is called. */
  onClockJump(listener: (by: Milliseconds) => void): () => void;
  /** In [0, 1). */
  random(): number;
  randomBytes(count: number): Uint8Array;
  readonly run: RunCommand;
  readonly follow: FollowCommand;
  readonly conntrack: ConntrackSettings;
  /** Makes the kernel find out who has an address. */
  solicitNeighbour(address: string): void;
  /** Local addresses of a network device. */
  readonly addressesOf: typeof addressesOf;
  readonly dhcpOffers: DhcpOffers;
  /** Who made a device; null if that is not known. */
  readonly vendorOf: (mac: MacAddress) => string | null;
  openPacketFilter(options: PacketFilterOptions): PacketFilter;
  openStateFile(folder: string, name: string): StateFile;
  openDial(settings: DialSettings): Dial;
  readonly openControlSocket: typeof openControlSocket;
  readonly openOperatorOnUbus: typeof openOperatorOnUbus;
  readonly openNotifiers: typeof openNotifiers;
}

/** Where the scripts of the DHCP clients write, which the package brings (openwrt/). */
const dhcpFolder = "/var/run/dots-callhome-dhcp";

/** The router that this process runs on. */
export function thisRouter(dtls: DtlsModule): Router {
  return {
    clock: systemClock,
    steadyClock,
    onClockJump,
    random: Math.random,
    randomBytes,
    run: runCommand,
    follow: followCommand,
    conntrack: conntrackSettings,
    solicitNeighbour,
    addressesOf,
    dhcpOffers: openDhcpOffers(process.env["DOTS_CALLHOME_DHCP"] ?? dhcpFolder),
    vendorOf: openVendorList(),
    openPacketFilter: (options) => openPacketFilter(openNftables(interactiveNft()), options),
    openDial: (settings) => openDial(dtls, settings),
    openStateFile,
    openControlSocket,
    openOperatorOnUbus,
    openNotifiers,
  };
}
