import assert from "node:assert/strict";
import { test } from "node:test";
import type { OfferOn } from "../../src/callhome-server/discovery/discover.ts";
import type { UpstreamConfig } from "../../src/config/upstream-config.ts";
import { openDiscovery, type Discovery } from "../../src/daemon/open-discovery.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";
import { prefixes } from "../nat-lookup/asking.ts";

const config: UpstreamConfig = {
  name: "isp",
  host: null,
  port: 4647,
  transport: "udp",
  serverName: null,
  bindDevice: null,
  discover: true,
  auth: { is: "psk", identity: "cpe", pskFile: "/x" },
};
const says = (address: string): readonly OfferOn[] => [{ device: "wan", name: null, addresses: [address] }];

interface Under {
  readonly discovery: Discovery;
  readonly clock: FakeClock;
  readonly moved: string[];
  readonly log: string[];
  offers: readonly OfferOn[];
  write(next: readonly OfferOn[]): void;
  wans: readonly string[];
}

function under(): Under {
  const clock = fakeClock();
  let written: () => void = () => undefined;
  const it: Under = {
    clock,
    moved: [],
    log: [],
    offers: says("203.0.113.1"),
    wans: ["wan"],
    write(next) {
      it.offers = next;
      written();
    },
    discovery: openDiscovery({
      router: {
        steadyClock: clock.steady,
        random: () => 0,
        dhcpOffers: {
          read: () => Promise.resolve(it.offers),
          follow(changed) {
            written = changed;
            return () => {
              written = () => undefined;
            };
          },
        },
      },
      log: (level, line) => {
        it.log.push(`${level}: ${line}`);
      },
      wanDevices: () => Promise.resolve(it.wans),
      inside: () => Promise.resolve(prefixes("192.168.1.0/24")),
      changed: (name) => {
        it.moved.push(name);
      },
    }),
  };
  return it;
}
const dial = async ({ discovery }: Under): Promise<string[]> =>
  (await discovery.finderFor(config)(new AbortController().signal)).map(({ address, serverName, device }) =>
    `${address} ${serverName}${device === undefined ? "" : ` by ${device}`}`
  );

test("a lease that says the same, or that is lost and got again, is no news; one that says something else is, once", async () => {
  const it = under();
  assert.deepEqual(await dial(it), ["203.0.113.1 203.0.113.1"]);
  it.write(says("203.0.113.1"));
  await it.clock.advance(1_000);
  it.write([]);
  await it.clock.advance(500);
  it.write(says("203.0.113.1"));
  await it.clock.advance(10_000);
  assert.deepEqual(it.moved, []);
  it.write(says("203.0.113.2"));
  it.write(says("203.0.113.2"));
  await it.clock.advance(1_000);
  it.write(says("203.0.113.2"));
  await it.clock.advance(10_000);
  assert.deepEqual(it.moved, ["isp"]);
  assert.deepEqual(await dial(it), ["203.0.113.2 203.0.113.2"]);
});

test("one that is withdrawn is news; of an upstream that is dialled no more, nothing is", async () => {
  const it = under();
  await dial(it);
  it.write([]);
  await it.clock.advance(1_000);
  assert.deepEqual(it.moved, ["isp"]);
  it.discovery.forget("isp");
  it.write(says("203.0.113.1"));
  await it.clock.advance(1_000);
  assert.deepEqual(it.moved, ["isp"]);
  it.discovery.stop();
  assert.equal(it.clock.waiting(), 0);
});

test("of several WANs, it is dialled by the one that said so; never into the home", async () => {
  const it = under();
  it.wans = ["wan", "wan2"];
  assert.deepEqual(await dial(it), ["203.0.113.1 203.0.113.1 by wan"]);
  it.offers = says("192.168.1.7");
  await assert.rejects(dial(it), /none of the addresses that were discovered is one to dial/);
});
