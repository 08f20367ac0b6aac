import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoapResponse } from "../../../src/callhome-server/coap/request.ts";
import { optionNumber, uintOption } from "../../../src/callhome-server/coap/options.ts";
import { encodeDatagram, type CoapCode } from "../../../src/callhome-server/coap/message.ts";
import { dropping, ended, pending, requested, terminating } from "../../policy/samples.ts";
import { bytes, cbor, decoded, leastScope, mitigation, plain, request, text, type Words } from "../wire.ts";
import { fakeService, type FakeService } from "./fake-service.ts";

const dots = ".well-known/dots";
const mine = `${dots}/mitigate/cuid=dz6pHjaADkaFTbjr0JGBpw`;
const put = mitigation(leastScope);
const heartbeat = cbor({ 49: { 51: true } });
const config = cbor({ 30: { 32: { 33: { 36: 60 } } } });
const redirect = cbor({ 46: { 32773: "alt.example" } });

async function answer(code: CoapCode, path: string, words: Words = {}, fake: FakeService = fakeService()): Promise<CoapResponse> {
  const response = await fake.serve(request(code, path, words));
  assert.ok(response, "no answer");
  return response;
}
const diagnostic = (response: CoapResponse): string => text(response.payload ?? bytes(""));

/** Each operation with each method: a body that would do, and the code. */
const bodies = { mitigate: put, config, hb: heartbeat, redirect } as const;
const paths = { mitigate: `${mine}/mid=56`, config: `${dots}/config/sid=7`, hb: `${dots}/hb`, redirect: `${dots}/redirect` } as const;
const methods: Readonly<Record<string, CoapCode>> = {
  GET: "0.01",
  POST: "0.02",
  PUT: "0.03",
  DELETE: "0.04",
  FETCH: "0.05",
  PATCH: "0.06",
  iPATCH: "0.07",
  unknown: "0.31",
};
const served: Readonly<Record<keyof typeof bodies, Readonly<Record<string, CoapCode>>>> = {
  mitigate: { GET: "4.04", PUT: "2.01", DELETE: "2.02" },
  config: { GET: "4.04", PUT: "2.01", DELETE: "2.02" },
  hb: { PUT: "2.04" },
  redirect: { PUT: "2.01" },
};
for (const operation of ["mitigate", "config", "hb", "redirect"] as const) {
  for (const [name, code] of Object.entries(methods)) {
    const expected = served[operation][name] ?? "4.05";
    test(`${name} ${operation}: ${expected}`, async () => {
      const response = await answer(code, paths[operation], name === "GET" || name === "DELETE" ? {} : { payload: bodies[operation] });
      assert.equal(response.code, expected);
      if (expected.startsWith("4")) assert.ok(diagnostic(response).length > 0, "an error has a diagnostic text");
    });
  }
  for (const format of [0, 50, 60, 272]) {
    test(`4.15: PUT ${operation} with Content-Format ${format}`, async () => {
      assert.equal((await answer("0.03", paths[operation], { payload: bodies[operation], format })).code, "4.15");
    });
  }
  test(`PUT ${operation} without Content-Format is read as DOTS; with 271 it is said`, async () => {
    const untold = fakeService();
    const response = await untold.serve(request("0.03", paths[operation], { payload: bodies[operation], options: [] }));
    assert.match(response?.code ?? "", /^2/);
  });
  test(`4.06: ${operation} with another Accept`, async () => {
    assert.equal((await answer("0.03", paths[operation], { payload: bodies[operation], options: [uintOption(17, 60)] })).code, "4.06");
    assert.match((await answer("0.03", paths[operation], { payload: bodies[operation], options: [uintOption(17, 271)] })).code, /^2/);
  });
  test(`4.02: ${operation} with an unknown critical option`, async () => {
    assert.equal((await answer("0.03", paths[operation], { payload: bodies[operation], options: [uintOption(9, 0)] })).code, "4.02");
  });
  for (const payload of ["", "ff", "a0", "a1186301", "80"]) {
    test(`4.00: PUT ${operation} with the body '${payload}'`, async () => {
      const response = await answer("0.03", paths[operation], { payload: bytes(payload) });
      assert.equal(response.code, "4.00");
      assert.ok(diagnostic(response).length > 0);
    });
  }
}

for (const path of ["", ".well-known/core", dots, `${dots}/tm`, `${dots}/mitigation`, "x"]) {
  test(`4.04: /${path}`, async () => {
    assert.equal((await answer("0.01", path)).code, "4.04");
  });
}

