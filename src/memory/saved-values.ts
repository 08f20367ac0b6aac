import * as v from "valibot";
import { parseMac, type MacAddress } from "../model/device.ts";
import { parseIpPrefix, type IpPrefix } from "../model/ip-prefix.ts";
import type { DropCount, MitigationId } from "../model/mitigation.ts";
import type { AttackTarget } from "../model/mitigation-request.ts";
import type { NumberRange } from "../model/number-range.ts";
import { seconds, wallInstant, type Seconds, type WallInstant } from "../model/time.ts";

/** Reads a saved value of this type, whatever the file has in its place. */
export type Saved<T> = v.GenericSchema<unknown, T>;
/** What is read of an object: each field of it is named, those included that may be absent. */
export type FieldsOf<T> = { readonly [Name in keyof T]-?: Saved<T[Name]> };

/** A finite number from 0 on. */
export const count = v.pipe(v.number(), v.finite(), v.minValue(0));
export const instant: Saved<WallInstant> = v.pipe(count, v.transform(wallInstant));
export const span: Saved<Seconds> = v.pipe(count, v.transform(seconds));
export const text = v.string();
export const textOrNull = v.nullable(text);
export const countOrNull = v.nullable(count);
export const instantOrNull = v.nullable(instant);
export const texts = v.array(text);

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const id: Saved<MitigationId> = whole;
/** No id below it may be given out again. */
export const nextId = v.pipe(whole, v.minValue(1));
export const mac: Saved<MacAddress> = v.pipe(text, v.check((saved) => parseMac(saved) === saved));
/** Who made something happen. Old files call the owner `admin`. */
export const owner = v.pipe(v.picklist(["owner", "admin"]), v.transform(() => "owner" as const));

/** Written as `{ "prefix": "192.0.2.0/24" }`: JSON has no bigint. */
export const prefix: Saved<IpPrefix> = v.pipe(
  v.object({ prefix: text }),
  v.transform((saved) => parseIpPrefix(saved.prefix)),
  v.custom<IpPrefix>((read) => read !== undefined),
);
export const prefixes = v.array(prefix);

/** Whether a value that is to be saved is an IP prefix. */
export function isPrefix(value: unknown): value is IpPrefix {
  return typeof value === "object" && value !== null && "bits" in value && typeof value.bits === "bigint";
}

const number = (highest: number): Saved<number> => v.pipe(whole, v.maxValue(highest));
const ranges = (highest: number): Saved<NumberRange[]> =>
  v.array(v.pipe(v.object({ lower: number(highest), upper: number(highest) }), v.check(({ lower, upper }) => lower <= upper)));
export const ports = ranges(65_535);
export const icmpTypes = ranges(255);
const protocols = v.array(number(255));

export const dropCount: Saved<DropCount> = v.object({ packets: count, bytes: count } satisfies FieldsOf<DropCount>);
/** The part of a target that is compared; names are for the owner to read. */
export const target = { prefixes, ports, protocols } satisfies Partial<FieldsOf<AttackTarget>>;
