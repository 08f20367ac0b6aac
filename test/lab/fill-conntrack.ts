import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { patience } from "../patience.ts";
import { labAddresses } from "./lab-topology.ts";
import { expectSuccess, type Namespace } from "./namespace.ts";

/**
 * Masqueraded flows of other devices (192.168.1.100-199) to other hosts (198.18.0.0/15), half TCP, half UDP. `conntrack -R`
 * loads a file of insertions over one socket: 65,000 in half a second, where a process for each would take minutes.
 */
export async function fillConntrack(router: Namespace, folder: string, first: number, count: number): Promise<void> {
  const file = join(folder, "conntrack-entries");
  const entries = Array.from({ length: count }, (_, at) => entry(first + at));
  await writeFile(file, entries.join(""));
  const before = await conntrackCount(router);
  await expectSuccess("conntrack -R", router.run("conntrack", ["-R", file], { timeoutMs: 5 * patience }));
  await unlink(file);
  const added = (await conntrackCount(router)) - before;
  // The router's own flows may end meanwhile.
  if (added < count * 0.99) throw new Error(`conntrack took only ${added} of ${count} entries`);
}

export async function conntrackCount(router: Namespace): Promise<number> {
  return Number(await expectSuccess("conntrack -C", router.run("conntrack", ["-C"])));
}

function entry(at: number): string {
  const tcp = at % 2 === 0;
  const source = `192.168.1.${100 + (at % 100)}`;
  const target = `198.${18 + ((at >> 16) & 1)}.${(at >> 8) & 255}.${at & 255}`;
  const protocol = tcp ? "-p tcp --dport 443 --state ESTABLISHED" : "-p udp --dport 53";
  const publicPort = 1024 + (at % 30_000);
  return (
    `-I ${protocol} -s ${source} --sport ${32_768 + (at % 28_000)} -d ${target} `
    + `--src-nat ${labAddresses.wan.v4}:${publicPort} -u SEEN_REPLY,ASSURED -t 3600\n`
  );
}
