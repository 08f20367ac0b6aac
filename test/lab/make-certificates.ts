import { chmodSync } from "node:fs";
import { CertificateAuthority, type Identity, type Issue } from "../../packages/dtls-wasm/test/certificates.ts";

/** The name that the ISP's certificates are for. */
export const ispName = "dots.isp.example";

export interface LabCertificates {
  readonly isp: Identity;
  readonly router: Identity;
  /** The authority of both. */
  readonly caFile: string;
  /** A certificate for the ISP's name, of the lab's authority unless it says otherwise; the same again for the same name. */
  readonly issue: (what: Issue & { readonly by?: "lab" | "stranger" | "itself" }) => Identity;
  /** Options of `config upstream` for a router that knows the ISP by these. */
  readonly upstream: Readonly<Record<string, string>>;
  /** Arguments of the peer. */
  readonly peer: readonly string[];
}

/** Certificates in a folder of the lab, made with the openssl command. */
export function makeCertificates(folder: string): LabCertificates {
  const authority = new CertificateAuthority("lab-authority", folder);
  let stranger: CertificateAuthority | undefined;
  const issued = new Map<string, Identity>();
  const issue: LabCertificates["issue"] = ({ by = "lab", ...what }) => {
    const before = issued.get(what.name);
    if (before) return before;
    const issuer = by === "stranger" ? stranger ??= new CertificateAuthority("stranger", folder) : authority;
    const identity = by === "itself" ? authority.selfSigned(what.name) : issuer.issue({ alternatives: `DNS:${ispName}`, ...what });
    issued.set(what.name, identity);
    return identity;
  };
  const isp = issue({ name: "isp" });
  const router = issue({ name: "router", alternatives: "DNS:cpe-0001.example" });
  chmodSync(router.keyFile, 0o600);
  return {
    isp,
    router,
    issue,
    caFile: authority.file,
    upstream: { auth: "certificate", ca_file: authority.file, cert_file: router.certFile, key_file: router.keyFile, server_name: ispName },
    peer: ["--cert", isp.certFile, "--key", isp.keyFile, "--ca", authority.file],
  };
}
