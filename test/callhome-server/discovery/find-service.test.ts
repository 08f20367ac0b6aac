import assert from "node:assert/strict";
import { test } from "node:test";
import { findService, type DnsRecords, type NaptrRecord, type SrvRecord } from "../../../src/callhome-server/discovery/find-service.ts";

/** A zone in lines: `NAME NAPTR order preference flags service replacement`, `NAME SRV priority weight port name`; `NAME NAPTR fails`. */
function zone(...lines: readonly string[]): DnsRecords & { readonly asked: string[] } {
  const asked: string[] = [];
  const query = <T>(type: string, read: (words: readonly string[]) => T) => (name: string): Promise<T[]> => {
    asked.push(`${type} ${name}`);
    const found = lines.map((line) => line.split(" ")).filter((words) => words[0] === name && words[1] === type).map((words) => words.slice(2));
    return found.some((words) => words[0] === "fails") ? Promise.reject(new Error("SERVFAIL")) : Promise.resolve(found.map(read));
  };
  return {
    asked,
    naptr: query("NAPTR", ([order, preference, flags = "", service = "", replacement = "", regexp = ""]): NaptrRecord => ({
      order: Number(order),
      preference: Number(preference),
      flags: flags === "-" ? "" : flags,
      service,
      replacement,
      regexp,
    })),
    srv: query("SRV", ([priority, weight, port, name = ""]): SrvRecord => ({ priority: Number(priority), weight: Number(weight), port: Number(port), name })),
  };
}

const find = async (dns: DnsRecords,
  { transports = ["udp", "tcp"] as const, random = 0 }: { transports?: readonly ("udp" | "tcp")[]; random?: number } = {}): Promise<string[]> =>
  (await findService("example.net", { transports, port: 4647, random: () => random }, dns)).map(({ transport, host, port }) => `${transport} ${host} ${port}`);

/** RFC 8973 figure 9. */
const figure9 = [
  "example.net NAPTR 100 10 - DOTS-CALL-HOME:signal.udp signal.example.net",
  "example.net NAPTR 200 10 - DOTS-CALL-HOME:signal.tcp signal.example.net",
  "signal.example.net NAPTR 100 10 s DOTS-CALL-HOME:signal.udp _dots-call-home._udp.example.net",
  "signal.example.net NAPTR 200 10 s DOTS-CALL-HOME:signal.tcp _dots-call-home._tcp.example.net",
  "_dots-call-home._udp.example.net SRV 0 0 6000 b.example.net",
  "_dots-call-home._tcp.example.net SRV 0 0 6001 b.example.net",
];

const cases: readonly [what: string, lines: readonly string[], expected: readonly string[]][] = [
  ["RFC 8973 figure 9, table 2", figure9, ["udp b.example.net 6000", "tcp b.example.net 6001"]],
  ["one record for both, straight to a host", ["example.net NAPTR 1 1 A dots-call-home:signal.tcp:signal.udp dots.example.net"], ["udp dots.example.net 4647",
    "tcp dots.example.net 4647"]],
  ["the order of the records", ["example.net NAPTR 2 1 a DOTS-CALL-HOME:signal.udp c.net", "example.net NAPTR 1 2 a DOTS-CALL-HOME:signal.udp b.net",
    "example.net NAPTR 1 1 a DOTS-CALL-HOME:signal.udp a.net"], ["udp a.net 4647", "udp b.net 4647", "udp c.net 4647"]],
  ["no records but SRV", ["_dots-call-home._udp.example.net SRV 20 0 4700 b.net", "_dots-call-home._udp.example.net SRV 10 0 4700 a.net",
    "_dots-call-home._tcp.example.net SRV 0 0 4701 a.net"], ["udp a.net 4700", "udp b.net 4700", "tcp a.net 4701"]],
  ["none at all: the name itself, at the configured port", [], ["udp example.net 4647", "tcp example.net 4647"]],
  ["the other direction's service, and others, are not ours", ["example.net NAPTR 1 1 a DOTS:signal.udp x.net", "example.net NAPTR 1 1 u E2U+sip x.net"], [
    "udp example.net 4647",
    "tcp example.net 4647",
  ]],
  ["a regular expression, or a flag of another application", ["example.net NAPTR 1 1 a DOTS-CALL-HOME:signal.udp x.net !.*!y!",
    "example.net NAPTR 1 1 p DOTS-CALL-HOME:signal.udp x.net"], ["udp example.net 4647", "tcp example.net 4647"]],
  ["SRV that says the service is not there, or is nonsense", ["_dots-call-home._udp.example.net SRV 0 0 4700 .",
    "_dots-call-home._udp.example.net SRV 0 0 0 a.net", "_dots-call-home._tcp.example.net SRV 0 0 70000 a.net",
    "_dots-call-home._tcp.example.net SRV 0 0 1 a..net"], ["udp example.net 4647", "tcp example.net 4647"]],
  ["records that lead in a circle", ["example.net NAPTR 1 1 - DOTS-CALL-HOME:signal.udp example.net"], ["udp example.net 4647", "tcp example.net 4647"]],
  ["a server that fails for some types", ["example.net NAPTR fails", "_dots-call-home._udp.example.net SRV fails",
    "_dots-call-home._tcp.example.net SRV 0 0 4701 a.net"], ["tcp a.net 4701"]],
];
for (const [what, lines, expected] of cases)
  test(what, async () => {
    assert.deepEqual(await find(zone(...lines)), expected);
  });

test("only transports that are configured are looked for", async () => {
  const dns = zone(...figure9);
  assert.deepEqual(await find(dns, { transports: ["tcp"] }), ["tcp b.example.net 6001"]);
  assert.ok(!dns.asked.some((query) => query.includes("_udp")));
});

test("of equal priority, each comes first as often as its weight says", async () => {
  const dns = zone(...[["a", 0], ["b", 10], ["c", 30]].map(([name, weight]) => `_dots-call-home._udp.example.net SRV 5 ${weight} 4700 ${name}.net`));
  const first = async (random: number): Promise<string | undefined> => (await find(dns, { transports: ["udp"], random }))[0];
  assert.deepEqual([await first(0), await first(0.2), await first(0.3), await first(0.999)], ["udp b.net 4700", "udp b.net 4700", "udp c.net 4700",
    "udp c.net 4700"]);
  assert.equal((await find(dns, { transports: ["udp"], random: 0.999 })).length, 3);
});

test("a zone made to keep us busy costs a dozen queries, and yields a handful of hosts", async () => {
  const wide = Array.from({ length: 500 }, (_, at) => `example.net NAPTR ${at} 1 - DOTS-CALL-HOME:signal.udp n${at}.net`);
  const deep = Array.from({ length: 500 },
    (_, at) => Array.from({ length: 20 }, (_each, next) => `n${at}.net NAPTR 1 1 - DOTS-CALL-HOME:signal.udp n${(at * 7 + next) % 500}.net`)).flat();
  const dns = zone(...wide, ...deep);
  await find(dns);
  assert.ok(dns.asked.length <= 12, String(dns.asked.length));
  const huge = zone("example.net NAPTR 1 1 s DOTS-CALL-HOME:signal.udp:signal.tcp srv.net",
    ...Array.from({ length: 4_000 }, (_, at) => `srv.net SRV 1 1 4700 h${at}.net`));
  assert.ok((await find(huge)).length <= 12);
});
