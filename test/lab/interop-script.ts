import assert from "node:assert/strict";
import { labAddresses } from "./lab.ts";
import { findPrivate } from "./scene-privacy.ts";
import type { Daemon } from "./start-daemon.ts";
import { scopeOf, type Peer, type PeerEvent } from "./start-peer.ts";
import { until } from "../until.ts";

export interface PlayedChannel {
  readonly peer: Peer;
  readonly daemon: Daemon;
  readonly upstream: string;
  readonly transport: "udp" | "tcp";
  /** Tells the targets of one upstream from another's; below 200. */
  readonly host: number;
}

/** Mitigations that are listed at once: with their names, more than a datagram holds. */
const many = 12;
const longName = (label: string): string => `${"x".repeat(60)}.${label}.victim.example`;

/** The whole signal channel, as an upstream that knows its RFCs plays it; each answer is checked. */
export async function playChannel(channel: PlayedChannel): Promise<void> {
  await playConfig(channel);
  await playHeartbeats(channel);
  await playMitigation(channel);
  await playLongBodies(channel);
  await playNonsense(channel);
  assert.deepEqual(findPrivate(channel.peer.events), []);
}

const valueOf = (answer: PeerEvent, set: string, name: string): Record<string, number> | undefined =>
  (answer.body as { "signal-config"?: Record<string, Record<string, Record<string, number>>> } | undefined)?.["signal-config"]?.[set]?.[name];

async function playConfig({ peer }: PlayedChannel): Promise<void> {
  const first = await peer.ask({ do: "config-get" });
  assert.equal(first.code, "2.05");
  assert.deepEqual(valueOf(first, "idle-config", "heartbeat-interval"), { "max-value": 240, "min-value": 15, "current-value": 30 });
  assert.ok((first["max-age"] ?? 0) > 60, "not fetched again every minute (RFC 9132 §4.5.3)");
  const config = {
    "mitigating-config": { "heartbeat-interval": { "current-value": 20 }, "ack-timeout": { "current-value-decimal": 2.05 } },
    "idle-config": { "heartbeat-interval": { "current-value": 60 } },
  };
  assert.equal((await peer.ask({ do: "config-put", sid: 7, config })).code, "2.01");
  const negotiated = await peer.ask({ do: "config-get", sid: 7 });
  assert.equal(negotiated.code, "2.05");
  assert.equal(valueOf(negotiated, "mitigating-config", "ack-timeout")?.["current-value-decimal"], 2.05);
  assert.equal(valueOf(negotiated, "idle-config", "heartbeat-interval")?.["current-value"], 60);
  const refused = await peer.ask({ do: "config-put", sid: 8, config: { "idle-config": { "heartbeat-interval": { "current-value": 900 } } } });
  assert.equal(refused.code, "4.22");
  assert.equal((await peer.ask({ do: "config-get", sid: 8 })).code, "4.04");
  assert.equal((await peer.ask({ do: "config-delete", sid: 7 })).code, "2.02");
  assert.equal(valueOf(await peer.ask({ do: "config-get" }), "idle-config", "heartbeat-interval")?.["current-value"], 30);
}

async function playHeartbeats({ peer }: PlayedChannel): Promise<void> {
  assert.equal((await peer.ask({ do: "heartbeat", "peer-hb-status": true })).code, "2.04");
  const ours = await peer.until("the router's heartbeat", ({ event, path }) => event === "request" && path === "/.well-known/dots/hb");
  assert.deepEqual([ours.method, ours.answered, ours.body], ["PUT", "2.04", { heartbeat: { "peer-hb-status": true } }]);
}

function scopeFor({ host }: PlayedChannel, mid: number, more: object = {}): object {
  return {
    "target-prefix": [`198.51.${host}.${mid}/32`],
    "target-port-range": [{ "lower-port": 443 }],
    "target-protocol": [17],
    "source-prefix": [`${labAddresses.wan.v4}/32`],
    lifetime: 600,
    ...more,
  };
}

async function playMitigation(channel: PlayedChannel): Promise<void> {
  const { peer } = channel;
  const created = await peer.ask({ do: "put", mid: 1, scope: scopeFor(channel, 1) });
  assert.equal(created.code, "2.01", created.diagnostic);
  assert.equal(scopeOf(created).mid, 1);
  assert.equal((await peer.ask({ do: "put", mid: 2, scope: scopeFor(channel, 2), confirmable: true })).code, "2.01", "Confirmable");
  const refreshed = await peer.ask({ do: "put", mid: 1, scope: scopeFor(channel, 1, { lifetime: 900 }) });
  assert.equal(refreshed.code, "2.04");
  assert.ok((scopeOf(refreshed).lifetime ?? 0) > 600);
  assert.match((await peer.ask({ do: "put", mid: 1, scope: scopeFor(channel, 1, { "target-protocol": [6] }) })).code ?? "", /^4\.0[09]$/, "changed parameters");

  const filtered = async (query?: string): Promise<string[]> => {
    const answer = await peer.ask({ do: "get", mid: 1, ...(query === undefined ? {} : { query: [query] }) });
    assert.equal(answer.code, "2.05");
    return Object.keys(scopeOf(answer));
  };
  const [all, everything, configuration, state] = [await filtered(), await filtered("c=a"), await filtered("c=c"), await filtered("c=n")];
  assert.deepEqual(all, everything);
  assert.ok(configuration.includes("target-prefix") && !configuration.includes("status"), configuration.join());
  assert.ok(state.includes("status") && !state.includes("target-prefix"), state.join());
  assert.ok([...configuration, ...state].every((name) => all.includes(name)));

  const observed = await peer.ask({ do: "get", mid: 1, observe: 0 });
  assert.deepEqual([observed.code, scopeOf(observed).status], ["2.05", 1]);
  assert.notEqual(observed.observe, undefined);
  assert.equal((await peer.ask({ do: "delete", mid: 1 })).code, "2.02");
  const told = await peer.until("the notification of the end",
    (event) => event.event === "notification" && scopeOf(event).mid === 1 && scopeOf(event).status === 6);
  if (channel.transport === "udp") assert.equal(told.type, "NON", "RFC 9132 §4.4.2.1");
  assert.equal((await peer.ask({ do: "delete", mid: 2 })).code, "2.02");
  assert.equal((await peer.ask({ do: "delete", mid: 99 })).code, "2.02", "nothing there to withdraw");
}

