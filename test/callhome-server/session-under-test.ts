import { method, type CoapDatagram } from "../../src/callhome-server/coap/message.ts";
import type { MitigationService, Redirection } from "../../src/callhome-server/dots/dots-service.ts";
import { openSession, type Session } from "../../src/callhome-server/session.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { fakeClock, settle, type FakeClock } from "../fake-clock.ts";
import { pending } from "../policy/samples.ts";
import { cbor, decoded, plain, request, type Words } from "./wire.ts";
import { between, seconds, type WallInstant } from "../../src/model/time.ts";

export interface SessionUnderTest {
  readonly session: Session;
  readonly clock: FakeClock;
  /** Messages that went out since last asked. */
  readonly sent: () => CoapDatagram[];
  /** The same without our heartbeats. */
  readonly answers: () => CoapDatagram[];
  /** Our CoAP pings since last asked: seconds since the beginning. */
  readonly pings: () => number[];
  /** Our heartbeats since last asked: seconds since the beginning, and their peer-hb-status. */
  readonly heartbeats: () => string[];
  readonly over: string[];
  readonly failures: unknown[];
  readonly redirected: Redirection[];
  mitigations: Mitigation[];
  service: Partial<MitigationService>;
  readonly say: (code: "0.01" | "0.03" | "0.04", path: string, words?: Words) => Promise<void>;
  /** The upstream's heartbeat. */
  readonly beat: (hearsUs?: boolean) => Promise<void>;
}

export function sessionUnderTest(
  options: { readonly mitigating?: boolean; readonly requestRate?: number; readonly refuseRedirect?: string } = {},
): SessionUnderTest {
  const clock = fakeClock();
  const began = clock.now();
  let out: { readonly at: WallInstant; readonly message: CoapDatagram }[] = [];
  let random = 0;
  const take = (wanted: (message: CoapDatagram) => boolean): typeof out => {
    const taken = out.filter(({ message }) => wanted(message));
    out = out.filter(({ message }) => !wanted(message));
    return taken;
  };
  const isHeartbeat = (message: CoapDatagram): boolean => message.code === method.put;
  const isPing = (message: CoapDatagram): boolean => message.type === "CON" && message.code === "0.00";
  const under: SessionUnderTest = {
    clock,
    over: [],
    failures: [],
    redirected: [],
    mitigations: [],
    service: {},
    session: openSession(
      {
        upstream: "isp",
        requestRate: options.requestRate ?? 20,
        mostObservers: () => 258,
        mitigating: options.mitigating ?? false,
        transport: "udp",
        longestHeartbeat: () => seconds(240),
      },
      {
        clock: clock.steady,
        wallTime: () => clock.now(),
        randomBytes: (count) => {
          random += 1;
          return Uint8Array.from({ length: count }, (_, at) => (random >> (8 * at)) & 0xff);
        },
        transmit: (datagram) => {
          out.push({ at: clock.now(), message: decoded(datagram) });
        },
        trace: () => undefined,
        failed: (error) => {
          under.failures.push(error);
        },
      },
      {
        request: (...asked) => under.service.request?.(...asked) ?? Promise.resolve({ is: "created", mitigation: pending }),
        withdraw: (...asked) => {
          under.service.withdraw?.(...asked);
        },
        mitigationsOf: () => under.mitigations,
      },
      {
        disconnected: (why, gap) => {
          under.over.push(gap === undefined ? why : `${why}, after ${gap} s of idleness`);
        },
        redirect: (to) => {
          under.redirected.push(to);
          return options.refuseRedirect;
        },
      },
    ),
    sent: () => take(() => true).map(({ message }) => message),
    pings: () => take(isPing).map(({ at }) => between(began, at) / 1000),
    answers: () => take((message) => !isHeartbeat(message)).map(({ message }) => message),
    heartbeats: () =>
      take(isHeartbeat).map(({ at, message }) => `${between(began, at) / 1000} ${String((plain(message.payload) as { 49: { 51: boolean } })[49][51])}`),
    async say(code, path, words) {
      under.session.receive(request(code, path, words));
      await settle();
    },
    beat: (hearsUs = true) => under.say("0.03", ".well-known/dots/hb", { payload: cbor({ 49: { 51: hearsUs } }) }),
  };
  return under;
}

export const configPath = ".well-known/dots/config";

/** The body of a PUT to 'config'. */
export function configBody(mitigating: { interval: number; missing: number }, idle = mitigating): Uint8Array {
  const set = ({ interval, missing }: typeof idle): object => ({ 33: { 36: interval }, 37: { 36: missing } });
  return cbor({ 30: { 32: set(mitigating), 44: set(idle) } });
}
