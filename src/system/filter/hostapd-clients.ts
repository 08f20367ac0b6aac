import type { MacAddress } from "../../model/device.ts";
import { between, inMilliseconds, later, latest, milliseconds, type SteadyClock, type SteadyInstant } from "../../model/time.ts";
import { bannedClients } from "../../nat-lookup/identity/ubus-answers.ts";
import type { Log, WirelessClients } from "../../model/ports.ts";
import { createSchedule } from "../../model/schedule.ts";
import { errorText } from "../../text/error-text.ts";
import { type FoundObject, type Ubus, UbusError, ubusStatus } from "ubus-ts";

type Bus = Pick<Ubus, "isConnected" | "lookup" | "invoke" | "listen">;

export interface HostapdClientsDeps {
  readonly clock: SteadyClock;
  readonly log: Log;
  /** Clients that an earlier run may have banned, and that nobody wants banned any more. */
  readonly unban: () => ReadonlySet<MacAddress>;
}

export interface HostapdClients extends WirelessClients {
  /** ubus is there again. */
  connected(): void;
  /** Why a client that should be banned is not; for `status`. */
  warnings(): readonly string[];
  /** Bans stay until their time is over, as the kernel's rules do. */
  stop(): void;
}

/** A router with two radios has some eight networks at most; a home that cuts off more devices than this has other worries. */
const mostNetworks = 16;
const mostDevices = 64;
const timeout = milliseconds(1_000);
/** IEEE 802.11 §9.4.1.7, reason code 5: the access point cannot handle all its stations. */
const reason = 5;
/** A ban is set again if that makes it last this much longer, or if it would not last until the next renewal but one. */
const worthRenewing = milliseconds(120_000);
const tooShort = milliseconds(300_000);
/** Whole seconds that were rounded up are no gain. */
const rounding = milliseconds(1_500);
/** hostapd counts a ban in microseconds, as a signed 32-bit number: what is longer ends at once, or at another time. */
const longestBan = milliseconds(2_147_483);
/** After hostapd did not answer; doubled each time. */
const firstRetry = milliseconds(10_000);
const longestRetry = milliseconds(240_000);
/** hostapd publishes a network some moments before it is up; several come together. */
const settling = milliseconds(1_000);

interface Ban {
  readonly until: SteadyInstant;
  /** Not while it is being changed, nor if hostapd did not say that it was. */
  readonly isSure: boolean;
}

/** What one Wi-Fi network was told. */
interface Network {
  /** ubus' number: another one after hostapd has recreated the network, without its bans. */
  id: number;
  readonly bans: Map<MacAddress, Ban>;
}

/**
 * Bans clients from all Wi-Fi networks of this router, by hostapd's `del_client` on ubus, for as long as
 * the kernel's own rules. On every network, whether or not the device is there: it must not come back by another one, nor by pulling its
 * cable. `ubus` is undefined while there is none.
 */
