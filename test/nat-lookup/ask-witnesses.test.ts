import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Flow, FlowSighting, LookupDepth } from "../../src/model/flow.ts";
import { askWitnesses, type Witnesses } from "../../src/nat-lookup/ask-witnesses.ts";
import { asking, flow } from "./asking.ts";
import { wallInstant } from "../../src/model/time.ts";

const sighting: FlowSighting = { opener: "device", firstSeen: wallInstant(1000), endedAt: null, mac: "02:00:00:00:0a:01", name: null, isListed: false };
const listed = (address: string, port: number, packets = 5): Flow =>
  flow(
    `udp 17 30 src=${address} dst=198.51.100.9 sport=40000 dport=443 packets=${packets} bytes=500 src=198.51.100.9 dst=203.0.113.7 sport=443 dport=${port} packets=0 bytes=0`,
  );
const remembered = (address: string, port: number, more: Partial<FlowSighting> = {}): Flow => {
  const { original, ...rest } = listed(address, port, 0);
  return { ...rest, original: { src: original.src, dst: original.dst }, sighting: { ...sighting, ...more } };
};

interface Playing {
  readonly journal?: readonly Flow[];
  readonly vouches?: boolean;
  readonly table?: readonly Flow[] | Error;
}

async function ask({ journal = [], vouches = true, table = [] }: Playing, depth: LookupDepth = "quick"): Promise<{ flows: readonly Flow[]; asked: boolean }> {
  let hasAsked = false;
  const witnesses: Witnesses = {
    journal: { search: () => ({ flows: journal, count: journal.length }), vouches: () => vouches },
    table: () => {
      hasAsked = true;
      return table instanceof Error ? Promise.reject(table) : Promise.resolve(table);
    },
  };
  return { flows: await askWitnesses(asking(), witnesses, depth), asked: hasAsked };
}

const camera = "192.168.1.21";
const one = [remembered(camera, 14_001), remembered(camera, 14_002)];

describe("askWitnesses", () => {
  it("leaves the table alone where the journal knows, and where it knows that there is nothing", async () => {
    assert.deepEqual(await ask({ journal: one }), { flows: one, asked: false });
    assert.deepEqual(await ask({}), { flows: [], asked: false });
  });
  it("asks the table too", async () => {
    assert.equal((await ask({ journal: one, vouches: false })).asked, true, "if the journal has missed something");
    assert.equal((await ask({ journal: one }, "counters")).asked, true, "for the counters of living flows");
    assert.equal((await ask({ journal: [...one, remembered("192.168.1.22", 14_003)] })).asked, true, "to rank several devices");
    assert.equal((await ask({ journal: one }, "explain")).asked, true, "to explain");
  });
  it("joins what both know of a flow", async () => {
    const ended = remembered(camera, 14_005, { endedAt: wallInstant(2000) });
    const { flows } = await ask({ journal: [remembered(camera, 14_001), ended], table: [listed(camera, 14_001), listed(camera, 14_009)] }, "explain");
    assert.deepEqual(flows.map(({ reply, originalPackets, sighting: seen }) => [reply.dport, originalPackets, seen?.isListed ?? null, seen?.firstSeen ?? null]),
      [
        [14_001, 5, true, 1000],
        [14_009, 5, null, null],
        [14_005, 0, false, 1000],
      ]);
  });
  it("is content with the journal if the table cannot be read", async () => {
    assert.deepEqual((await ask({ journal: one, vouches: false, table: new Error("conntrack is not installed") })).flows, one);
    await assert.rejects(ask({ vouches: false, table: new Error("conntrack is not installed") }), /not installed/);
  });
});
