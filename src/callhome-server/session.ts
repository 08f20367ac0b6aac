import type { Mitigation } from "../model/mitigation.ts";
import {
  between,
  inMilliseconds,
  inSeconds,
  later,
  milliseconds,
  seconds,
  steadyInstant,
  timeLeft,
  type Seconds,
  type SteadyClock,
  type SteadyInstant,
  type WallInstant,
} from "../model/time.ts";
import { writeBody } from "./cbor/schema.ts";
import { createBlockwise, downloadKey } from "./coap/blockwise.ts";
import { createDatagramEndpoint } from "./coap/datagram-endpoint.ts";
import type { EndpointEvents, TransmissionParameters } from "./coap/endpoint.ts";
import { method } from "./coap/message.ts";
import { createStreamEndpoint } from "./coap/stream-endpoint.ts";
import { diagnosticResponse, type CoapRequest, type CoapResponse } from "./coap/request.ts";
import type { DotsService, MitigationService, Redirection } from "./dots/dots-service.ts";
import { configMaxAge, configResource } from "./dots/handlers/handle-config.ts";
import { concernsMitigation } from "./dots/handlers/handle-mitigate.ts";
import { HeartbeatBody } from "./dots/messages.ts";
import { createObservers } from "./dots/observers.ts";
import { serveDots } from "./dots/serve-dots.ts";
import { defaultSessionConfig, type ChannelParameters, type SessionConfig } from "./dots/session-config.ts";
import { heardAfterGap, sentAfterGap, startGaps, suspectGap } from "./idle-gaps.ts";
import { changePace, nextTick, paceOf, startLiveness, stepLiveness, type LivenessEvent, type Pace } from "./liveness.ts";
import { createRateLimit } from "./rate-limit.ts";

/** One signal channel session, from the handshake's end to its own. */
export interface Session {
  receive(message: Uint8Array): void;
  /** Tells the observers. */
  mitigationChanged(mitigation: Mitigation): void;
  /** Whether a mitigation is active decides which parameter set applies (RFC 9132 §4.5). */
  setMitigating(mitigating: boolean): void;
  close(): void;
}

export interface SessionOptions {
  readonly upstream: string;
  /** Requests a second before 5.03. */
  readonly requestRate: number;
  /** Resources that the peer may observe at the same time. */
  mostObservers(): number;
  readonly mitigating: boolean;
  readonly transport: "udp" | "tcp";
  /** Between heartbeats, that the path has been found to allow, as is known now. */
  longestHeartbeat(): Seconds;
}

export interface SessionPorts {
  /** One that does not jump. */
  readonly clock: SteadyClock;
  /** For the times in what we answer. */
  wallTime(): WallInstant;
  randomBytes(count: number): Uint8Array;
  transmit(message: Uint8Array): void;
  /** A line for the log about what passed between us and the upstream. */
  trace(line: string): void;
  /** A request could not be worked on, by no fault of the upstream's. */
  failed(error: unknown): void;
}

export interface SessionEvents {
  /**
   * The session is over: the peer was silent for too long (RFC 9066 §5.2.1), or ended it. `gap`: the idleness that the silence began
   * after, if a NAT may have forgotten the session meanwhile.
   */
  disconnected(why: string, gap?: Seconds): void;
  redirect(to: Redirection): string | undefined;
}

const heartbeatPath = [".well-known", "dots", "hb"];
/** A path that takes longer to answer than this is none that the peer responds on. */
const answerTime = milliseconds(5_000);
/** Max-Age of a 5.03, seconds. */
const overloadRetry = 2;
/** How long a client whose heartbeats are off may ask nothing: twice the Max-Age of the configuration, which it MUST refresh (RFC 9132 §4.5.3). */
const quietLimit = inMilliseconds(seconds(2 * configMaxAge));

