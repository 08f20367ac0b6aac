import { createLab, type Lab } from "./lab.ts";
import { makeCertificates, type LabCertificates } from "./make-certificates.ts";
import { startDaemon, type Daemon, type DaemonOptions } from "./start-daemon.ts";

/** Options of a `config upstream`, beside or instead of the lab's PSK over UDP to the ISP's IPv4 address. */
export interface UpstreamSection {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface UpstreamState {
  readonly name: string;
  readonly state: string;
  readonly transport: string | null;
  readonly peer: string | null;
  readonly last_error: string | null;
  readonly sessions: number;
}

/** A lab whose router has many upstreams at once, in one daemon. */
export interface ManyUpstreams {
  readonly lab: Lab;
  readonly certificates: LabCertificates;
  start(sections: readonly UpstreamSection[], globals?: DaemonOptions["globals"]): Daemon;
  destroy(): Promise<void>;
}

export async function createManyUpstreams(): Promise<ManyUpstreams> {
  const lab = await createLab();
  const certificates = makeCertificates(lab.files.folder);
  return {
    lab,
    certificates,
    start: (sections, globals = {}) =>
      startDaemon(lab, {
        globals: { consent: "ask", request_rate: "1000", max_mitigations: "2000", ...globals },
        upstream: { enabled: "0" },
        more: sections.map((section) => sectionText(lab, section)).join("\n"),
      }),
    destroy: () => lab.destroy(),
  };
}

function sectionText(lab: Lab, { name, options }: UpstreamSection): string {
  const all = { host: "203.0.113.1", auth: "psk", psk_identity: "cpe-0001", psk_file: `${lab.files.folder}/isp.psk`, ...options };
  return `config upstream '${name}'\n${Object.entries(all).map(([key, value]) => `\toption ${key} '${value}'\n`).join("")}`;
}

/** What `status` says of an upstream. */
export async function upstreamState(daemon: Daemon, name: string): Promise<UpstreamState> {
  const { upstreams } = await daemon.json("status") as { readonly upstreams: readonly UpstreamState[] };
  const found = upstreams.find((each) => each.name === name);
  if (!found) throw new Error(`status knows no upstream ${name}`);
  return found;
}

/** What a daemon started now is asked to do through Node's own options, such as a highest TLS version. */
export function withNodeOptions<T>(options: string, start: () => T): T {
  const before = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = options;
  try {
    return start();
  } finally {
    if (before === undefined) delete process.env["NODE_OPTIONS"];
    else process.env["NODE_OPTIONS"] = before;
  }
}
