import assert from "node:assert/strict";
import { test } from "node:test";
import { blockValue, readBlock, type Block } from "../../src/callhome-server/coap/block.ts";
import { createBlockwise, downloadKey, type Blockwise } from "../../src/callhome-server/coap/blockwise.ts";
import { method } from "../../src/callhome-server/coap/message.ts";
import { uintOption } from "../../src/callhome-server/coap/options.ts";
import type { CoapRequest, CoapResponse } from "../../src/callhome-server/coap/request.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";

const request = (more: Partial<CoapRequest>): CoapRequest => ({
  code: method.put,
  token: Uint8Array.of(1),
  path: ["a"],
  query: [],
  observe: undefined,
  contentFormat: 271,
  accept: undefined,
  ifMatch: undefined,
  block1: undefined,
  block2: undefined,
  payload: new Uint8Array(0),
  ...more,
});
const block = (number: number, more: boolean, size = 64): Block => ({ number, more, size });
const filled = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, at) => (from + at) & 0xff);

function underTest(
  largest = 1_024,
): {
  blockwise: Blockwise;
  clock: FakeClock;
  served: CoapRequest[];
  readonly answer: (request: CoapRequest, response?: CoapResponse) => Promise<CoapResponse | undefined>;
} {
  const clock = fakeClock();
  const served: CoapRequest[] = [];
  const blockwise = createBlockwise(clock.steady, () => largest);
  return {
    blockwise,
    clock,
    served,
    answer: (asked, response = { code: "2.04" }) =>
      blockwise.answer(asked, (whole) => {
        served.push(whole);
        return Promise.resolve(response);
      }),
  };
}

test("the option's value: every size, and what is malformed (RFC 7959 §2.2)", () => {
  for (let exponent = 0; exponent < 7; exponent++) {
    for (const [number, more] of [[0, true], [1, false], [15, true], [0xf_ffff, false]] as const) {
      const value = { number, more, size: 16 << exponent };
      assert.deepEqual(readBlock(uintOption(27, blockValue(value)), false), value);
    }
  }
  assert.deepEqual(readBlock({ number: 27, value: new Uint8Array(0) }, false), block(0, false, 16));
  assert.equal(readBlock(uintOption(27, 7), false), undefined, "the reserved size");
  assert.equal(readBlock({ number: 27, value: new Uint8Array(4) }, true), undefined, "too long");
  const several = { number: 3, more: true, size: 1_024, bert: true } as const;
  assert.deepEqual(readBlock(uintOption(27, blockValue(several)), true), several, "over a stream, BERT (RFC 8323 §6)");
});

test("an upload: 2.31 for each block but the last, which is answered as the whole", async () => {
  const { answer, served } = underTest();
  assert.deepEqual(await answer(request({ block1: block(0, true), payload: filled(64) })), { code: "2.31", block1: block(0, true) });
  assert.deepEqual(await answer(request({ block1: block(1, true), payload: filled(64, 64) })), { code: "2.31", block1: block(1, true) });
  assert.equal(served.length, 0);
  const last = await answer(request({ block1: block(2, false), payload: filled(10, 128) }));
  assert.deepEqual(last, { code: "2.04", block1: block(2, false) });
  assert.deepEqual(served[0]?.payload, filled(138));
});

const misfits: readonly (readonly [string, readonly (readonly [Block, number])[]])[] = [
  ["a block is missing", [[block(0, true), 64], [block(2, false), 10]]],
  ["the first block is missing", [[block(1, false), 10]]],
  ["a block is too short", [[block(0, true), 63]]],
  ["a block is too long", [[block(0, false), 65]]],
  ["the size changes to one that does not fit", [[block(0, true), 64], [block(1, false, 32), 10]]],
  ["the last block again", [[block(0, true), 64], [block(1, false), 10], [block(1, false), 10]]],
];
for (const [what, blocks] of misfits) {
  test(`4.08: ${what}`, async () => {
    const { answer } = underTest();
    const codes: (string | undefined)[] = [];
    for (const [block1, length] of blocks) codes.push((await answer(request({ block1, payload: filled(length) })))?.code);
    assert.equal(codes.at(-1), "4.08");
    assert.ok(codes.slice(0, -1).every((code) => code === "2.31" || code === "2.04"));
  });
}

test("an upload that begins anew; one that is smaller from the second block on (§2.3)", async () => {
  const { answer, served } = underTest();
  await answer(request({ block1: block(0, true), payload: filled(64, 9) }));
  await answer(request({ block1: block(0, true), payload: filled(64) }));
  await answer(request({ block1: block(2, true, 32), payload: filled(32, 64) }));
  await answer(request({ block1: block(3, false, 32), payload: filled(5, 96) }));
  assert.deepEqual(served[0]?.payload, filled(101));
});

