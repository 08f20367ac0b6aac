import type { Mitigation } from "../model/mitigation.ts";
import { milliseconds, type SteadyClock, type WallInstant } from "../model/time.ts";
import { errorText } from "../text/error-text.ts";
import type { Channel, ChannelEar, DialAddress } from "./channel.ts";
import type { MitigationService } from "./dots/dots-service.ts";
import type { PathMemory } from "./path-limit.ts";
import { planSession } from "./session-plans.ts";
import { openSession, type Session, type SessionEvents } from "./session.ts";
import type { WhereaboutsKeeper } from "./whereabouts.ts";

/** The one session with an upstream, while there is one. */
export interface SessionHolder {
  /** A channel is up: a session begins on it, and takes the place of the one before. */
  begin(channel: Channel, ear: ChannelEar, to: DialAddress): void;
  isLive(): boolean;
  mitigationChanged(mitigation: Mitigation): void;
  setMitigating(mitigating: boolean): void;
  /** Looks whether the way is still there; if not, `lost` is told. */
  checkPath(): Promise<void>;
  /** Ends it; `ended` does not hear of that. */
  end(): void;
}

export interface HoldSessionDeps {
  readonly upstream: string;
  readonly requestRate: number;
  /** Resources that the peer may observe at the same time. */
  readonly mostObservers: () => number;
  readonly mitigations: MitigationService;
  readonly where: WhereaboutsKeeper;
  readonly path: PathMemory;
  /** One that does not jump. */
  readonly clock: SteadyClock;
  readonly wallTime: () => WallInstant;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly log: (level: "warn" | "info" | "debug", message: string) => void;
  readonly isMitigating: () => boolean;
  /** Dials once more, by UDP alone, and begins. */
  readonly probeUdp: (to: DialAddress, signal: AbortSignal) => Promise<void>;
  readonly began: (channel: Channel) => void;
  /** `isMoving`: since the next one is to be elsewhere. */
  readonly ended: (reason: string, isMoving: boolean) => void;
  readonly lost: (problem: string) => void;
}

/** The answer to a redirection has to leave before the session ends. */
const answerLeavesWithin = milliseconds(100);

/** Holds an upstream's session from its channel's first moment to its end. */
export function holdSession(deps: HoldSessionDeps): SessionHolder {
  const { clock, where, path, log, isMitigating } = deps;
  let live: { readonly session: Session; readonly channel: Channel; readonly cancelPlans: () => void } | undefined;

  const end = (): void => {
    live?.cancelPlans();
    live?.session.close();
    live?.channel.close();
    live = undefined;
  };
  const finish = (session: Session, reason: string, isMoving = false): void => {
    if (live?.session !== session) return;
    end();
    deps.ended(reason, isMoving);
  };
  /** RFC 9132 §4.6: at once when the redirection's time is over, but not during an attack. */
  const returnHome = (): void => {
    if (live && where.isOver(isMitigating())) finish(live.session, "the redirection's time is over", true);
  };

  return {
    begin(channel, ear, to) {
      path.connected(channel.transport);
      const session = speak(deps, channel, {
        disconnected(why, gap) {
          path.silent(gap);
          finish(session, why);
        },
        redirect(redirection) {
          const refused = where.redirect(redirection, { host: to.host, peer: channel.peer });
          log(refused === undefined ? "info" : "warn", refused ?? `redirected to ${redirection.client}`);
          if (refused === undefined)
            clock.after(answerLeavesWithin, () => {
              finish(session, `redirected to ${redirection.client}`, true);
            });
          return refused;
        },
      });
      end(); // of the session over TCP, if UDP has become available
      where.spokenWith(to.host);
      const probeUdp = (signal: AbortSignal): Promise<void> => deps.probeUdp(to, signal);
      live = { session, channel, cancelPlans: planSession({ clock, transport: channel.transport, until: where.until(), isMitigating, returnHome, probeUdp }) };
      deps.began(channel);
      ear.passTo({
        message: (bytes) => {
          session.receive(bytes);
        },
        closed: (reason) => {
          finish(session, reason);
        },
      });
    },
    isLive: () => live !== undefined,
    mitigationChanged(mitigation) {
      live?.session.mitigationChanged(mitigation);
    },
    setMitigating(mitigating) {
      live?.session.setMitigating(mitigating);
      returnHome();
    },
    async checkPath() {
      const held = live;
      const problem = await held?.channel.pathProblem?.().catch(() => undefined);
      if (problem !== undefined && live === held) deps.lost(problem);
    },
    end,
  };
}

/** DOTS on a channel. */
function speak({ upstream, requestRate, mostObservers, mitigations, path, clock, wallTime, randomBytes, log, isMitigating }: HoldSessionDeps, channel: Channel,
  events: SessionEvents): Session {
  return openSession(
    { upstream, requestRate, mostObservers, mitigating: isMitigating(), transport: channel.transport, longestHeartbeat: () => path.longest() },
    {
      clock,
      wallTime,
      randomBytes,
      transmit: (message) => {
        channel.send(message);
      },
      trace: (line) => {
        log("debug", line);
      },
      failed: (error) => {
        log("warn", `a request failed: ${errorText(error)}`);
      },
    },
    mitigations,
    events,
  );
}
