import * as v from "valibot";
import type { MacAddress } from "../model/device.ts";
import type { OwnersNo } from "../model/owners-no.ts";
import type { DevicePolicy } from "../model/policy.ts";
import { readJson, readLists, writeJson } from "./saved-json.ts";
import { instant, instantOrNull, mac, target, texts, type FieldsOf, type Saved } from "./saved-values.ts";
import type { Remembered } from "./store.ts";

/** Raised when an older daemon could not read what a newer one writes. */
const format = 1;

/**
 * What the owner has said by commands: MAC addresses, prefixes and instants alone. It is saved in a file of its own, so that nothing
 * that an upstream sends can make it too large to be read, and no damage to the rest takes it along.
 */
export interface OwnersWord {
  readonly policies: readonly { readonly mac: MacAddress; readonly policy: DevicePolicy["policy"] }[];
  readonly nos: readonly OwnersNo[];
}

export const policy = v.picklist(["ask", "auto", "never"]);
const policyOfDevice: Saved<OwnersWord["policies"][number]> = v.object({ mac, policy } satisfies FieldsOf<OwnersWord["policies"][number]>);
export const ownersNo: Saved<OwnersNo> = v.object({
  mac: v.nullable(mac),
  addresses: texts,
  target: v.object(target),
  saidAt: instant,
  until: instantOrNull,
} satisfies FieldsOf<OwnersNo>);

/** What of all that is remembered the owner has said. */
export function ownersWordIn({ devices, nos }: Remembered): OwnersWord {
  return { policies: devices.filter(({ policy }) => policy !== null).map(({ mac, policy }) => ({ mac, policy })), nos };
}

/** The text of owner.json. */
export function writeOwnersWord(word: OwnersWord): string {
  return writeJson(format, word);
}

/** Reads the text of the file; `lost` as `1 of its policies`. */
export function readOwnersWord(text: string): { readonly word: OwnersWord; readonly lost: readonly string[] } | { readonly problem: string } {
  const read = readJson(text, format);
  if ("problem" in read) return read;
  const { list, lost } = readLists(read.values);
  const [policies, nos] = [list("policies", policyOfDevice), list("nos", ownersNo)];
  if (!policies || !nos) return { problem: "is damaged (a list is missing)" };
  return { word: { policies, nos }, lost };
}

/** The owner's word, and of the rest what does not contradict it. */
export function withOwnersWord(remembered: Remembered, { policies, nos }: OwnersWord): Remembered {
  const said = new Map(policies.map(({ mac, policy }) => [mac, policy]));
  const known = new Set(remembered.devices.map(({ mac }) => mac));
  return {
    ...remembered,
    nos,
    devices: [
      ...policies.filter(({ mac }) => !known.has(mac)).map(({ mac, policy }) => ({
        mac,
        name: null,
        addresses: [],
        port: null,
        requests: 0,
        lastRequestAt: null,
        policy,
      })),
      ...remembered.devices.map((device) => ({ ...device, policy: said.get(device.mac) ?? null })),
    ],
  };
}
