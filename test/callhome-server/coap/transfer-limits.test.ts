import assert from "node:assert/strict";
import { test } from "node:test";
import { createBlockwise } from "../../../src/callhome-server/coap/blockwise.ts";
import { nothing } from "../../../src/callhome-server/coap/message.ts";
import type { CoapRequest, CoapResponse } from "../../../src/callhome-server/coap/request.ts";
import { createStreamEndpoint } from "../../../src/callhome-server/coap/stream-endpoint.ts";
import { fakeClock } from "../../fake-clock.ts";
import { bytes } from "../wire.ts";

const get: CoapRequest = {
  code: "0.01",
  token: nothing,
  path: ["x"],
  query: [],
  observe: 0,
  contentFormat: undefined,
  accept: undefined,
  ifMatch: undefined,
  block1: undefined,
  block2: undefined,
  payload: nothing,
};

test("Observe is in the first block only (RFC 7959 §3.4)", async () => {
  const transfer = createBlockwise(fakeClock().steady, () => 64);
  const ask = (number: number): Promise<CoapResponse | undefined> =>
    transfer.answer({ ...get, block2: { number, more: false, size: 64 } }, () => Promise.resolve({ code: "2.05", observe: 9, payload: new Uint8Array(150) }));
  assert.deepEqual([(await ask(0))?.observe, (await ask(1))?.observe, (await ask(2))?.observe], [9, undefined, undefined]);
});

test("a peer that takes next to nothing gets the smallest blocks, and an empty answer stays one", async () => {
  for (const [csm, largest] of [["00e1", 1_024], ["30e1" + "220800", 1_920], ["20e1" + "2100", 16], ["50e1" + "24ffffffff", 17_280]] as const) {
    const endpoint = createStreamEndpoint(
      { clock: fakeClock().steady, randomBytes: (count) => new Uint8Array(count), transmit: () => undefined },
      { request: () => Promise.resolve(undefined), forgotten: () => undefined, heard: () => undefined, ended: () => undefined },
    );
    endpoint.receive(bytes(csm));
    assert.equal(endpoint.largestPayload(), largest);
    const transfer = createBlockwise(fakeClock().steady, () => endpoint.largestPayload());
    assert.deepEqual(await transfer.answer(get, () => Promise.resolve({ code: "2.02" })), { code: "2.02" });
  }
});