const incomplete: readonly [method: string, path: string][] = [
  ["PUT", `${dots}/mitigate`],
  ["PUT", mine],
  ["PUT", `${dots}/mitigate/mid=1`],
  ["GET", `${dots}/mitigate`],
  ["DELETE", `${dots}/mitigate`],
  ["DELETE", mine],
  ["PUT", `${dots}/config`],
  ["PUT", `${dots}/hb/cuid=x`],
  ["GET", `${mine}/mid=`],
  ["PUT", `${mine}/mid=1/x=2`],
];
for (const [name, path] of incomplete) {
  test(`4.00: ${name} /${path}`, async () => {
    assert.equal((await answer(methods[name] ?? "0.01", path, name === "PUT" ? { payload: put } : {})).code, "4.00");
  });
}

test("PUT mitigate: what the service decides is what is answered", async () => {
  const fake = fakeService();
  const ask = (words: Words = {}): Promise<CoapResponse | undefined> => fake.serve(request("0.03", `${mine}/mid=56`, { payload: put, ...words }));
  const created = await ask();
  assert.deepEqual([created?.code, created?.contentFormat, plain(created?.payload ?? bytes(""))], ["2.01", 271, { 1: { 2: [{ 5: 56, 14: 3600, 16: 1 }] } }]);
  fake.admission = { is: "refreshed", mitigation: pending };
  fake.mitigations = [pending];
  assert.deepEqual([(await ask({ ifMatch: true }))?.code, fake.asked.map(({ ifMatch }) => ifMatch)], ["2.04", [false, true]]);
  fake.admission = { is: "ignored" };
  assert.equal(await ask(), undefined);
  fake.admission = { is: "refused", refusal: { code: "4.00", diagnostic: "source-prefix is not ours" } };
  assert.equal(diagnostic(await ask() ?? { code: "2.05" }), "source-prefix is not ours");
  fake.admission = { is: "refused", refusal: { code: "4.09", conflict: { cause: 4 } } };
  const conflict = await ask();
  assert.deepEqual([conflict?.code, conflict?.contentFormat, plain(conflict?.payload ?? bytes(""))], ["4.09", 271, { 1: { 2: [{ 17: { 19: 4 } }] } }]);
  fake.admission = { is: "refused", refusal: { code: "5.03", diagnostic: "too many mitigations", retryAfter: 60 } };
  const busy = await ask();
  assert.deepEqual([busy?.code, busy?.maxAge, diagnostic(busy ?? { code: "2.05" })], ["5.03", 60, "too many mitigations"]);
});

test("PUT mitigate with If-Match and without a match: silence, whatever else is wrong with it (§4.4.3)", async () => {
  const foreign = mitigation({ ...leastScope, 32768: ["192.0.2.1/32"] });
  for (const known of [[], [ended], [terminating], [{ ...pending, request: requested({ mid: 57 }) }], [{ ...pending, request: requested({ cuid: "else" }) }]]) {
    for (const payload of [put, foreign, bytes("a0"), bytes("")]) {
      const fake = fakeService();
      fake.mitigations = known;
      assert.equal(await fake.serve(request("0.03", `${mine}/mid=56`, { payload, ifMatch: true, format: 271 })), undefined);
      assert.deepEqual(fake.asked, []);
    }
  }
});

test("PUT mitigate with an If-Match that is not empty: it never matches, for a mitigation has no tag", async () => {
  const fake = fakeService();
  fake.mitigations = [pending];
  const tag = { number: optionNumber.ifMatch, value: bytes("01") };
  assert.equal(await fake.serve(request("0.03", `${mine}/mid=56`, { payload: put, options: [tag] })), undefined);
  assert.equal((await fake.serve(request("0.03", `${mine}/mid=56`, { payload: put, options: [{ ...tag, value: bytes("") }, tag] })))?.code, "2.01",
    "one of several that matches is enough (RFC 7252 §5.10.8)");
});

test("GET mitigate: a request that was refused does not hide the one that runs under its mid", async () => {
  const fake = fakeService();
  fake.mitigations = [terminating, { ...ended, id: 18, outcome: "rejected", status: 7 }];
  const response = await answer("0.01", `${mine}/mid=56`, { query: ["c=n"] }, fake);
  assert.equal((plain(response.payload ?? bytes("")) as { 1: { 2: [{ 16: number }] } })[1][2][0][16], 5);
});

