import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { NothingSent } from "../../../src/callhome-server/backoff.ts";
import { parseIpPrefix } from "../../../src/model/ip-prefix.ts";
import { openDial } from "../../../src/system/dial/dial-upstream.ts";
import { steadyClock as clock } from "../../../src/system/process/system-clock.ts";

test("a name that does not resolve has sent nothing, so that it is tried again within a minute", async () => {
  const dial = openDial({} as never, {
    host: "dots.invalid",
    serverName: "dots.invalid",
    port: 4647,
    transports: ["udp", "tcp"],
    localAddresses: () => undefined,
    clock,
    credentials: { is: "psk", identity: "cpe", key: Buffer.alloc(16) },
  });
  const events = { message: () => undefined, closed: () => undefined };
  await assert.rejects(dial({ host: "dots.invalid", addresses: [] }, events, { signal: new AbortController().signal, mitigating: false }), (error) => {
    assert.ok(error instanceof NothingSent);
    assert.match(error.message, /^the name dots\.invalid does not resolve \(E[A-Z_]+\)$/);
    return true;
  });
});

test("an alternate whose name leads to this router or into the home is not dialled", async () => {
  let knocked = 0;
  const server = createServer(() => {
    knocked++;
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const dial = openDial({} as never, {
    host: "dots.isp.example",
    serverName: "dots.isp.example",
    port: (server.address() as AddressInfo).port,
    transports: ["tcp"],
    localAddresses: () => undefined,
    clock,
    credentials: { is: "psk", identity: "cpe", key: Buffer.alloc(16) },
    inside: () => Promise.resolve([parseIpPrefix("8.8.0.0/16")].flatMap((prefix) => prefix ?? [])),
  });
  const events = { message: () => undefined, closed: () => undefined };
  for (
    const [host, ...addresses] of [["localhost"], ["0x7f000001"], ["2130706433"], ["127.1"], ["127.0.0.1"], ["alt.example", "127.0.0.1", "::1"], ["alt.example",
      "8.8.8.8"]] as const
  ) {
    await assert.rejects(dial({ host, addresses }, events, { signal: new AbortController().signal, mitigating: false }),
      /the alternate's addresses are not of the internet|does not resolve/, host);
  }
  assert.equal(knocked, 0);
  server.close();
});
