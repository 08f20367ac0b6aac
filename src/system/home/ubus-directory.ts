import { networkInterfaces } from "node:os";
import type { MacAddress } from "../../model/device.ts";
import type { SharedAddress } from "../../model/home.ts";
import { hintedNames, netifdDevices, sharedAddresses, wifiClients, wifiName } from "../../nat-lookup/identity/ubus-answers.ts";
import type { Ubus } from "ubus-ts";
import type { NetifdDevices } from "./home-devices.ts";
import { between, milliseconds, steadyInstant, type SteadyClock } from "../../model/time.ts";

/**
 * What OpenWrt's own services know of the home. Nobody waits for them: an answer here is what was heard last, and has them asked again,
 * in the background, if that was some seconds ago. A service that is not there, or may not be asked, has nothing to say.
 */
export interface UbusDirectory {
  /** From `luci-rpc`. */
  names(): ReadonlyMap<MacAddress, string>;
  /** From hostapd: `Wi-Fi "home"`; null for a device that is not on the router's own Wi-Fi. */
  wifi(mac: MacAddress): string | null;
  /** From netifd. */
  devices(): NetifdDevices;
  /** From netifd: addresses that other homes have too. */
  shared(): readonly SharedAddress[];
  /** Asks now. Never rejects. */
  refresh(): Promise<void>;
}

const keptFor = milliseconds(10_000);
/** Beyond this a WAN may have gone to another device meanwhile: routes are looked at too. */
const trustedFor = milliseconds(30_000);
const timeout = 500; // milliseconds
/** Wi-Fi networks that are asked; a router with two radios has some eight at most. */
const mostNetworks = 16;

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address)));
}

/** `ubus` is undefined while there is none. */
export function openUbusDirectory(ubus: () => Pick<Ubus, "isConnected" | "lookup" | "invoke"> | undefined, clock: Pick<SteadyClock, "now">): UbusDirectory {
  let names: ReadonlyMap<MacAddress, string> = new Map();
  let wifi: ReadonlyMap<MacAddress, string> = new Map();
  let devices: ReturnType<typeof netifdDevices> = { wan: [], lan: [], tunnels: [] };
  let shared: readonly SharedAddress[] = [];
  let devicesAt = steadyInstant(-Infinity);
  let askedAt = steadyInstant(-Infinity);
  let asking: Promise<void> | undefined;

  const ask = async (bus: Pick<Ubus, "lookup" | "invoke">): Promise<void> => {
    const network = async (path: string): Promise<[MacAddress, string][]> => {
      const [clients, status] = await Promise.all([bus.invoke(path, "get_clients", {}, timeout),
        bus.invoke(path, "get_status", {}, timeout).catch(() => ({}))]);
      const name = wifiName(status);
      return wifiClients(clients).map((mac) => [mac, name]);
    };
    await Promise.allSettled([
      bus.invoke("luci-rpc", "getHostHints", {}, timeout).then((answer) => {
        names = hintedNames(answer, ownAddresses());
      }),
      bus.invoke("network.interface", "dump", {}, timeout).then((answer) => {
        devices = netifdDevices(answer);
        shared = sharedAddresses(answer);
        devicesAt = clock.now();
      }),
      bus.lookup("hostapd.*").then(async (found) => {
        const clients = await Promise.all(found.slice(0, mostNetworks).map(({ path }) => network(path).catch(() => [])));
        wifi = new Map(clients.flat());
      }),
    ]);
  };
  const refresh = (): Promise<void> => {
    const bus = ubus();
    if (asking || !bus?.isConnected) return asking ?? Promise.resolve();
    askedAt = clock.now();
    asking = ask(bus).finally(() => {
      asking = undefined;
    });
    return asking;
  };
  const refreshIfOld = (): void => {
    if (between(askedAt, clock.now()) >= keptFor) void refresh();
  };

  return {
    names() {
      refreshIfOld();
      return names;
    },
    wifi(mac) {
      refreshIfOld();
      return wifi.get(mac) ?? null;
    },
    devices() {
      refreshIfOld();
      return { ...devices, isFresh: between(devicesAt, clock.now()) < trustedFor };
    },
    shared() {
      refreshIfOld();
      return shared;
    },
    refresh,
  };
}
