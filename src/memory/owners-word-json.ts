import { parseMac, type MacAddress } from "../model/device.ts";
import type { OwnersNo } from "../model/owners-no.ts";
import type { DevicePolicy } from "../model/policy.ts";
import { isCount, isListOf, isOneOf, isPrefix, isRange, isRecord, isText, readJson, writeJson } from "./saved-json.ts";
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
  const { policies, nos } = read.values;
  if (!Array.isArray(policies) || !Array.isArray(nos)) return { problem: "is damaged (a list is missing)" };
  const word = { policies: policies.filter(isPolicy), nos: nos.filter(isOwnersNo) };
  const lost = [
    ...(word.policies.length < policies.length ? [`${policies.length - word.policies.length} of its policies`] : []),
    ...(word.nos.length < nos.length ? [`${nos.length - word.nos.length} of its nos`] : []),
  ];
  return { word, lost };
}

/** The owner's word, and of the rest what does not contradict it. */
export function withOwnersWord(remembered: Remembered, { policies, nos }: OwnersWord): Remembered {
  const said = new Map(policies.map(({ mac, policy }) => [mac, policy]));
  const known = new Set(remembered.devices.map(({ mac }) => mac));
  return {
    ...remembered, nos,
    devices: [
      ...policies.filter(({ mac }) => !known.has(mac)).map(({ mac, policy }) => ({ mac, name: null, addresses: [], port: null, requests: 0, lastRequestAt: null, policy })),
      ...remembered.devices.map((device) => ({ ...device, policy: said.get(device.mac) ?? null })),
    ],
  };
}

function isPolicy(value: unknown): value is OwnersWord["policies"][number] {
  return isRecord(value) && isMac(value["mac"]) && isOneOf(value["policy"], ["ask", "auto", "never"]);
}

/** Whether a parsed value is a no of the owner's, whole. */
export function isOwnersNo(value: unknown): value is OwnersNo {
  if (!isRecord(value) || !isRecord(value["target"])) return false;
  const { prefixes, ports, protocols } = value["target"];
  return (value["mac"] === null || isMac(value["mac"])) && isListOf(value["addresses"], isText) && isCount(value["saidAt"]) && (value["until"] === null || isCount(value["until"]))
    && isListOf(prefixes, isPrefix) && isListOf(ports, isRange) && isListOf(protocols, isCount);
}

function isMac(value: unknown): boolean {
  return isText(value) && parseMac(value) === value;
}
