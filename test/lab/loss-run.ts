import { until } from "../until.ts";
import { createManyUpstreams, type ManyUpstreams } from "./many-upstreams.ts";
import { expectSuccess } from "./namespace.ts";
import { labPsk } from "./start-daemon.ts";
import { startPeer, type Peer, type PeerEvent } from "./start-peer.ts";

export interface LossOptions {
  readonly transport: "udp" | "tcp";
  /** Percent, in each direction. */
  readonly loss: number;
  /** Upstreams that are dialled at once; at most 99. */
  readonly sessions: number;
  /** Requests on each session, one after the other. */
  readonly rounds: number;
  /** How many of them are waited for. Default: all. */
  readonly enough?: number;
  /** How long sessions may take to come about. */
  readonly patienceMs: number;
  /** How long an answer may take. */
  readonly answerSeconds: number;
  /** How many `openssl s_client` dial the same peer beside it. */
  readonly beside: number;
}

export interface LossResult {
  /** Milliseconds until each session was there, of those that came. */
  readonly sessions: readonly number[];
  readonly asked: number;
  /** Milliseconds until each answer; the peer repeats every 3 s. */
  readonly answers: readonly number[];
  /** Requests that were executed, and how many more times than once. */
  readonly executed: number;
  readonly duplicates: number;
  /** As `sessions`, of `openssl s_client`. */
  readonly beside: readonly number[];
}

/** `openssl s_client` has a name of its own, so that its sessions are not asked anything. */
const besideIdentity = "beside";
const addressOf = (at: number): string => `203.0.113.${100 + at}`;

/** Sessions and requests between router and ISP while packets are lost at random in both directions. */
export async function runUnderLoss(options: LossOptions): Promise<LossResult> {
  const many = await createManyUpstreams();
  const { lab } = many;
  try {
    const input = Array.from({ length: options.sessions + 1 }, (_, at) => `addr add ${addressOf(at)}/24 dev customer\n`).join("");
    await expectSuccess("ip", lab.isp.run("ip", ["-batch", "-"], { input }));
    const peer = await startPeer(lab.isp, {
      library: "openssl",
      listen: "0.0.0.0:4647",
      arguments: ["--transport", options.transport, "--psk", `${labPsk.identity}:${labPsk.key}`, "--psk", `${besideIdentity}:${labPsk.key}`],
    });
    await lab.setLoss(options.loss);
    const beside = dialBeside(many, options);
    const sessions = await dial(many, options);
    const requests = await ask(peer, sessions.times.length, options);
    await lab.setLoss(0);
    await until("the log tells of what was answered", () => sessions.executions().size >= requests.answers.length);
    const counts = [...sessions.executions().values()];
    return {
      sessions: sessions.times,
      ...requests,
      beside: await beside,
      executed: counts.length,
      duplicates: counts.reduce((sum, count) => sum + count - 1, 0),
    };
  } finally {
    await many.destroy();
  }
}

/** Starts the daemon and waits until enough of its sessions are there, or patience is at an end. */
async function dial(many: ManyUpstreams,
  { sessions, enough = sessions, transport, patienceMs }: LossOptions): Promise<{ times: number[]; executions: () => Map<string, number> }> {
  const daemon = many.start(Array.from({ length: sessions }, (_, at) => ({ name: `u${at}`, options: { host: addressOf(at), transport } })));
  await daemon.logged(/runs with/);
  const started = Date.now();
  const times = new Map<string, number>();
  while (times.size < enough && Date.now() - started < patienceMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const line of daemon.log) {
      const name = /upstream (\w+): session with/.exec(line)?.[1];
      if (name !== undefined && !times.has(name)) times.set(name, Date.now() - started);
    }
  }
  return {
    times: [...times.values()],
    executions: () => {
      const counts = new Map<string, number>();
      for (const line of daemon.log) {
        const mid = /PUT \/\.well-known\/dots\/mitigate\/cuid=[^/]*\/(mid=\d+) -> 2/.exec(line)?.[1];
        if (mid !== undefined) counts.set(mid, (counts.get(mid) ?? 0) + 1);
      }
      return counts;
    },
  };
}

/**
 * One PUT on each session, all sessions at the same time, round after round: Non-confirmable, and the same message again every 3 s until
 * it is answered (RFC 9132 §4.4), as go-dots does.
 */
async function ask(peer: Peer, sessions: number, { rounds, answerSeconds }: LossOptions): Promise<{ asked: number; answers: number[] }> {
  const up = await heldSessions(peer, sessions);
  const answers: number[] = [];
  let asked = 0;
  for (let round = 0; round < rounds; round++) {
    const from = peer.events.length;
    for (const session of up) {
      peer.send({
        do: "put",
        session,
        cuid: `client-${session}`,
        mid: session * 100 + round,
        repeat: 3,
        wait: false,
        timeout: answerSeconds,
        scope: { "target-prefix": [`198.51.${session}.${round}/32`], "target-protocol": [17], "source-prefix": ["203.0.113.7/32"], lifetime: 600 },
      });
    }
    const since = (...names: readonly string[]): PeerEvent[] => peer.events.slice(from).filter(({ event, n }) => names.includes(event) && n !== undefined);
    const until = Date.now() + answerSeconds * 1000 + 2_000;
    do await new Promise((resolve) => setTimeout(resolve, 100)); while (since("answer", "failed").length < up.length && Date.now() < until);
    asked += up.length;
    const sent = since("sent");
    for (const { n, t } of since("answer")) answers.push(t - (sent.find((each) => each.n === n)?.t ?? NaN));
  }
  return { asked, answers };
}

/**
 * The sessions that the router holds too: it speaks up on each at once, and every 30 s. The peer also holds those for up whose last flight was
 * lost, while the router has begun another from a new port: nobody is there to answer.
 */
async function heldSessions(peer: Peer, most: number): Promise<number[]> {
  const held = (): number[] => [...new Set(peer.events.filter(({ event }) => event === "request").map(({ session = 0 }) => session))];
  const until = Date.now() + 65_000;
  while (held().length < most && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
  return held();
}

/** How OpenSSL's own client fares with the same peer at the same time. */
async function dialBeside({ lab }: ManyUpstreams, { beside, patienceMs, transport, sessions }: LossOptions): Promise<number[]> {
  const key = Buffer.from(labPsk.key).toString("hex");
  const args = ["s_client", transport === "udp" ? "-dtls1_2" : "-tls1_2", "-psk_identity", besideIdentity, "-psk", key, "-connect",
    `${addressOf(sessions)}:4647`];
  const times = await Promise.all(Array.from({ length: beside }, () =>
    new Promise<number | undefined>((resolve) => {
      const started = Date.now();
      const child = lab.router.spawn("openssl", args, { stdio: ["pipe", "pipe", "ignore"] });
      const end = (time?: number): void => {
        clearTimeout(timer);
        child.kill("SIGKILL");
        resolve(time);
      };
      const timer = setTimeout(end, patienceMs);
      let said = "";
      child.stdout?.on("data", (bytes: Buffer) => {
        said += bytes.toString();
        if (/Cipher is (?!\(NONE\))\S/.test(said)) end(Date.now() - started);
      });
      child.once("exit", () => {
        end();
      });
    })));
  return times.filter((time) => time !== undefined);
}