test("an upload that is too large: 4.13 before it is all there", async () => {
  const { answer, served } = underTest();
  for (let number = 0; number < 16; number++) {
    assert.equal((await answer(request({ block1: block(number, true, 1_024), payload: filled(1_024) })))?.code, "2.31");
  }
  const over = await answer(request({ block1: block(16, true, 1_024), payload: filled(1_024) }));
  assert.equal(over?.code, "4.13");
  assert.equal((await answer(request({ block1: block(17, false, 1_024), payload: filled(1) })))?.code, "4.08", "and is forgotten");
  assert.equal(served.length, 0);
});

test("uploads are forgotten after a while, and the oldest of too many", async () => {
  const { answer, clock } = underTest();
  await answer(request({ block1: block(0, true), payload: filled(64) }));
  await clock.advance(61_000);
  assert.equal((await answer(request({ block1: block(1, false), payload: filled(1) })))?.code, "4.08");
  for (let path = 0; path < 5; path++) await answer(request({ path: [`p${path}`], block1: block(0, true), payload: filled(64) }));
  assert.equal((await answer(request({ path: ["p0"], block1: block(1, false), payload: filled(1) })))?.code, "4.08");
  assert.equal((await answer(request({ path: ["p4"], block1: block(1, false), payload: filled(1) })))?.code, "2.04");
});

const get = (block2?: Block, path = ["a"]): CoapRequest => request({ code: method.get, path, block2 });
const long: CoapResponse = { code: "2.05", contentFormat: 271, maxAge: 60, payload: filled(2_500) };

test("a download: blocks of 1024 with ETag and Size2, the rest without asking again", async () => {
  const { answer, served } = underTest();
  const first = await answer(get(), long);
  assert.deepEqual([first?.block2, first?.size2, first?.payload?.length, first?.maxAge], [block(0, true, 1_024), 2_500, 1_024, 60]);
  assert.ok(first?.etag);
  const rest = [await answer(get(block(1, false, 1_024))), await answer(get(block(2, false, 1_024)))];
  assert.deepEqual(rest.map((each) => each?.block2), [block(1, true, 1_024), block(2, false, 1_024)]);
  assert.deepEqual(Uint8Array.from([first, ...rest].flatMap((each) => [...each?.payload ?? []])), filled(2_500));
  assert.ok(rest.every((each) => Buffer.from(each?.etag ?? []).equals(first.etag ?? Buffer.alloc(0))));
  assert.equal(served.length, 1);
  assert.equal((await answer(get(block(3, false, 1_024))))?.code, "4.00", "there is no such block");
});

test("each state has an ETag of its own", async () => {
  const { answer } = underTest();
  const [one, other] = [await answer(get(), long), await answer(get(), { ...long, payload: filled(2_500, 1) })];
  assert.notDeepEqual(one?.etag, other?.etag);
});

test("the peer's size is kept, also in the middle; a body that fits is not cut", async () => {
  const { answer } = underTest();
  const first = await answer(get(block(0, false, 256)), long);
  assert.deepEqual([first?.block2, first?.payload?.length], [block(0, true, 256), 256]);
  assert.deepEqual((await answer(get(block(20, false, 64))))?.payload, filled(64, 20 * 64));
  assert.equal((await answer(get(), { ...long, payload: filled(1_024) }))?.block2, undefined);
});

test("over a stream what fits into the peer's messages is sent whole", async () => {
  const whole = await underTest(16_000).answer(get(), long);
  assert.deepEqual([whole?.block2, whole?.payload?.length], [undefined, 2_500]);
  const small = await underTest(100).answer(get(), long);
  assert.deepEqual(small?.block2, block(0, true, 64));
  const asked = await underTest(16_000).answer(get(block(0, false, 512)), long);
  assert.deepEqual(asked?.block2, block(0, true, 512), "unless it asks for blocks");
});

test("a block that is asked for first is served from the state that is now, and observes nothing (RFC 7959 §2.4, §3.4)", async () => {
  const { answer, served } = underTest();
  const second = await answer({ ...get(block(1, false, 1_024)), observe: 0 }, { ...long, observe: 3 });
  assert.deepEqual([second?.block2, second?.payload, second?.observe, served[0]?.observe], [block(1, true, 1_024), filled(1_024, 1_024), undefined, undefined]);
  assert.deepEqual((await answer(get(block(2, false, 1_024))))?.etag, second?.etag, "the others from the same state");
  assert.equal(served.length, 1);
  assert.equal((await answer(get(block(1, false, 16), ["small"]), { code: "2.05", payload: filled(20) }))?.payload?.length, 4);
  assert.equal((await answer(get(block(7, false, 1_024), ["b"]), long))?.code, "4.00", "there is no such block");
  assert.equal((await answer(get(block(1, false, 1_024), ["c"]), { code: "4.04", payload: filled(9) }))?.code, "4.04");
  assert.equal((await answer(request({ block2: block(1, false, 1_024) })))?.code, "4.08", "a PUT is not made for the sake of its answer's middle");
});

