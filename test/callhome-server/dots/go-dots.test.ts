import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoapCode, MessageType } from "../../../src/callhome-server/coap/message.ts";
import type { CoapOption } from "../../../src/callhome-server/coap/options.ts";
import { vector } from "../../nat-lookup/asking.ts";
import { pending, requested } from "../../policy/samples.ts";
import { bytes, request } from "../wire.ts";
import { fakeService } from "./fake-service.ts";

/** Bytes that go-dots' real client sent (../../../shared/FACTS.md). */
interface Sent {
  readonly what: string;
  readonly type: MessageType;
  readonly code: CoapCode;
  readonly path?: readonly string[];
  readonly cf?: number;
  readonly payload?: string;
  readonly if_match?: string;
  /** By number, in hexadecimal. */
  readonly options?: Readonly<Record<string, string>>;
}

const sent = vector("go-dots-wire.jsonl").trimEnd().split("\n").map((line) => JSON.parse(line) as Sent);
const expected: Readonly<Record<string, CoapCode>> = { "0.01": "2.05", "0.03": "2.01" };

for (const message of sent) {
  test(`go-dots: ${message.what}`, async () => {
    const fake = fakeService();
    fake.mitigations = [{ ...pending, request: requested({ mid: 123 }) }];
    const options = Object.entries(message.options ?? {}).map(([number, value]): CoapOption => ({ number: Number(number), value: bytes(value) }));
    const response = await fake.serve(
      request(message.code, (message.path ?? [".well-known", "dots", "mitigate", "cuid=dz6pHjaADkaFTbjr0JGBpw", "mid=123"]).join("/"), {
        type: message.type,
        ifMatch: message.if_match !== undefined,
        options,
        ...(message.payload === undefined ? {} : { payload: bytes(message.payload) }),
        ...(message.cf === undefined ? {} : { format: message.cf }),
      }),
    );
    if (message.options?.["31"] !== undefined) {
      // RFC 9177 §4.1: that is how it learns that there is no Q-Block here.
      assert.equal(response?.code, "4.02");
    } else if (message.what.startsWith("efficacy")) {
      // It was meant for a base DOTS server: without source-prefix no call home request is complete (RFC 9066 §5.3.1).
      assert.deepEqual([response?.code, Buffer.from(response?.payload ?? []).toString()], ["4.00", "source-prefix is missing"]);
    } else assert.equal(response?.code, message.what.startsWith("heartbeat") ? "2.04" : expected[message.code]);
  });
}

test("go-dots: the config PUT's decimals with one fraction digit are what they say", async () => {
  const fake = fakeService();
  const config = sent.find(({ what }) => what.startsWith("config"));
  await fake.serve(request("0.03", ".well-known/dots/config/sid=234", { payload: bytes(config?.payload ?? "") }));
  assert.deepEqual(fake.config(), {
    sid: 234,
    mitigating: { heartbeatInterval: 50, missingHbAllowed: 3, probingRate: 5, maxRetransmit: 7, ackTimeout: 20.5, ackRandomFactor: 1.5 },
    idle: { heartbeatInterval: 30, missingHbAllowed: 3, probingRate: 5, maxRetransmit: 7, ackTimeout: 15.5, ackRandomFactor: 1.5 },
  });
});
