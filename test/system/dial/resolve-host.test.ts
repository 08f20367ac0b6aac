import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveHost, type Lookup } from "../../../src/system/dial/resolve-host.ts";

const failed = (code: string): Promise<never> => Promise.reject(Object.assign(new Error(`getaddrinfo ${code} dots.isp.example`), { code }));
const v4 = { address: "192.0.2.1", family: 4 };
const v6 = { address: "2001:db8::1", family: 6 };

test("both families of a name, by one question; an address without any", async () => {
  const asked: unknown[] = [];
  const ask: Lookup = (host, family) => {
    asked.push([host, family]);
    return Promise.resolve([v6, v4]);
  };
  assert.deepEqual(await resolveHost("dots.isp.example", ask), [v6, v4]);
  assert.deepEqual(asked, [["dots.isp.example", 0]]);
  assert.deepEqual([await resolveHost("192.0.2.7", ask), await resolveHost("2001:db8::7", ask), asked.length], [[{ address: "192.0.2.7", family: 4 }], [{
    address: "2001:db8::7",
    family: 6,
  }], 1]);
});

test("musl, whose answer for both fails where one does: the other is had alone, without waiting for the one that is never answered", async () => {
  const silence = new Promise<never>(() => undefined);
  for (const [code, other] of [["EAI_AGAIN", () => failed("EAI_AGAIN")], ["ENOTFOUND", () => failed("ENOTFOUND")], ["EAI_AGAIN", () => silence]] as const) {
    assert.deepEqual(await resolveHost("dots.isp.example", (_, family) => (family === 0 ? failed(code) : family === 4 ? Promise.resolve([v4]) : other())), [
      v4,
    ]);
    assert.deepEqual(await resolveHost("dots.isp.example", (_, family) => (family === 0 ? failed(code) : family === 6 ? Promise.resolve([v6]) : other())), [
      v6,
    ]);
  }
});

test("a name that has neither: why, by the first answer", async () => {
  await assert.rejects(resolveHost("dots.isp.example", (_, family) => failed(family === 0 ? "EAI_AGAIN" : "ENOTFOUND")), {
    message: "the name dots.isp.example does not resolve (EAI_AGAIN)",
  });
});