test("downloads are forgotten after a while, and the oldest of too many: then the state is that of now", async () => {
  const { answer, clock, served } = underTest();
  await answer(get(), long);
  await clock.advance(61_000);
  await answer(get(block(1, false, 1_024)), long);
  assert.equal(served.length, 2);
  for (let path = 0; path < 5; path++) await answer(get(undefined, [`p${path}`]), long);
  const before = served.length;
  await answer(get(block(1, false, 1_024), ["p4"]), long);
  assert.equal(served.length, before);
  await answer(get(block(1, false, 1_024), ["p0"]), long);
  assert.equal(served.length, before + 1);
});

test("a notification that intervenes leaves the blocks that follow those of the state that the first was of; then its own follow", async () => {
  const { blockwise, answer, served } = underTest();
  const first = await answer(get(), long);
  const notified = blockwise.split(downloadKey(method.get, ["a"], []), { ...long, payload: filled(2_500, 7), observe: 4 });
  const rest = [await answer(get(block(1, false, 1_024))), await answer(get(block(2, false, 1_024)))];
  assert.deepEqual(rest.map((each) => each?.payload), [filled(1_024, 1_024), filled(452, 2_048)]);
  assert.ok(rest.every((each) => Buffer.from(each?.etag ?? []).equals(first?.etag ?? Buffer.alloc(0))));
  assert.deepEqual((await answer(get(block(2, false, 1_024))))?.etag, first?.etag, "the last block again: its answer was lost");
  const its = [await answer(get(block(1, false, 1_024))), await answer(get(block(2, false, 1_024)))];
  assert.deepEqual(its.map((each) => each?.payload), [filled(1_024, 7 + 1_024), filled(452, 7 + 2_048)]);
  assert.ok(its.every((each) => Buffer.from(each?.etag ?? []).equals(notified.etag ?? Buffer.alloc(0))));
  assert.equal(served.length, 1);
});

test("notifications have the block size of the observing GET (RFC 7959 §2.6)", () => {
  const { blockwise } = underTest();
  const notified = blockwise.split("a", { ...long, payload: filled(300), observe: 3 }, block(0, false, 128));
  assert.deepEqual([notified.block2, notified.payload?.length, notified.size2], [block(0, true, 128), 128, 300]);
});

test("BERT (RFC 8323 §6): several blocks in a message, both ways, numbered in units of 1,024", async () => {
  const bert = (number: number, more: boolean): Block => ({ number, more, size: 1_024, bert: true });
  const { answer, served } = underTest(3_000);
  assert.deepEqual(await answer(request({ block1: bert(0, true), payload: filled(4_096) })), { code: "2.31", block1: bert(0, true) });
  assert.deepEqual(await answer(request({ block1: bert(4, true), payload: filled(1_024) })), { code: "2.31", block1: bert(4, true) });
  assert.deepEqual(await answer(request({ block1: bert(5, false), payload: filled(3_000) })), { code: "2.04", block1: bert(5, false) });
  assert.equal(served[0]?.payload.length, 8_120);
  assert.equal((await answer(request({ block1: bert(0, true), payload: filled(1_500) })))?.code, "4.08", "a part of a block");
  const body = { ...long, payload: filled(5_000) };
  const parts = [await answer(get(bert(0, false)), body), await answer(get(bert(2, false))), await answer(get(bert(4, false)))];
  assert.deepEqual(parts.map((each) => each?.block2), [bert(0, true), bert(2, true), bert(4, false)]);
  assert.deepEqual(Uint8Array.from(parts.flatMap((each) => [...each?.payload ?? []])), filled(5_000));
  const tiny = await underTest(600).answer(get(bert(1, false)), body);
  assert.deepEqual(tiny?.block2, block(2, true, 512), "a peer that takes less gets less");
});

test("a notification's rest is fetched by a GET of its resource (§3.4); the silence of a handler stays silence", async () => {
  const { blockwise, answer } = underTest();
  const first = blockwise.split(downloadKey(method.get, ["a"], []), { ...long, observe: 3 });
  assert.deepEqual([first.block2, first.observe], [block(0, true, 1_024), 3]);
  assert.deepEqual((await answer(get(block(1, false, 1_024))))?.payload, filled(1_024, 1_024));
  assert.equal(await blockwise.answer(request({}), () => Promise.resolve(undefined)), undefined);
});