test("GET mitigate: one, all, none, of another client, of another upstream", async () => {
  const fake = fakeService();
  const mids = async (path: string): Promise<unknown> => {
    const response = await answer("0.01", path, {}, fake);
    return response.code === "2.05" ? (plain(response.payload ?? bytes("")) as { 1: { 2: { 5: number }[] } })[1][2].map((each) => each[5]) : response.code;
  };
  fake.mitigations = [pending, { ...dropping, id: 18, request: requested({ mid: 60 }) }, {
    ...pending,
    id: 19,
    request: requested({ upstream: "other", mid: 61 }),
  }];
  assert.deepEqual(await mids(mine), [56, 60]);
  assert.deepEqual(await mids(`${mine}/mid=60`), [60]);
  for (const path of [`${mine}/mid=61`, `${dots}/mitigate/cuid=else`]) assert.equal(await mids(path), "4.04");
});

test("without Content-Format a body is read as DOTS (§9 knows 4.15 only where the option is used)", async () => {
  const { options, ...message } = decoded(request("0.03", `${mine}/mid=56`, { payload: mitigation(leastScope) }));
  const bare = encodeDatagram({ ...message, options: options.filter(({ number }) => number !== optionNumber.contentFormat) });
  assert.equal((await fakeService().serve(bare))?.code, "2.01");
});

test("GET mitigate: of a mid that came twice the latest, and nothing that was overridden (§4.4.1.3)", async () => {
  const fake = fakeService();
  fake.mitigations = [{ ...pending, id: 19 }, ended, { ...ended, id: 18, outcome: "overridden", request: requested({ mid: 57 }) }];
  const response = await answer("0.01", mine, { query: ["c=n"] }, fake);
  assert.deepEqual(plain(response.payload ?? bytes("")), { 1: { 2: [{ 5: 56, 14: 3600, 16: 1 }] } });
  assert.equal((await answer("0.01", `${mine}/mid=57`, {}, fake)).code, "4.04");
});

for (
  const [query, expected] of [[["c=c"], "2.05"], [["c=n"], "2.05"], [["c=a"], "2.05"], [["x=1"], "2.05"], [["c=x"], "4.00"], [["c="], "4.00"], [["c=a", "c=n"],
    "4.00"]] as const
) {
  test(`GET mitigate?${query.join("&")}: ${expected}`, async () => {
    const fake = fakeService();
    fake.mitigations = [pending];
    assert.equal((await answer("0.01", mine, { query }, fake)).code, expected);
  });
}

test("observing a mitigation: registered, told, deregistered", async () => {
  const fake = fakeService();
  fake.mitigations = [pending];
  assert.equal((await answer("0.01", `${mine}/mid=56`, { observe: 0, token: "0a" }, fake)).observe, 1);
  fake.mitigations = [dropping];
  fake.observers.changed((resource) => resource === "mitigate/dz6pHjaADkaFTbjr0JGBpw/mid=56");
  assert.deepEqual(fake.notified.map(({ code, observe }) => [code, observe]), [["2.05", 2]]);
  const removed = await answer("0.01", `${mine}/mid=56`, { observe: 1, token: "0a" }, fake);
  assert.deepEqual([removed.code, removed.observe], ["2.05", undefined]);
  fake.clock.skip(10_000);
  fake.observers.changed(() => true);
  assert.equal(fake.notified.length, 1);
});

test("observing one that ends: a last notification; that is overridden: a last 4.04; all: it goes on", async () => {
  const last = async (path: string, next: typeof ended): Promise<(string | undefined)[]> => {
    const fake = fakeService();
    fake.mitigations = [pending];
    await answer("0.01", path, { observe: 0 }, fake);
    fake.mitigations = [next];
    for (let change = 0; change < 3; change++) {
      fake.observers.changed(() => true);
      fake.clock.skip(3_000);
    }
    return fake.notified.map(({ code }) => code);
  };
  assert.deepEqual(await last(`${mine}/mid=56`, ended), ["2.05"]);
  assert.deepEqual(await last(`${mine}/mid=56`, { ...ended, outcome: "overridden" }), ["4.04"]);
  assert.deepEqual(await last(mine, ended), ["2.05", "2.05", "2.05"]);
});

test("observing what is not there, or the 17th: an answer without Observe", async () => {
  const fake = fakeService();
  assert.equal((await answer("0.01", `${mine}/mid=56`, { observe: 0 }, fake)).code, "4.04");
  fake.mitigations = [pending];
  for (let token = 1; token <= 17; token++) {
    const { observe } = await answer("0.01", mine, { observe: 0, token: token.toString(16).padStart(2, "0") }, fake);
    assert.equal(observe, token <= 16 ? 1 : undefined);
  }
});

test("DELETE mitigate: 2.02 without a body, whether there is one or not", async () => {
  const fake = fakeService();
  assert.deepEqual(await answer("0.04", `${mine}/mid=56`, {}, fake), { code: "2.02" });
  assert.deepEqual(fake.withdrawn, ["isp dz6pHjaADkaFTbjr0JGBpw 56"]);
});