/** Speaks DOTS over a channel that is up: requests in, notifications and heartbeats out. Ends itself when the peer is gone, and says so in `events`. */
export function openSession(options: SessionOptions, ports: SessionPorts, mitigations: MitigationService, events: SessionEvents): Session {
  const { clock } = ports;
  const mayPass = createRateLimit(options.requestRate);
  let config: SessionConfig = defaultSessionConfig(options.longestHeartbeat());
  let mitigating = options.mitigating;
  let liveness = startLiveness(clock.now());
  let gaps = startGaps(clock.now());
  let requestedAt = clock.now();
  let cancelTick: () => void = () => undefined;
  let closed = false;
  /** Since the first heartbeat that the peer has not answered in any way: when that was, and bytes sent. */
  let asked: { readonly at: SteadyInstant; bytes: number } | undefined;
  const parameters = (): ChannelParameters => mitigating ? config.mitigating : config.idle;
  const paceNow = (): Pace => paceOf(parameters(), options.longestHeartbeat());
  let pace = paceNow();

  const service: DotsService = {
    ...mitigations,
    async request(read, ifMatch) {
      const admission = await mitigations.request(read, ifMatch);
      // The list of the client's mitigations has one more: its observers hear of that behind the answer.
      if (admission.is === "created")
        clock.after(milliseconds(0), () => {
          changed(admission.mitigation);
        });
      return admission;
    },
    upstream: options.upstream,
    sessionConfig: () => config,
    longestHeartbeat: () => options.longestHeartbeat(),
    configureSession(next) {
      config = next ?? defaultSessionConfig(options.longestHeartbeat());
      observers.changed((resource) => resource === configResource);
      keepPace();
    },
    heartbeat: (hearsUs) => {
      live({ is: "peer-heartbeat", hearsUs });
    },
    redirect: (to) => events.redirect(to),
  };

  const answer = async (request: CoapRequest): Promise<CoapResponse | undefined> => {
    requestedAt = clock.now();
    // Heartbeats cost next to nothing, and losing them would hide that the channel lives.
    const response = request.path[2] === "hb" || mayPass(clock.now())
      ? await blockwise.answer(request, (whole) => serveDots(service, observers, whole, () => ports.wallTime())).catch(erred)
      : { ...diagnosticResponse("5.03", "too many requests"), maxAge: overloadRetry };
    ports.trace(`${methodName(request)} /${request.path.join("/")} -> ${response?.code ?? "no answer"}`);
    return response;
  };

  /** RFC 9132 §4.4.3: 5.03 if the server has erred. */
  const erred = (error: unknown): CoapResponse => {
    ports.failed(error);
    return { ...diagnosticResponse("5.03", "the request could not be worked on"), maxAge: overloadRetry };
  };

  const endpointEvents: EndpointEvents = {
    request: answer,
    forgotten: (token) => {
      observers.remove(token);
    },
    heard: () => {
      const wasSilent = isSilent();
      asked = undefined;
      gaps = heardAfterGap(gaps, clock.now());
      live({ is: "heard" });
      if (wasSilent) observers.heard();
    },
    ended: (why) => {
      events.disconnected(why);
    },
  };
  const transmit = (bytes: Uint8Array): void => {
    if (asked) asked.bytes += bytes.length;
    gaps = sentAfterGap(gaps, clock.now());
    ports.transmit(bytes);
  };
  const io = { transmit, clock, randomBytes: (count: number) => ports.randomBytes(count) };
  const endpoint = options.transport === "tcp" ? createStreamEndpoint(io, endpointEvents) : createDatagramEndpoint({ ...io, transmission }, endpointEvents);
  const blockwise = createBlockwise(clock, () => endpoint.largestPayload());
  const observers = createObservers(clock, ({ token, path, query, block2 }, response) => {
    ports.trace(`notification ${response.code}`);
    endpoint.notify(token, blockwise.split(downloadKey(method.get, path, query), response, block2));
  }, () => options.mostObservers(), withinProbingRate);

  function changed({ request }: Mitigation): void {
    observers.changed((resource) => concernsMitigation(resource, request));
  }

  function transmission(): TransmissionParameters {
    const { ackTimeout, ackRandomFactor, maxRetransmit } = parameters();
    return { ackTimeout: inMilliseconds(seconds(ackTimeout)), ackRandomFactor, maxRetransmit };
  }

  function live(event: LivenessEvent): void {
    const { liveness: next, effect } = stepLiveness(liveness, event, pace, clock.now());
    liveness = next;
    if (effect.is === "disconnected") {
      const gap = options.transport === "udp" ? suspectGap(gaps) : null;
      events.disconnected("no sign of life from the peer", gap === null ? undefined : inSeconds(gap));
      return;
    }
    if (effect.is === "ping" && !mitigating && between(requestedAt, clock.now()) >= quietLimit) {
      events.disconnected("heartbeats are off, and the configuration was not refreshed");
      return;
    }
    if (effect.is === "heartbeat") speakUp(effect.peerHbStatus);
    if (effect.is === "ping") speakUp();
    if (event.is !== "heard") scheduleTick();
  }

  /** A heartbeat with its peer-hb-status, or a ping. Any answer counts as 'heard'. */
  function speakUp(peerHbStatus?: boolean): void {
    asked ??= { at: clock.now(), bytes: 0 };
    if (peerHbStatus === undefined) endpoint.ping();
    else {
      const body = writeBody(HeartbeatBody, { heartbeat: { peerHbStatus } });
      endpoint.request({ code: method.put, path: heartbeatPath, body, timeout: pace.interval }, () => undefined);
    }
    if (mitigating) observers.repeat();
  }

  function isSilent(): boolean {
    return asked !== undefined && between(asked.at, clock.now()) > answerTime;
  }

  /** When a peer that does not respond may be sent more (RFC 9132 §4.5.1 'probing-rate', for unreliable transports). */
  function withinProbingRate(): SteadyInstant {
    return options.transport === "udp" && asked && isSilent()
      ? later(asked.at, inMilliseconds(seconds(asked.bytes / parameters().probingRate)))
      : steadyInstant(-Infinity);
  }

  function keepPace(): void {
    const before = pace;
    pace = paceNow();
    liveness = changePace(liveness, before, pace, clock.now());
    scheduleTick();
  }

  function scheduleTick(): void {
    cancelTick();
    if (closed) return; // a request may still have been under way
    cancelTick = clock.after(timeLeft(clock.now(), nextTick(liveness, pace)), () => {
      live({ is: "tick" });
    });
  }

  scheduleTick();
  return {
    receive: (message) => {
      endpoint.receive(message);
    },
    mitigationChanged: changed,
    setMitigating(next) {
      if (next === mitigating) return;
      mitigating = next;
      keepPace();
    },
    close() {
      closed = true;
      cancelTick();
      observers.close();
      endpoint.close();
    },
  };
}

function methodName(request: CoapRequest): string {
  const name = Object.entries(method).find(([, code]) => code === request.code)?.[0] ?? request.code;
  return name.toUpperCase() + (request.observe === 0 ? " (observe)" : "");
}
