import { createDatagramEndpoint } from "../../../src/callhome-server/coap/datagram-endpoint.ts";
import type { CoapEndpoint, TransmissionParameters } from "../../../src/callhome-server/coap/endpoint.ts";
import type { CoapDatagram } from "../../../src/callhome-server/coap/message.ts";
import type { CoapRequest, CoapResponse } from "../../../src/callhome-server/coap/request.ts";
import { fakeClock, settle, type FakeClock } from "../../fake-clock.ts";
import { decoded, hex } from "../wire.ts";
import { milliseconds } from "../../../src/model/time.ts";

export interface UnderTest {
  readonly endpoint: CoapEndpoint;
  readonly clock: FakeClock;
  /** Requests that the handler was given. */
  readonly handled: CoapRequest[];
  readonly forgotten: string[];
  /** Datagrams that went out since it was last asked, as `CON 0x1234 2.05`, and whole. */
  readonly sent: () => string[];
  readonly sentMessages: () => CoapDatagram[];
  readonly heard: () => number;
  readonly receive: (datagram: Uint8Array) => Promise<void>;
}

const standard: TransmissionParameters = { ackTimeout: milliseconds(2_000), ackRandomFactor: 1, maxRetransmit: 3 };

/** An endpoint whose handler answers as it is told, 2.05 at once by default. */
export function endpointUnderTest(
  answer: (request: CoapRequest) => Promise<CoapResponse | undefined> = () => Promise.resolve({ code: "2.05" }),
  transmission = standard,
): UnderTest {
  const clock = fakeClock();
  const handled: CoapRequest[] = [];
  const forgotten: string[] = [];
  let out: CoapDatagram[] = [];
  let heard = 0;
  let random = 0;
  const take = (): CoapDatagram[] => {
    const taken = out;
    out = [];
    return taken;
  };
  const endpoint = createDatagramEndpoint(
    {
      clock: clock.steady,
      transmit: (datagram) => {
        out.push(decoded(datagram));
      },
      transmission: () => transmission,
      // Never twice the same, and the first message ID is 0x0101 + 1.
      randomBytes: (count) => {
        random += 1;
        return Uint8Array.from({ length: count }, (_, at) => (random >> (8 * at)) & 0xff).fill(1, 0, random === 1 ? count : 0);
      },
    },
    {
      request(request) {
        handled.push(request);
        return answer(request);
      },
      forgotten: (token) => {
        forgotten.push(hex(token));
      },
      heard: () => {
        heard += 1;
      },
      ended: () => undefined,
    },
  );
  return {
    endpoint,
    clock,
    handled,
    forgotten,
    sent: () => take().map((message) => `${message.type} ${message.messageId.toString(16)} ${message.code}`),
    sentMessages: take,
    heard: () => heard,
    async receive(datagram) {
      endpoint.receive(datagram);
      await settle();
    },
  };
}

/** A promise that is resolved from outside. */
export function later<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return {
    promise,
    resolve: (value) => {
      resolve(value);
    },
  };
}
