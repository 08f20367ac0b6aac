import type { UbusMethod, UbusTable } from "ubus-ts";

/**
 * hostapd, played: not hostapd, but what its ubus.c does (openwrt/openwrt, package/network/services/hostapd/src/src/ap/ubus.c) with
 * `del_client` and `list_bans`. A client that is there is sent away; a ban is a timer, a new one replaces it, and 0 ends it.
 */
export interface PlayedHostapd {
  readonly methods: Readonly<Record<string, UbusMethod>>;
  /** Who is on this Wi-Fi. */
  readonly clients: Set<string>;
  /** Every call, as `02:… 600000`. */
  readonly calls: string[];
  /** Who may not come, and until when. */
  bans(): ReadonlyMap<string, number>;
  /** Whether the access point lets it in. */
  join(mac: string): boolean;
  /** What it answers instead, as long as it is set: throws, or never comes back. */
  fault?: (() => Promise<UbusTable>) | undefined;
}

export function playHostapd(now: () => number): PlayedHostapd {
  const banned = new Map<string, number>();
  const calls: string[] = [];
  const clients = new Set<string>();
  const forget = (): void => {
    for (const [mac, until] of banned) if (until <= now()) banned.delete(mac);
  };
  const hostapd: PlayedHostapd = {
    clients,
    calls,
    bans() {
      forget();
      return banned;
    },
    join(mac) {
      forget();
      if (banned.has(mac)) return false;
      clients.add(mac);
      return true;
    },
    methods: {
      del_client: {
        signature: { addr: "string", reason: "int32", deauth: "bool", ban_time: "int32" },
        answer({ addr, reason, deauth, ban_time: time }) {
          if (hostapd.fault) return hostapd.fault();
          if (typeof addr !== "string" || reason !== 5 || deauth !== true || typeof time !== "number" || !Number.isInteger(time))
            throw new Error(
              "not as hostapd wants it",
            );
          calls.push(`${addr} ${time}`);
          clients.delete(addr);
          // time * 1000, in an int: what overflows is negative, or anything.
          if (time === 0 || time > 2_147_483) banned.delete(addr);
          else banned.set(addr, now() + time);
          return {};
        },
      },
      list_bans: {
        signature: {},
        answer() {
          forget();
          return { clients: [...banned.keys()] };
        },
      },
      get_clients: { signature: {}, answer: () => ({ clients: Object.fromEntries([...clients].map((mac) => [mac, { authorized: true }])) }) },
      get_status: { signature: {}, answer: () => ({ ssid: "home" }) },
    },
  };
  return hostapd;
}
