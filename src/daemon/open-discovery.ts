import { discover, type OfferOn } from "../callhome-server/discovery/discover.ts";
import { isDiallable } from "../callhome-server/discovery/read-dhcp-offer.ts";
import type { Transport } from "../callhome-server/happy-eyeballs.ts";
import type { UpstreamConfig } from "../config/upstream-config.ts";
import { parseIpAddress, prefixContains, type IpPrefix } from "../model/ip-prefix.ts";
import type { Log } from "../model/ports.ts";
import { milliseconds } from "../model/time.ts";
import type { DialSettings } from "../system/dial/dial-upstream.ts";
import { openDnsRecords } from "../system/dial/dns-records.ts";
import { resolveHost } from "../system/dial/resolve-host.ts";
import { errorText } from "../text/error-text.ts";
import type { Router } from "./router.ts";

export interface Discovery {
  /** How an upstream is found, for its dial; also follows what DHCP says of it from now on. */
  finderFor(config: UpstreamConfig): NonNullable<DialSettings["discover"]>;
  /** It is dialled no more. */
  forget(upstream: string): void;
  stop(): void;
}

export interface DiscoveryDeps {
  readonly router: Pick<Router, "steadyClock" | "random" | "dhcpOffers">;
  readonly log: Log;
  /** Those that lead to the internet. */
  readonly wanDevices: () => Promise<readonly string[]>;
  /** The networks inside the home, where no provider is. */
  readonly inside: () => Promise<readonly IpPrefix[]>;
  /** DHCP says something else about an upstream than when it was dialled last. */
  readonly changed: (upstream: string) => void;
}

/** A DHCP client that loses its lease and gets it again writes twice. */
const settleTime = milliseconds(1_000);

/** Finds upstreams by DHCP and DNS (RFC 8973), and hears when a lease is renewed with something else, or withdrawn. */
export function openDiscovery({ router, log, wanDevices, inside, changed }: DiscoveryDeps): Discovery {
  const { steadyClock: clock, dhcpOffers: offers } = router;
  /** What DHCP said when each was dialled last. */
  const dialled = new Map<string, { readonly config: UpstreamConfig; readonly said: string }>();
  let following: (() => void) | undefined;
  let waiting: (() => void) | undefined;

  const offersFor = async ({ bindDevice }: UpstreamConfig): Promise<readonly OfferOn[]> => {
    const devices = bindDevice === null ? await wanDevices() : [bindDevice];
    const said = await offers.read(devices);
    // RFC 9284 §5.1: the session leaves by the interface that the upstream was learnt from. Of one there is no choice.
    return devices.length > 1 ? said : said.map(({ name, addresses }) => ({ name, addresses }));
  };
  const compare = async (): Promise<void> => {
    for (const [name, { config, said }] of dialled) {
      const now = JSON.stringify(await offersFor(config));
      if (now === said || dialled.get(name)?.said !== said) continue;
      dialled.set(name, { config, said: now });
      log("info", `upstream ${name}: DHCP says something else about where it is; dialling again`);
      changed(name);
    }
  };
  const follow = (): void => {
    try {
      following ??= offers.follow(() => {
        waiting ??= clock.after(settleTime, () => {
          waiting = undefined;
          compare().catch((error: unknown) => {
            log("warn", `could not read what DHCP says: ${errorText(error)}`);
          });
        });
      });
    } catch (error) {
      following = () => undefined;
      log("warn", `changes of a DHCP lease are noticed at the next dial only: ${errorText(error)}`);
    }
  };

  return {
    finderFor(config) {
      follow();
      return async (signal) => {
        const [offered, home] = await Promise.all([offersFor(config), inside()]);
        dialled.set(config.name, { config, said: JSON.stringify(offered) });
        const mayDial = (address: string): boolean => {
          const parsed = parseIpAddress(address);
          return isDiallable(address) && parsed !== undefined && !home.some((prefix) => prefixContains(prefix, parsed));
        };
        return discover(
          { host: config.host, serverName: config.serverName, port: config.port, transports: transportsOf(config) },
          offered,
          { dns: openDnsRecords(signal), addresses: (host) => resolveHost(host), mayDial, random: () => router.random() },
        );
      };
    },
    forget(name) {
      dialled.delete(name);
    },
    stop() {
      following?.();
      waiting?.();
    },
  };
}

/** The transports that the configuration allows. */
export function transportsOf({ transport }: Pick<UpstreamConfig, "transport">): readonly Transport[] {
  return transport === "auto" ? ["udp", "tcp"] : [transport];
}
