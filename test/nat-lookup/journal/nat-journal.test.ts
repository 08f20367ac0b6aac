import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Device } from "../../../src/model/device.ts";
import { findDevices, type Finding } from "../../../src/nat-lookup/find-devices.ts";
import { createNatJournal, type NatJournal } from "../../../src/nat-lookup/journal/nat-journal.ts";
import { emptyFlowLine, readFlowLine } from "../../../src/nat-lookup/conntrack/read-flow-line.ts";
import { searchJournal } from "../../../src/nat-lookup/journal/search-journal.ts";
import { asking, macs, prefixes, recordedBorders, type Words } from "../asking.ts";
import { wallInstant } from "../../../src/model/time.ts";

const began = Date.parse("2026-11-21T20:00:00Z");
const minute = 60_000;
const line = emptyFlowLine();
const home = { ...recordedBorders, outside: prefixes("203.0.113.7 2001:db8:1::/64"), wans: [], resolvers: [] };
const names = new Map([[macs.camera, "camera"], [macs.laptop, "laptop"]]);

interface Told {
  readonly event?: "NEW" | "DESTROY" | "";
  readonly from?: string;
  readonly sport?: number;
  readonly wan?: string;
  readonly wanPort: number;
  readonly to?: string;
  readonly port?: number;
  readonly id?: number;
  readonly packets?: number;
}

function tell(journal: NatJournal,
  { event = "NEW", from = "192.168.1.21", sport = 40_000, wan = "203.0.113.7", wanPort, to = "198.51.100.9", port = 443, id, packets = 0 }: Told,
  at: number): void {
  const counted = event === "NEW" ? "" : ` packets=${packets} bytes=${packets * 100}`;
  const text = `${
    event === "" ? "" : `[${event}] `
  }udp 17 30 src=${from} dst=${to} sport=${sport} dport=${port}${counted} src=${to} dst=${wan} sport=${port} dport=${wanPort}${
    id === undefined ? "" : ` id=${id}`
  }`;
  const bytes = Buffer.from(text);
  assert.ok(readFlowLine(bytes, 0, bytes.length, line), text);
  journal.record(line, wallInstant(at));
}

function play(capacity = 1024): NatJournal {
  const journal = createNatJournal(capacity);
  journal.setBorders(home);
  return journal;
}

const neighboursAt = (camera: string,
  laptop: string): { address: string; mac: string }[] => [{ address: camera, mac: macs.camera }, { address: laptop, mac: macs.laptop }];
const usual = neighboursAt("192.168.1.21", "192.168.1.22");

function find(journal: NatJournal, words: Words, now: number, neighbours = usual): Finding {
  const asked = asking({ toPorts: "443", protocols: [17], ...words });
  return findDevices(asked, searchJournal(journal, asked, { now: wallInstant(now) }).flows, {
    borders: recordedBorders,
    neighbours,
    names,
    ownerNames: new Map(),
    now: wallInstant(now),
  });
}
const brief = ({ devices }: Finding): string[] => devices.map(({ name, mac, certainty }: Device) => `${name ?? mac ?? "?"} ${certainty}`);

