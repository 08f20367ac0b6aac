import { upstreamOptions, type ValuesOf } from "./options.ts";
import type { Findings } from "./read-section.ts";
import type { UciSection } from "./uci-syntax.ts";

/** How the router and an upstream know each other. Files are read later, by system/read-secret.ts. */
export type UpstreamAuth =
  | { readonly is: "psk"; readonly identity: string; readonly pskFile: string }
  | { readonly is: "certificate"; readonly caFile: string; readonly certFile: string; readonly keyFile: string };

/** An upstream that is to be dialled. */
export interface UpstreamConfig {
  /** Name of its section: letters, digits and _. */
  readonly name: string;
  /** Host name or IP address, to dial; of one that is discovered, the domain to look in where DHCP names none, or null. */
  readonly host: string | null;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "auto";
  readonly auth: UpstreamAuth;
  /** To verify and to send as SNI: `server_name`, else `host`; null = the name that is discovered. */
  readonly serverName: string | null;
  /** Found by DHCP and DNS (RFC 8973). */
  readonly discover: boolean;
  readonly bindDevice: string | null;
}

/**
 * Makes an upstream of its section's values; its name alone if it is disabled, as an unfinished one may then be;
 * undefined with a finding if something that it needs is missing.
 */
export function readUpstream(section: UciSection, values: ValuesOf<typeof upstreamOptions>, findings: Findings): UpstreamConfig | string | undefined {
  const { name } = section;
  if (name === null) {
    findings.error(section.line, section, null, "has no name, expected config upstream 'NAME'");
    return undefined;
  }
  if (name.length > 64) {
    findings.error(section.line, section, null, "has a name that is too long, expected at most 64 characters");
    return undefined;
  }
  if (!values.enabled) return name;

  const need = (key: "host" | "pskIdentity" | "pskFile" | "caFile" | "certFile" | "keyFile", why: string): string => {
    const option = upstreamOptions[key];
    const isSet = section.entries.some((entry) => entry.name === option.name && entry.value !== "");
    if (!isSet) findings.error(section.line, section, option.name, `is missing, ${why}`);
    return values[key] ?? "";
  };
  const host = values.discover ? values.host : need("host", `expected the ${upstreamOptions.host.help}, or discover 1`);
  const auth: UpstreamAuth = values.auth === "psk"
    ? { is: "psk", identity: need("pskIdentity", "auth psk needs it"), pskFile: need("pskFile", "auth psk needs it") }
    : {
      is: "certificate",
      caFile: need("caFile", "auth certificate needs it"),
      certFile: need("certFile", "auth certificate needs it"),
      keyFile: need("keyFile", "auth certificate needs it"),
    };
  const { port, transport, bindDevice, discover } = values;
  return { name, host, port, transport, auth, serverName: values.serverName ?? (discover ? null : host), bindDevice, discover };
}
