/** What `nft -j list …` answers (libnftables-json(5)), read leniently: unknown members are passed over. */

export interface CounterValue {
  readonly packets: number;
  readonly bytes: number;
}

/** An element that the kernel holds. */
export interface HeldElement {
  /** The parts of the key as nft prints them; prefixes as `addr/len`, ranges as `a-b`. */
  readonly key: readonly string[];
  /** Seconds, where it has a timeout: as given, and what is left of it. */
  readonly timeout?: number;
  readonly expires?: number;
  /** Of elements that count for themselves. */
  readonly counter?: CounterValue;
  /** The named object that a map holds for the key. */
  readonly object?: string;
}

export interface TableNames {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly maps: readonly string[];
  readonly counters: readonly string[];
  readonly limits: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

/** The counters in an answer to `nft -j list counters`, by name. Packets and bytes are counted from when the counter was made. */
export function readCounters(answer: unknown): ReadonlyMap<string, CounterValue> {
  return new Map(entries(answer, "counter").map(({ name, packets, bytes }) => [String(name), { packets: Number(packets), bytes: Number(bytes) }]));
}

/** By table, as `inet name`. */
export function readCountersByTable(answer: unknown): ReadonlyMap<string, ReadonlyMap<string, CounterValue>> {
  const tables = new Map<string, Map<string, CounterValue>>();
  for (const { family, table, name, packets, bytes } of entries(answer, "counter")) {
    const key = `${String(family)} ${String(table)}`;
    const counters = tables.get(key) ?? new Map<string, CounterValue>();
    counters.set(String(name), { packets: Number(packets), bytes: Number(bytes) });
    tables.set(key, counters);
  }
  return tables;
}

/** The names in an answer to `nft -j list table`. */
export function readNames(answer: unknown): TableNames {
  const named = (kind: string): string[] => entries(answer, kind).map(({ name }) => String(name));
  return { chains: named("chain"), sets: named("set"), maps: named("map"), counters: named("counter"), limits: named("limit") };
}

/** The elements of all sets and maps in an answer to `nft -j list`. */
export function readElements(answer: unknown): readonly HeldElement[] {
  return [...entries(answer, "set"), ...entries(answer, "map")].flatMap((set) => {
    const isMap = "map" in set;
    return asArray(set["elem"]).map((element) => {
      // A map's element is [key, value].
      const [key, value] = isMap ? asArray(element) : [element];
      return { ...readKey(key), ...(typeof value === "string" ? { object: value } : {}) };
    });
  });
}

function readKey(key: unknown): HeldElement {
  const wrapped = isObject(key) && isObject(key["elem"]) ? key["elem"] : undefined;
  const value = wrapped ? wrapped["val"] : key;
  const parts = isObject(value) && "concat" in value ? asArray(value["concat"]) : [value];
  return {
    key: parts.map(readPart),
    ...(typeof wrapped?.["timeout"] === "number" ? { timeout: wrapped["timeout"] } : {}),
    ...(typeof wrapped?.["expires"] === "number" ? { expires: wrapped["expires"] } : {}),
    ...(isObject(wrapped?.["counter"]) ? { counter: { packets: Number(wrapped["counter"]["packets"]), bytes: Number(wrapped["counter"]["bytes"]) } } : {}),
  };
}

function readPart(part: unknown): string {
  if (typeof part === "string" || typeof part === "number") return String(part);
  if (isObject(part) && isObject(part["prefix"])) return `${String(part["prefix"]["addr"])}/${String(part["prefix"]["len"])}`;
  if (isObject(part) && Array.isArray(part["range"])) return part["range"].map(String).join("-");
  return JSON.stringify(part);
}

/** The objects of one kind in `{ "nftables": [ { kind: {…} }, … ] }`. */
function entries(answer: unknown, kind: string): Json[] {
  const all = isObject(answer) ? asArray(answer["nftables"]) : [];
  return all.flatMap((entry) => (isObject(entry) && isObject(entry[kind]) ? [entry[kind]] : []));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
