import type { MacAddress } from "../model/device.ts";
import type { Mitigation, MitigationId } from "../model/mitigation.ts";
import type { OwnersNo } from "../model/owners-no.ts";
import type { DevicePolicy, Policy } from "../model/policy.ts";
import type { WallInstant } from "../model/time.ts";
import { withEntry, type HistoryEntry } from "../model/history.ts";
import { holds } from "../policy/owners-nos.ts";
import { costOf } from "../policy/request-cost.ts";
import { isOwnersNo } from "../policy/refused-by-owner.ts";

/** A device that a request once named. */
export interface RememberedDevice {
  readonly mac: MacAddress;
  readonly name: string | null;
  readonly addresses: readonly string[];
  readonly port: string | null;
  readonly requests: number;
  /** Null where all that is known of it is the owner's policy. */
  readonly lastRequestAt: WallInstant | null;
  /** What the owner said by a command; null = nothing. */
  readonly policy: DevicePolicy["policy"];
}

/** All that the daemon remembers; a value, so that it can be saved and compared. */
export interface Remembered {
  readonly nextId: MitigationId;
  readonly mitigations: readonly Mitigation[];
  readonly devices: readonly RememberedDevice[];
  readonly history: readonly HistoryEntry[];
  readonly nos: readonly OwnersNo[];
}

export const nothingRemembered: Remembered = { nextId: 1, mitigations: [], devices: [], history: [], nos: [] };

/** Ended mitigations, history entries and devices that are kept; the oldest go first. Those that the owner ended have a room of their own. */
const mostEnded = 64;
const mostEndedBytes = 128 * 1024; // of what their upstreams sent, as it is saved
const mostDevices = 128;
/** Devices that the owner may say something about by a command. */
export const mostPolicies = 1024;
/** What is kept of a device's addresses. */
const mostAddresses = 8;

/** The daemon's memory while it runs. */
export interface Store {
  all(): readonly Mitigation[];
  get(id: MitigationId): Mitigation | undefined;
  put(mitigation: Mitigation): void;
  newId(): MitigationId;
  /** Somebody has used this id: it will not be given out. */
  passOver(id: MitigationId): void;
  /** Has some ids in stock that the file knows of, so that giving one out need not wait for the disk. */
  promiseIds(): void;
  /** All below are used, or promised. */
  reservedIds(): MitigationId;
  /** No more ids will be used: the next run goes on with the next one. */
  releaseIds(): void;
  devices(): readonly RememberedDevice[];
  rememberDevice(device: RememberedDevice): void;
  history(): readonly HistoryEntry[];
  record(entry: HistoryEntry): void;
  /** What the owner has said no to. */
  nos(): readonly OwnersNo[];
  keepNos(nos: readonly OwnersNo[]): void;
  snapshot(): Remembered;
}

/**
 * Ids that are promised to the file ahead of their use: a kill between use and write must not bring one back. The more are used, the more are
 * promised at a time: flash wears, and an upstream may ask 20 times a second.
 */
const idsAhead = { least: 8, most: 1024 } as const;

/** `promise` has the file learn of ids before they are used: now, or soon, when the stock runs low. */
export function createStore(from: Remembered, promise: (when: "now" | "soon") => void = () => undefined): Store {
  let { nextId } = from;
  let promised = nextId;
  let ahead: number = idsAhead.least;
  const promiseIds = (): void => {
    promised = nextId + ahead;
    ahead = Math.min(idsAhead.most, 2 * ahead);
    promise("now");
  };
  const reservedIds = (): MitigationId => Math.max(nextId, promised);
  const mitigations = new Map(from.mitigations.map((each) => [each.id, each]));
  const devices = new Map(from.devices.map((each) => [each.mac, each]));
  let history = from.history;
  let { nos } = from;
  return {
    all: () => [...mitigations.values()],
    get: (id) => mitigations.get(id),
    put(mitigation) {
      if (mitigation.state === "ended") mitigations.delete(mitigation.id); // so that those that have ended stand in the order of their ends
      mitigations.set(mitigation.id, mitigation);
      const ended = [...mitigations.values()].filter((each) => each.state === "ended");
      for (const room of [ended.filter(isOwnersNo), ended.filter((each) => !isOwnersNo(each))]) {
        let bytes = 0;
        for (const [at, { id, request }] of room.reverse().entries()) {
          bytes += sizeOf(request);
          if (at >= mostEnded || (at > 0 && bytes > mostEndedBytes)) mitigations.delete(id);
        }
      }
    },
    newId() {
      const id = nextId++;
      if (id >= promised) promiseIds();
      else if (promised - nextId < idsAhead.least / 2) promise("soon");
      return id;
    },
    passOver(id) {
      nextId = Math.max(nextId, id + 1);
      promised = Math.max(nextId, promised);
    },
    promiseIds,
    reservedIds,
    releaseIds() {
      promised = nextId;
    },
    devices: () => [...devices.values()],
    rememberDevice(device) {
      devices.delete(device.mac); // the order is that of the last request
      devices.set(device.mac, { ...device, addresses: device.addresses.slice(0, mostAddresses) });
      for (const mac of devices.keys()) {
        if (devices.size <= mostDevices) break;
        if (devices.get(mac)?.policy === null) devices.delete(mac);
      }
    },
    history: () => history,
    record(entry) {
      // A decision that ended a mitigation is one line, with the person: not a second one beside that of the end.
      const isEnding = entry.event === "denied" || entry.event === "released";
      if (isEnding) history = history.filter((each) => each.event !== "ended" || each.mitigation !== entry.mitigation);
      history = withEntry(history, entry);
    },
    nos: () => nos,
    keepNos(now) {
      nos = now;
    },
    snapshot: () => ({ nextId: reservedIds(), mitigations: [...mitigations.values()], devices: [...devices.values()], history, nos }),
  };
}

/** About what the lists and names of a request take in the file. */
function sizeOf(request: Mitigation["request"]): number {
  const { entries, textBytes, reportBytes } = costOf(request);
  return entries * 60 + textBytes + reportBytes * 4; // of a report the names of its members are most
}

/**
 * The configured policy with what the owner has said of devices since, which wins. While the owner wants a device left alone at some
 * target, a quarantine would keep it from there too: unasked, it is a block of the target alone.
 */
export function effectivePolicy(policy: Policy, { devices, nos }: Pick<Store, "devices" | "nos">, now: WallInstant): Policy {
  const said = new Map(devices().map(({ mac, policy: word }) => [mac, word]));
  const macs = new Set([...policy.devices.map(({ mac }) => mac), ...said.keys()]);
  const leftAlone = new Set(nos().filter((no) => holds(no, now)).flatMap(({ mac }) => mac ?? []));
  return {
    ...policy,
    devices: [...new Set([...macs, ...leftAlone])].flatMap((mac): DevicePolicy[] => {
      const configured = policy.devices.find((each) => each.mac === mac);
      const action = configured?.action ?? null;
      const gentle = leftAlone.has(mac) && (action ?? policy.action) === "quarantine" ? "block" : action;
      const word = said.get(mac) ?? configured?.policy ?? null;
      return word === null && gentle === null ? [] : [{ mac, policy: word, action: gentle }];
    }),
  };
}
