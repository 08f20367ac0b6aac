import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Identity } from "../../packages/dtls-wasm/test/certificates.ts";
import { patience, suiteLimit } from "../patience.ts";
import { createManyUpstreams, upstreamState, type ManyUpstreams } from "./many-upstreams.ts";
import type { LabCertificates } from "./make-certificates.ts";
import type { Daemon } from "./start-daemon.ts";

interface Refusal {
  readonly what: string;
  /** Arguments of `openssl s_server`. */
  readonly server: (certificates: LabCertificates) => readonly string[];
  /** Default: the certificates of the lab. */
  readonly auth?: "psk";
  /** What the owner reads in `last_error` and in the log. */
  readonly because: { readonly udp?: RegExp; readonly tcp?: RegExp };
}

const shown = ({ certFile, keyFile }: Identity): string[] => ["-cert", certFile, "-key", keyFile];
const good = ({ isp, caFile }: LabCertificates): string[] => [...shown(isp), "-CAfile", caFile, "-Verify", "1", "-verify_return_error"];
const weak = ["-cipher", "DEFAULT:@SECLEVEL=0"];

const refusals: readonly Refusal[] = [
  {
    what: "a certificate of an authority that we do not trust",
    server: ({ issue }) => shown(issue({ name: "foreign", by: "stranger" })),
    because: { udp: /no certificate authority in ca_file has signed it$/, tcp: /no certificate authority in ca_file has signed it$/ },
  },
  {
    what: "a certificate for another name",
    server: ({ issue }) => shown(issue({ name: "other", alternatives: "DNS:other.example" })),
    because: { udp: /it is for another name$/, tcp: /it is for another name$/ },
  },
  {
    what: "a certificate that has expired",
    server: ({ issue }) => shown(issue({ name: "old", to: "210101000000Z" })),
    because: { udp: /it has expired, or this router's clock is wrong$/, tcp: /it has expired, or this router's clock is wrong$/ },
  },
  {
    what: "a certificate that is not valid yet",
    server: ({ issue }) => shown(issue({ name: "future", from: "480101000000Z" })),
    because: { udp: /it is not valid yet, or this router's clock is wrong$/, tcp: /it is not valid yet, or this router's clock is wrong$/ },
  },
  {
    what: "a certificate that has signed itself",
    server: ({ issue }) => shown(issue({ name: "self", by: "itself" })),
    because: { udp: /no certificate authority in ca_file has signed it$/, tcp: /it is signed by itself$/ },
  },
  {
    what: "a peer that does not trust our certificate",
    server: ({ isp, issue }) => [...shown(isp), "-CAfile", issue({ name: "unused", by: "stranger" }).certFile, "-Verify", "1", "-verify_return_error"],
    because: { udp: /it does not know the authority that signed our certificate$/, tcp: /it does not know the authority that signed our certificate$/ },
  },
  {
    what: "a peer that has CBC suites only",
    server: (certificates) => [...good(certificates), "-cipher", "ECDHE-ECDSA-AES128-SHA256", "v1_2"],
    because: { udp: /handshake_failure/, tcp: /the peer offers no cipher suite that we accept, or refuses ours$/ },
  },
  {
    what: "a peer that speaks TLS 1.1 or DTLS 1.0 at most",
    server: (certificates) => [...good(certificates), ...weak, "v1_1"],
    because: { udp: /handshake_failure/, tcp: /the peer speaks no TLS 1.2 or 1.3$/ },
  },
  {
    what: "a certificate where the pre-shared key is expected",
    auth: "psk",
    server: good,
    because: { udp: /handshake_failure/, tcp: /a certificate where the pre-shared key is expected$/ },
  },
  {
    what: "a peer that has another pre-shared key",
    auth: "psk",
    server: () => ["-nocert", "-psk", "00ff", "-psk_identity", "cpe-0001"],
    because: { tcp: /our pre-shared key probably does not fit$/ },
  },
];

const cases = refusals.flatMap((refusal) =>
  (["udp", "tcp"] as const).flatMap((transport) => {
    const because = refusal.because[transport];
    return because ? [{ ...refusal, transport, because }] : [];
  })
);
type Case = (typeof cases)[number];
const nameOf = (each: Case): string => `case_${cases.indexOf(each)}`;
const portOf = (each: Case): number => 4800 + cases.indexOf(each);

/** Versions are options of their own in each transport. */
function serverArguments(each: Case, certificates: LabCertificates): string[] {
  const args = each.server(certificates);
  const version = args.includes("v1_1")
    ? { udp: ["-dtls1"], tcp: ["-tls1_1"] }
    : args.includes("v1_2")
    ? { udp: ["-dtls1_2"], tcp: ["-tls1_2"] }
    : { udp: ["-dtls1_2"], tcp: [] };
  return [...version[each.transport], ...args.filter((arg) => !arg.startsWith("v1_"))];
}

describe("peers that must not become a session", { timeout: suiteLimit, concurrency: 4 }, () => {
  let many: ManyUpstreams;
  let daemon: Daemon;

  before(async () => {
    many = await createManyUpstreams();
    await Promise.all(cases.map((each) => startServer(many, ["-accept", `203.0.113.1:${portOf(each)}`, ...serverArguments(each, many.certificates)])));
    daemon = many.start(cases.map((each) => ({
      name: nameOf(each),
      options: { transport: each.transport, port: String(portOf(each)), ...(each.auth === "psk" ? {} : many.certificates.upstream) },
    })));
  });
  after(() => many.destroy());

  for (const each of cases)
    it(`${each.what}, over ${each.transport}`, async () => {
      const logged = await daemon.logged(new RegExp(`upstream ${nameOf(each)}: no session with|upstream ${nameOf(each)}: session with`), 3 * patience);
      assert.match(logged, /no session with/);
      assert.match(logged, each.because);
      const state = await upstreamState(daemon, nameOf(each));
      assert.match(state.last_error ?? "", each.because);
      assert.deepEqual([state.sessions, state.peer], [0, null]);
      assert.notEqual(state.state, "connected");
    });
});

/** Resolves when it listens. */
function startServer({ lab }: ManyUpstreams, args: readonly string[]): Promise<void> {
  // Its standard input stays open: at the end of it s_server ends the connection.
  const child = lab.isp.spawn("openssl", ["s_server", ...args], { stdio: ["pipe", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let said = "";
    const read = (bytes: Buffer): void => {
      said += bytes.toString();
      if (said.includes("ACCEPT")) resolve();
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("exit", (code) => {
      reject(new Error(`openssl s_server ${args.join(" ")} ended with ${String(code)}: ${said}`));
    });
  });
}
