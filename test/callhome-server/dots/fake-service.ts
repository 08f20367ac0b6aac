import type { CoapRequest, CoapResponse } from "../../../src/callhome-server/coap/request.ts";
import { readRequest } from "../../../src/callhome-server/coap/request.ts";
import type { Admission, DotsService, Redirection } from "../../../src/callhome-server/dots/dots-service.ts";
import { createObservers, type Observers } from "../../../src/callhome-server/dots/observers.ts";
import type { ReadMitigation } from "../../../src/callhome-server/dots/parse-mitigation.ts";
import { serveDots } from "../../../src/callhome-server/dots/serve-dots.ts";
import { defaultSessionConfig, type SessionConfig } from "../../../src/callhome-server/dots/session-config.ts";
import type { Mitigation } from "../../../src/model/mitigation.ts";
import { fakeClock, type FakeClock } from "../../fake-clock.ts";
import { pending } from "../../policy/samples.ts";
import { decoded } from "../wire.ts";
import { seconds } from "../../../src/model/time.ts";

/** What stands behind the dispatcher: a service that does as it is told and remembers what it was asked. */
export interface FakeService {
  readonly clock: FakeClock;
  readonly observers: Observers;
  readonly notified: CoapResponse[];
  readonly asked: { read: ReadMitigation; ifMatch: boolean }[];
  readonly withdrawn: string[];
  readonly heard: boolean[];
  readonly redirected: Redirection[];
  admission: Admission;
  mitigations: Mitigation[];
  refusedRedirect: string | undefined;
  config(): SessionConfig;
  serve(datagram: Uint8Array): Promise<CoapResponse | undefined>;
}

export function fakeService(): FakeService {
  const clock = fakeClock();
  const notified: CoapResponse[] = [];
  const observers = createObservers(clock.steady, (_, response) => {
    notified.push(response);
  }, () => 16);
  let config: SessionConfig = defaultSessionConfig();
  const fake: FakeService = {
    clock,
    observers,
    notified,
    asked: [],
    withdrawn: [],
    heard: [],
    redirected: [],
    admission: { is: "created", mitigation: pending },
    mitigations: [],
    refusedRedirect: undefined,
    config: () => config,
    async serve(datagram) {
      const read: CoapRequest | { readonly refused: CoapResponse } = readRequest(decoded(datagram));
      return "refused" in read ? read.refused : serveDots(service, observers, read, () => clock.now());
    },
  };
  const service: DotsService = {
    upstream: "isp",
    request(read, ifMatch) {
      fake.asked.push({ read, ifMatch });
      return Promise.resolve(fake.admission);
    },
    withdraw: (...what) => {
      fake.withdrawn.push(what.join(" "));
    },
    mitigationsOf: (upstream, cuid) => fake.mitigations.filter(({ request }) => request.upstream === upstream && request.cuid === cuid),
    sessionConfig: () => config,
    longestHeartbeat: () => seconds(240),
    configureSession: (next) => {
      config = next ?? defaultSessionConfig();
    },
    heartbeat: (hearsUs) => {
      fake.heard.push(hearsUs);
    },
    redirect(to) {
      fake.redirected.push(to);
      return fake.refusedRedirect;
    },
  };
  return fake;
}