export function openHostapdClients(ubus: () => Bus | undefined, { clock, log, unban }: HostapdClientsDeps): HostapdClients {
  let wanted: ReadonlyMap<MacAddress, SteadyInstant> = new Map();
  const networks = new Map<string, Network>();
  const problems = new Map<string, string>();
  const schedule = createSchedule(clock, (error) => {
    log("error", `internal: ${errorText(error)}`);
  });
  let running = false;
  let askedMeanwhile = false;
  let isFirst = true;
  let retryIn = firstRetry;
  let ear: { readonly bus: Bus; readonly stop: () => void } | undefined;

  const complain = (path: string, error: unknown,
    next = isLasting(error) ? "not tried again before the next renewal" : `next attempt in ${retryIn / 1000} s`): void => {
    const problem = `could not disconnect quarantined clients from ${path}: ${errorText(error)}`;
    if (problems.get(path) !== problem) log("warn", `${problem}; ${next}`);
    problems.set(path, problem);
  };

  /** Networks that are made later are told as soon as they are there. */
  const listenFor = (bus: Bus): void => {
    if (ear !== undefined && (ear.bus !== bus || wanted.size === 0)) {
      ear.stop();
      ear = undefined;
    }
    if (wanted.size > 0)
      ear ??= {
        bus,
        stop: bus.listen("ubus.object.add", (_id, { path }) => {
          if (typeof path === "string" && path.startsWith("hostapd.")) schedule.once("new network", settling, run);
        }),
      };
  };

  /** Returns whether it is worth trying again soon. */
  const tell = async (bus: Bus, { path, id }: FoundObject): Promise<boolean> => {
    const network = networks.get(path) ?? { id, bans: await bansOfEarlierRun(bus, path) };
    networks.set(path, network);
    const isMadeAnew = network.id !== id;
    network.id = id;
    if (isMadeAnew) { for (const mac of wanted.keys()) network.bans.delete(mac); }
    const ban = async (addr: MacAddress, until: SteadyInstant | null): Promise<void> => {
      const now = clock.now();
      network.bans.set(addr, { until: latest(until ?? now, network.bans.get(addr)?.until ?? now), isSure: false });
      // A number with a fraction goes out as a double, which hostapd passes over.
      const span = until === null ? 0 : Math.min(longestBan, Math.max(1, Math.round(between(now, until))));
      await bus.invoke(path, "del_client", { addr, reason, deauth: true, ban_time: span }, timeout);
      if (until === null) network.bans.delete(addr);
      else network.bans.set(addr, { until, isSure: true });
    };
    try {
      for (const [mac, until] of wanted) if (isDue(network.bans.get(mac), until, clock.now())) await ban(mac, until);
      for (const [mac, { until }] of network.bans) {
        if (wanted.has(mac)) continue;
        // A client whose ban has run out may be back already, and lifting the ban would disconnect it.
        if (until > clock.now()) await ban(mac, null);
        else network.bans.delete(mac);
      }
      problems.delete(path);
      return false;
    } catch (error) {
      // The network went away meanwhile.
      if (error instanceof UbusError && error.status === ubusStatus.notFound) return false;
      complain(path, error);
      return !isLasting(error);
    }
  };

  const bansOfEarlierRun = async (bus: Bus, path: string): Promise<Network["bans"]> => {
    const former = isFirst ? unban() : new Set<MacAddress>();
    if (former.size === 0) return new Map();
    const banned = await bus.invoke(path, "list_bans", {}, timeout).then(bannedClients, () => []);
    return new Map(banned.filter((mac) => former.has(mac)).map((mac) => [mac, { until: later(clock.now(), longestBan), isSure: false }]));
  };

  const tellAll = async (): Promise<void> => {
    const bus = ubus();
    if (!bus?.isConnected) return;
    listenFor(bus);
    const isOwed = [...networks.values()].some(({ bans }) => bans.size > 0) || (isFirst && unban().size > 0);
    if (wanted.size === 0 && !isOwed) return;
    const found = (await bus.lookup("hostapd.*")).filter(({ methods }) => "del_client" in methods).slice(0, mostNetworks);
    const again = await Promise.all(found.map((each) => tell(bus, each)));
    isFirst = false;
    forget(found);
    if (again.includes(true)) runAgain();
    else retryIn = firstRetry;
  };
  const runAgain = (): void => {
    schedule.once("again", retryIn, run);
    retryIn = milliseconds(Math.min(longestRetry, retryIn * 2));
  };

  /** Networks that are gone, as soon as no ban of theirs can be left should they come back. */
  const forget = (found: readonly FoundObject[]): void => {
    const paths = new Set(found.map(({ path }) => path));
    for (const [path, { bans }] of networks) {
      if (paths.has(path)) continue;
      problems.delete(path);
      if ([...bans.values()].every(({ until }) => until <= clock.now())) networks.delete(path);
    }
  };

  const run = (): void => {
    askedMeanwhile = running;
    if (running) return;
    running = true;
    tellAll().then(() => {
      problems.delete("any network");
    }, (error: unknown) => {
      complain("any network", error);
      if (!isLasting(error)) runAgain();
    }).finally(() => {
      running = false;
      if (askedMeanwhile) run();
    }).catch((error: unknown) => {
      log("error", `internal: ${errorText(error)}`);
    });
  };

  return {
    ban(devices) {
      const now = clock.now();
      const known = devices.flatMap(({ mac, timeout: span }): [MacAddress, SteadyInstant][] => (mac === null ? [] : [[mac, later(now, inMilliseconds(span))]]));
      if (known.length > mostDevices) complain("Wi-Fi", new Error(`only ${mostDevices} devices can be`), "the others are held by the router alone");
      else problems.delete("Wi-Fi");
      wanted = new Map(known.slice(0, mostDevices));
      run();
    },
    connected: run,
    warnings: () => (wanted.size > 0 ? [...problems.values()] : []),
    stop() {
      ear?.stop();
      ear = undefined;
      schedule.stop();
    },
  };
}

function isDue(ban: Ban | undefined, until: SteadyInstant, now: SteadyInstant): boolean {
  if (until <= now) return false;
  if (!ban?.isSure) return true;
  const gain = between(ban.until, until);
  return gain >= worthRenewing || (gain >= rounding && between(now, ban.until) < tooShort);
}

/** Trying again soon will not help: not allowed, or a hostapd of another kind. */
function isLasting(error: unknown): boolean {
  return error instanceof UbusError
    && [ubusStatus.permissionDenied, ubusStatus.methodNotFound, ubusStatus.invalidArgument, ubusStatus.notSupported].some((status) => status === error.status);
}
