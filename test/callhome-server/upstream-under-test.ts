import type { Channel, ChannelEvents, DialAddress, DialManner } from "../../src/callhome-server/channel.ts";
import { startUpstream, type Upstream } from "../../src/callhome-server/upstream.ts";
import type { UpstreamStatus } from "../../src/model/upstream-status.ts";
import type { MitigationService } from "../../src/callhome-server/dots/dots-service.ts";
import { fakeClock, settle, type FakeClock } from "../fake-clock.ts";
import { pending } from "../policy/samples.ts";
import { decoded } from "./wire.ts";

/** An attempt at dialling, to be answered by the test. */
export interface Attempt {
  readonly to: DialAddress;
  readonly how: DialManner;
  readonly events: ChannelEvents;
  /** What the daemon sent on the channel, as codes; heartbeats are 0.03. */
  readonly sent: string[];
  /** What the channel answers when its way is looked at. */
  problem: string | undefined;
  isClosed(): boolean;
  connect(transport?: Channel["transport"]): Promise<void>;
  fail(why?: string, error?: Error): Promise<void>;
}

export interface UpstreamUnderTest {
  readonly upstream: Upstream;
  readonly clock: FakeClock;
  readonly attempts: Attempt[];
  readonly states: UpstreamStatus["state"][];
  readonly log: string[];
  /** The attempt that was made last. */
  readonly last: () => Attempt;
}

const service: MitigationService = {
  request: () => Promise.resolve({ is: "created", mitigation: pending }),
  withdraw: () => undefined,
  mitigationsOf: () => [],
};

/** `random` is always a half. */
export function upstreamUnderTest(): UpstreamUnderTest {
  const clock = fakeClock();
  const attempts: Attempt[] = [];
  const states: UpstreamStatus["state"][] = [];
  const log: string[] = [];
  const upstream = startUpstream(
    { name: "isp", host: "dots.isp.example", requestRate: 20, mostMitigations: () => 256 },
    {
      clock: clock.steady,
      wallTime: () => clock.now(),
      random: () => 0.5,
      randomBytes: (count) => new Uint8Array(count).fill(7),
      log: (level, message) => {
        log.push(`${level} ${message}`);
      },
      dial: (to, events, how) =>
        new Promise((resolve, reject) => {
          let closed = false;
          const sent: string[] = [];
          const attempt: Attempt = {
            problem: undefined,
            to,
            how,
            events,
            sent,
            isClosed: () => closed,
            connect(transport = "udp") {
              resolve({
                transport,
                peer: `${to.host}:4647`,
                send: (message) => {
                  sent.push(transport === "udp" ? decoded(message).code : "stream");
                },
                close: () => {
                  closed = true;
                },
                pathProblem: () => Promise.resolve(attempt.problem),
              });
              return settle();
            },
            fail(why = "no answer", error = new Error(why)) {
              reject(error);
              return settle();
            },
          };
          attempts.push(attempt);
        }),
    },
    service,
    ({ state }) => {
      states.push(state);
    },
  );
  return {
    upstream,
    clock,
    attempts,
    states,
    log,
    last() {
      const attempt = attempts.at(-1);
      if (!attempt) throw new Error("nothing was dialled");
      return attempt;
    },
  };
}

export const seconds = 1_000;
export const minutes = 60_000;
