import { readFile } from "node:fs/promises";

/** SSH, and LuCI over HTTP and HTTPS. */
const managementPorts: readonly number[] = [22, 80, 443];
/** TCP_ESTABLISHED, TCP_TIME_WAIT, TCP_CLOSE_WAIT (include/net/tcp_states.h): a browser's connection ends between two clicks. */
const recentStates: readonly string[] = ["01", "06", "08"];

/** The addresses that manage this router now or did a minute ago, by the kernel's own sockets; none if it does not tell. */
export async function readManagementSessions(read: (path: string) => Promise<string> = (path) => readFile(path, "utf8")): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => read(path).catch(() => "")));
  return new Set(tables.flatMap((table) => table.split("\n").slice(1)).flatMap((line) => {
    const [, local = "", remote = "", state = ""] = line.trim().split(/\s+/);
    const port = Number.parseInt(local.split(":")[1] ?? "", 16);
    return managementPorts.includes(port) && recentStates.includes(state) ? readAddress(remote.split(":")[0] ?? "") : [];
  }));
}

/** Hexadecimal in 32-bit words of the machine's byte order: little-endian but on some MIPS routers. */
function readAddress(hex: string, isLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1): string[] {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex)) return [];
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
    const four = (word.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
    return isLittle ? four.reverse() : four;
  });
  if (bytes.length === 4) return [bytes.join(".")];
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0));
  // ::ffff:a.b.c.d: a server that listens for both families.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return [bytes.slice(12).join(".")];
  return [shorten(groups)];
}

/** RFC 5952 §4: the longest run of zeroes, of two groups at least, becomes `::`. */
function shorten(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(":");
  const runs = [...text.matchAll(/(?<![0-9a-f])0(:0)+(?![0-9a-f])/g)];
  const longest = runs.reduce<RegExpMatchArray | undefined>((best, run) => (best && best[0].length >= run[0].length ? best : run), undefined);
  if (!longest) return text;
  const at = longest.index ?? 0;
  return `${text.slice(0, at).replace(/:$/, "")}::${text.slice(at + longest[0].length).replace(/^:/, "")}`;
}