/** Bodies that are longer than a datagram, both ways (RFC 7959; RFC 9132 §4.4.2). */
async function playLongBodies(channel: PlayedChannel): Promise<void> {
  const { peer, daemon, transport, upstream } = channel;
  for (let mid = 10; mid < 10 + many; mid++) {
    const answer = await peer.ask({ do: "put", mid, scope: scopeFor(channel, mid, { "target-fqdn": [longName(`a${mid}`)] }) });
    assert.equal(answer.code, "2.01", answer.diagnostic);
  }
  const from = daemon.log.length;
  const since = (pattern: RegExp): number => daemon.log.slice(from).filter((line) => line.includes(`upstream ${upstream}: `) && pattern.test(line)).length;
  const listed = await peer.ask({ do: "get" });
  assert.equal(listed.code, "2.05");
  const scopes = (listed.body as { "mitigation-scope": { scope: readonly { mid: number }[] } })["mitigation-scope"].scope;
  const mids = scopes.map(({ mid }) => mid).sort((a, b) => a - b);
  assert.deepEqual(mids.filter((mid) => mid >= 10), Array.from({ length: many }, (_, at) => 10 + at));
  assert.ok((listed["payload-hex"]?.length ?? 0) / 2 > 1_100, "more than a datagram holds");
  await daemon.logged(new RegExp(`upstream ${upstream}: GET /\\.well-known/dots/mitigate/cuid=[^/]* -> 2\\.05`));
  if (transport === "udp") await until("by Block2", () => since(/GET .* -> 2\.05/) >= 2); // the log comes by another way

  const scope = scopeFor(channel, 100, { "target-fqdn": Array.from({ length: 16 }, (_, at) => longName(`b${at}`)) });
  const long = await peer.ask({ do: "put", mid: 100, scope });
  assert.equal(long.code, "2.01", long.diagnostic);
  if (transport === "udp") assert.ok(since(/PUT .* -> 2\.31/) >= 1, "by Block1");
  else assert.deepEqual([since(/GET .* -> 2\.05/), since(/-> 2\.31/)], [1, 0], "over TCP in blocks only what must be");
  const back = await peer.ask({ do: "get", mid: 100 });
  assert.equal((scopeOf(back) as { "target-fqdn"?: readonly string[] })["target-fqdn"]?.length, 16);
  // What is not withdrawn is looked up again and again.
  for (const mid of [100, ...mids.filter((each) => each >= 10)]) assert.equal((await peer.ask({ do: "delete", mid })).code, "2.02");
}

/** What cannot be served has a code that says why, and the session goes on. */
async function playNonsense(channel: PlayedChannel): Promise<void> {
  const { peer } = channel;
  const dots = [".well-known", "dots"];
  const code = async (command: object): Promise<string | undefined> => (await peer.ask({ do: "request", method: "GET", confirmable: true, ...command })).code;
  assert.equal(await code({ path: [...dots, "nowhere"] }), "4.04");
  assert.equal(await code({ path: [".well-known", "core"] }), "4.04");
  assert.equal(await code({ method: "POST", path: [...dots, "mitigate", "cuid=x", "mid=1"], "payload-hex": "a0" }), "4.05");
  assert.equal(await code({ method: "DELETE", path: [...dots, "hb"] }), "4.05");
  assert.equal(await code({ method: "FETCH", path: [...dots, "config"] }), "4.05");
  assert.equal((await peer.ask({ do: "put", mid: 3, scope: scopeFor(channel, 3), "content-format": 60 })).code, "4.15");
  assert.equal(await code({ path: [...dots, "config"], options: [{ number: 65_001, hex: "00" }] }), "4.02");
  assert.equal(await code({ path: [...dots, "config"], options: [{ number: 65_000, hex: "00" }] }), "2.05", "an elective option is skipped");
  assert.equal(await code({ method: "PUT", path: [...dots, "mitigate", "cuid=x", "mid=1"], "payload-hex": "ff" }), "4.00");
  assert.equal((await peer.ask({ do: "config-get" })).code, "2.05");
}