test("config: sid, created, changed, overridden, refused, deleted", async () => {
  const fake = fakeService();
  const code = async (name: string, path: string): Promise<CoapCode> =>
    (await answer(methods[name] ?? "0.01", `${dots}/${path}`, name === "PUT" ? { payload: config } : {}, fake)).code;
  const steps: readonly [name: string, path: string, code: CoapCode, sid: number | null][] = [
    ["GET", "config", "2.05", null],
    ["GET", "config/sid=5", "4.04", null],
    ["PUT", "config/sid=5", "2.01", 5],
    ["PUT", "config/sid=5", "2.04", 5],
    ["GET", "config/sid=5", "2.05", 5],
    ["PUT", "config/sid=4", "4.00", 5],
    ["PUT", "config/sid=6", "2.01", 6],
    ["GET", "config/sid=5", "4.04", 6],
    ["DELETE", "config/sid=5", "2.02", 6],
    ["DELETE", "config/sid=6", "2.02", null],
    ["PUT", "config/sid=1", "2.01", 1],
    ["DELETE", "config", "2.02", null],
  ];
  for (const [name, path, expected, sid] of steps) {
    assert.equal(await code(name, path), expected, `${name} ${path}`);
    assert.equal(fake.config().sid, sid, `${name} ${path}`);
  }
});

test("GET config: a validity that spares the upstream its questions (§4.5.3), and Observe", async () => {
  const fake = fakeService();
  const response = await answer("0.01", `${dots}/config`, { observe: 0 }, fake);
  assert.deepEqual([response.contentFormat, response.maxAge, response.observe], [271, 3_600, 1]);
  fake.observers.changed((resource) => resource === "config");
  assert.deepEqual(fake.notified.map(({ code, maxAge }) => [code, maxAge]), [["2.05", 3_600]]);
});

test("hb: peer-hb-status is heard, the answer is empty", async () => {
  const fake = fakeService();
  assert.deepEqual(await answer("0.03", `${dots}/hb`, { payload: heartbeat }, fake), { code: "2.04" });
  await answer("0.03", `${dots}/hb`, { payload: cbor({ 49: { 51: false } }) }, fake);
  assert.deepEqual(fake.heard, [true, false]);
});

const redirects: readonly [what: string, body: object, code: CoapCode][] = [
  ["a name alone", { 32773: "alt.example" }, "2.01"],
  ["figure 9", { 32773: "alt-call-home-client.example", 32774: ["2001:db8:6401::1", "2001:db8:6401::2"], 32775: 600 }, "2.01"],
  ["no name", { 32774: ["2001:db8::1"] }, "4.00"],
  ["an empty name", { 32773: "" }, "4.00"],
  ["a name with spaces", { 32773: "alt example" }, "4.00"],
  ["a name with a label of 64", { 32773: `${"a".repeat(64)}.example` }, "4.00"],
  ["a path", { 32773: "../../etc" }, "4.00"],
  ["this router", { 32773: "localhost" }, "4.00"],
  ["a name of the LAN", { 32773: "nas.lan" }, "4.00"],
  ["an address in disguise", { 32773: "0x7f000001" }, "4.00"],
  ["an address that is none", { 32773: "alt.example", 32774: ["2001:db8::/64"] }, "4.00"],
  ["alt-server, which call home forbids", { 47: "alt.example" }, "4.00"],
];
for (const [what, body, code] of redirects) {
  test(`redirect: ${what}: ${code}`, async () => {
    const fake = fakeService();
    assert.equal((await answer("0.03", `${dots}/redirect/cuid=dz6p/mid=123`, { payload: cbor({ 46: body }) }, fake)).code, code);
    assert.equal(fake.redirected.length, code === "2.01" ? 1 : 0);
  });
}

test("redirect: the dot at the end of a name is left out, as no certificate has it", async () => {
  const fake = fakeService();
  assert.equal((await answer("0.03", `${dots}/redirect/cuid=dz6p/mid=123`, { payload: cbor({ 46: { 32773: "alt.example." } }) }, fake)).code, "2.01");
  assert.deepEqual(fake.redirected.map(({ client }) => client), ["alt.example"]);
});

test("a redirection that cannot be served: 4.00 with the reason", async () => {
  const fake = fakeService();
  fake.refusedRedirect = "redirection loop";
  const response = await answer("0.03", `${dots}/redirect`, { payload: redirect }, fake);
  assert.deepEqual([response.code, diagnostic(response)], ["4.00", "redirection loop"]);
});
