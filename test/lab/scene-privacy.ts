import { labAddresses } from "./lab.ts";
import type { PeerEvent } from "./start-peer.ts";

const { camera, laptop, lan } = labAddresses;

/** What only the home knows, as text and as the bytes that a careless encoder would send. */
const secrets: readonly { readonly what: string; readonly text: string; readonly hex: string }[] = [
  ...[camera, laptop].flatMap(({ mac, name, v4, port }) => [
    { what: "a MAC address", text: mac, hex: mac.replaceAll(":", "") },
    { what: "a device's name", text: name, hex: hexOf(name) },
    { what: "a LAN address", text: v4, hex: v4.split(".").map((part) => Number(part).toString(16).padStart(2, "0")).join("") },
    { what: "a bridge port", text: port, hex: hexOf(port) },
  ]),
  { what: "a LAN address", text: lan.v4, hex: "c0a80101" },
  { what: "the LAN's prefix", text: "192.168.1.", hex: "c0a801" },
  { what: "the bridge's name", text: "br-lan", hex: hexOf("br-lan") },
  ...[camera, laptop].map(({ v6 }) => ({ what: "a device's IPv6 address", text: v6, hex: `20010db800010000000000000000${v6.slice(-2).padStart(4, "0")}` })),
];

/** What the daemon said that is private to the home, with where: no secret of ours, nor any that the upstream told us itself. */
export function findPrivate(events: readonly PeerEvent[]): string[] {
  const told = events.filter(({ event }) => event === "sent").map((event) => textOf(event["payload-hex"]).toLowerCase()).join("\n");
  return events.filter(({ event }) => event !== "sent").flatMap((event) => {
    const payload = event["payload-hex"] ?? "";
    const line = `${JSON.stringify(event)}\n${textOf(payload)}`.toLowerCase();
    return secrets
      .filter(({ text, hex }) => !told.includes(text.toLowerCase()) && (line.includes(text.toLowerCase()) || isIn(hex, payload)))
      .map(({ what, text }) => `${what} (${text}) in ${JSON.stringify(event)}`);
  });
}

/** At a whole byte. */
function isIn(hex: string, payload: string): boolean {
  for (let at = payload.indexOf(hex); at >= 0; at = payload.indexOf(hex, at + 1)) if (at % 2 === 0) return true;
  return false;
}

function textOf(payload: string | undefined): string {
  return Buffer.from(payload ?? "", "hex").toString("latin1");
}

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}