describe("the NAT journal", () => {
  it("names the device of a flow that ended minutes ago, with what it sent and when", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001, id: 7 }, began);
    tell(journal, { event: "DESTROY", wanPort: 14_001, id: 7, packets: 12 }, began + minute);
    const { devices: [device], witnesses, why } = find(journal, { fromPorts: "14000-14100" }, began + 5 * minute);
    assert.deepEqual([device?.mac, device?.certainty, witnesses], [macs.camera, "likely", ["journal"]]);
    assert.deepEqual(device?.evidence, { flows: 1, packets: 12, bytes: 1200, firstSeen: began, lastSeen: began + minute });
    assert.ok(why.some((reason) => reason.startsWith("journal: 1 flow, ended since,")), why.join("\n"));
  });

  it("passes over what ended too long ago", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001 }, began);
    tell(journal, { event: "DESTROY", wanPort: 14_001 }, began + minute);
    assert.deepEqual(brief(find(journal, { fromPorts: "14001" }, began + 17 * minute)), []);
  });

  it("keeps who had the address then, though the lease has changed since", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001 }, began);
    journal.identities.refresh(usual, names, wallInstant(began + 1000));
    tell(journal, { event: "DESTROY", wanPort: 14_001 }, began + minute);
    const swapped = neighboursAt("192.168.1.22", "192.168.1.21");
    journal.identities.refresh(swapped, names, wallInstant(began + 2 * minute));
    tell(journal, { wanPort: 14_002 }, began + 2 * minute + 1);
    const { devices: [device], why } = find(journal, { fromPorts: "14001" }, began + 3 * minute, swapped);
    assert.deepEqual([device?.mac, device?.name, device?.addresses], [macs.camera, "camera", ["192.168.1.22"]], "its address is another's now");
    assert.ok(why.some((reason) => reason.includes(`by now the address is that of ${macs.laptop}`)), why.join("\n"));
    assert.deepEqual(brief(find(journal, { fromPorts: "14002" }, began + 3 * minute, swapped)), ["laptop likely"]);
  });

  it("does not say who had an address between two readings of the neighbour table that differ", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001 }, began);
    journal.identities.refresh(usual, names, wallInstant(began + 1000));
    tell(journal, { wanPort: 14_002 }, began + minute);
    journal.identities.refresh(neighboursAt("192.168.1.99", "192.168.1.21"), names, wallInstant(began + 2 * minute));
    const { sighting } = searchJournal(journal, asking({ fromPorts: "14002", toPorts: "443" }), { now: wallInstant(began + 2 * minute) }).flows[0] ?? {};
    assert.equal(sighting?.mac, null);
  });

  it("names who used an outside port last", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001 }, began);
    tell(journal, { event: "DESTROY", wanPort: 14_001 }, began + 1000);
    tell(journal, { from: "192.168.1.22", wanPort: 14_001 }, began + 2000);
    assert.deepEqual(brief(find(journal, { fromPorts: "14001" }, began + 3000)), ["laptop likely"]);
  });

  it("leaves out those whose flows were over long before those of another", () => {
    const journal = play();
    tell(journal, { from: "192.168.1.22", wanPort: 14_050 }, began);
    tell(journal, { event: "DESTROY", from: "192.168.1.22", wanPort: 14_050 }, began + 1000);
    tell(journal, { wanPort: 14_001 }, began + 9 * minute);
    const finding = find(journal, { fromPorts: "14000-14100" }, began + 10 * minute);
    assert.deepEqual(brief(finding), ["camera likely"]);
    assert.ok(finding.why.some((reason) => reason.includes("ended 10 minutes ago, while others go on")), finding.why.join("\n"));
  });

  it("notices that a tuple was used anew though the end of the first use was not heard", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001, id: 1 }, began);
    tell(journal, { wanPort: 14_001, id: 2 }, began + 1000);
    tell(journal, { wanPort: 14_001, id: 2 }, began + 1001);
    const { flows } = searchJournal(journal, asking({ fromPorts: "14001", toPorts: "443" }), { now: wallInstant(began + 2000) });
    assert.deepEqual(flows.map(({ sighting }) => sighting?.endedAt), [null, began + 1000]);
  });

  it("is repaired by a listing: what it lacks is added, what is gone has ended", () => {
    const journal = play();
    tell(journal, { wanPort: 14_001, id: 1 }, began);
    tell(journal, { wanPort: 14_002, id: 2 }, began);
    const finish = journal.beginListing(wallInstant(began + minute));
    tell(journal, { event: "", wanPort: 14_002, id: 2, packets: 5 }, began + minute);
    tell(journal, { event: "", from: "192.168.1.22", wanPort: 14_003, id: 3, packets: 9 }, began + minute);
    tell(journal, { wanPort: 14_004, id: 4 }, began + minute);
    finish(true);
    const { flows } = searchJournal(journal, asking({ fromPorts: "14001-14004", toPorts: "443" }), { now: wallInstant(began + minute) });
    const told = flows.map(({ reply, sighting, originalPackets }) => [reply.dport, sighting?.endedAt, sighting?.firstSeen, originalPackets]).sort();
    assert.deepEqual(told, [[14_001, began + minute, began, 0], [14_002, null, began, 5], [14_003, null, null, 9], [14_004, null, began + minute, 0]]);
  });

  it("takes no more from a listing than it has room for, or half of itself, and says when it does not hold all", () => {
    const journal = play(64);
    const list = (...ports: readonly number[]): boolean => {
      const finish = journal.beginListing(wallInstant(began));
      for (const wanPort of ports) tell(journal, { event: "", wanPort }, began);
      finish(true);
      return journal.hasForgotten;
    };
    const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);
    assert.equal(list(...range(0, 64)), false);
    assert.equal(list(...range(0, 65)), true, "one had to go");
    assert.equal(list(...range(20, 64)), false, "a whole listing that it can hold");
    assert.equal(list(...range(100, 140)), true);
    assert.equal(searchJournal(journal, asking({}), { now: wallInstant(began) }).flows.filter(({ sighting }) => sighting?.endedAt === null).length, 32);
  });

  it("forgets the oldest, and the index with it, however often it goes round", () => {
    const journal = play(64);
    for (let round = 0; round < 1000; round += 1) {
      tell(journal, { wanPort: round % 97, sport: round, port: 443 }, began + round);
      tell(journal, { event: "DESTROY", wanPort: round % 97, sport: round, port: 443 }, began + round);
    }
    const all = searchJournal(journal, asking({}), { now: wallInstant(began + 1000) }).flows;
    assert.equal(all.length, 64);
    for (let port = 0; port < 97; port += 1) {
      const byIndex = searchJournal(journal, asking({ fromPorts: String(port), toPorts: "443" }), { now: wallInstant(began + 1000) }).flows;
      assert.equal(byIndex.length, all.filter(({ reply }) => reply.dport === port).length, `port ${port}`);
    }
    assert.equal(journal.hasForgotten, false);
    for (let port = 0; port < 65; port += 1) tell(journal, { wanPort: port + 200 }, began + 2000);
    assert.equal(journal.hasForgotten, true);
  });

  it("finds what came in through a port-forward, by the ports outside", () => {
    const journal = play();
    const text = "[NEW] udp 17 30 src=198.51.100.9 dst=203.0.113.7 sport=6000 dport=8081 src=192.168.1.21 dst=198.51.100.9 sport=81 dport=6000";
    assert.ok(readFlowLine(Buffer.from(text), 0, text.length, line));
    journal.record(line, wallInstant(began));
    assert.deepEqual(brief(find(journal, { fromPorts: "8081", toPorts: "6000" }, began)), ["camera likely"]);
    assert.deepEqual(brief(find(journal, { fromPorts: "81", toPorts: "6000" }, began)), []);
  });

  it("keeps IPv6 flows apart by address, also after more addresses than it can hold", () => {
    const journal = play(65_536);
    const v6 = (at: number): void => {
      tell(journal, { from: "2001:db8:1::21", wan: "2001:db8:1::21", wanPort: 40_000, to: `2001:db8:c000::${at.toString(16)}`, port: 443 }, began);
    };
    for (let at = 1; at <= 20_000; at += 1) v6(at);
    const finding = (at: number): string[] =>
      brief(find(journal, { from: "2001:db8:1::21", to: `2001:db8:c000::${at.toString(16)}` }, began, [{ address: "2001:db8:1::21", mac: macs.camera }]));
    assert.deepEqual(finding(19_999), ["camera likely"]);
    const wide = searchJournal(journal, asking({ from: "2001:db8:1::/64", to: "2001:db8:c000::/64" }), { now: wallInstant(began) });
    assert.ok(wide.count > 8_000 && wide.count < 8_192, String(wide.count));
    assert.ok(wide.flows.length <= 1024);
  });

  it("answers the same by its index as by walking", () => {
    const journal = play(4096);
    for (let at = 0; at < 3000; at += 1)
      tell(journal, { from: `192.168.1.${21 + at % 2}`, wanPort: 1024 + at % 500, sport: at, to: `198.51.100.${9 + at % 3}` }, began + at);
    const asked = asking({ fromPorts: "1024-1100", toPorts: "443", to: "198.51.100.9 198.51.100.10", protocols: [17] });
    const byIndex = searchJournal(journal, asked, { now: wallInstant(began + 3000) });
    const walked = searchJournal(journal, asked, { now: wallInstant(began + 3000), nearMisses: 1 });
    assert.ok(byIndex.count > 100);
    assert.equal(byIndex.count, walked.count);
  });

  it("takes at most 4 MB", () => {
    const { bytesHeld } = createNatJournal();
    assert.ok(bytesHeld <= 4 * 1024 * 1024, String(bytesHeld));
  });
});

describe("whose the addresses were", () => {
  it("is kept for 2,048 addresses, however many a device makes up, and room is made when their flows are gone", () => {
    const journal = play(4096);
    for (let at = 0; at < 4000; at += 1) tell(journal, { from: `10.9.${at >> 8}.${at & 255}`, wanPort: at }, began);
    assert.equal(journal.identities.size, 2048);
    assert.equal(journal.identities.unknown(16).length, 16);
    for (let at = 0; at < 4096; at += 1) tell(journal, { wanPort: at }, began + 1000);
    journal.identities.refresh(usual, names, wallInstant(began + 2000));
    assert.equal(journal.identities.size, 0, "the camera's came while there was no room");
    tell(journal, { wanPort: 1, sport: 9 }, began + 3000);
    journal.identities.refresh(usual, names, wallInstant(began + 4000));
    assert.deepEqual(brief(find(journal, { fromPorts: "1" }, began + 5000)), ["camera likely"]);
  });
});
