import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { TrafficView } from "../../src/operator/describe-traffic.ts";
import { pageModules } from "./page-modules.ts";
import { kitchenCamera, question } from "./scripted-home.ts";

const { words, things } = pageModules();
const now = "2026-11-21T12:40:00.000Z";
const evidence = { flows: 1, packets: 9_900, bytes: 1, first_seen: "2026-11-21T12:33:20.000Z", last_seen: "2026-11-21T12:35:00.000Z" };
const camera = { ...kitchenCamera, evidence };
const running: TrafficView = { id: 1, is_sending: true, sent: 1_240, passed: 1_240, last_sent_at: now, paused_at: null, samples: [] };
type Seen = Partial<MitigationView> & { readonly traffic?: TrafficView };

interface Thing {
  readonly kind: string;
  readonly devices: string;
  readonly group: readonly MitigationView[];
}
const thingsOf = (...mitigations: readonly Seen[]): Thing[] =>
  things["thingsOf"]?.(mitigations.map((each, at) => ({ ...question(at + 1), devices: [camera], ...each })), now) as Thing[];
const said = (mitigation: Seen): Record<"title" | "plea" | "figures" | "until", string> => {
  const [thing] = thingsOf(mitigation);
  const say = (what: string): string => words[what]?.(thing) as string;
  return {
    title: say("title"),
    plea: say("plea"),
    figures: say("figures").replace(/ at \d\d:\d\d/g, " at HH:MM").replace(/until \d\d\/\S+ \S+\.$/, "until THEN."),
    until: say("until").replace(/ \d\d.*\./, " THEN."),
  };
};

describe("what the page says", () => {
  it("uses the present tense for what goes on, and the past with its time for what was", () => {
    assert.match(said({ traffic: running }).figures, /^It has been sending 1,240 packets a second to 198\.51\.100\.9 \(web, port 443\) for 7 minutes\.$/);
    assert.equal(said({ traffic: running }).title, "Kitchen camera is attacking a stranger");
    const stopped = said({ traffic: { ...running, is_sending: false, sent: 0, passed: 0 } });
    assert.match(stopped.figures, /^It stopped by itself at .*\. Until then it sent to 198\.51\.100\.9/);
    assert.equal(stopped.title, "Kitchen camera has attacked a stranger");
    assert.match(said({ traffic: { ...running, paused_at: "2026-11-21T12:36:00.000Z" } }).figures,
      /^It sends again, after it had stopped at .*: 1,240 packets a second to /);
    assert.match(said({}).figures, /^It sent 99 packets a second to 198\.51\.100\.9 \(web, port 443\), for 2 minutes, until .*\.$/,
      "nobody has counted: what was seen, and when");
    assert.equal(said({}).title, "Kitchen camera has attacked a stranger");
  });

  it("does not call in force what is not", () => {
    const found = { state: "active", action: "quarantine", status: 2 } as const;
    assert.deepEqual([said({ ...found, devices: [] }).title, said({ ...found, in_force: false }).title, said({ ...found, acts_as: "block" }).title,
      said(found).title], ["Waiting for the device to be found", "Kitchen camera is not blocked yet",
      "Kitchen camera can no longer reach 198.51.100.9 (web, port 443)", "Kitchen camera is cut off completely"]);
    assert.equal(said({ ...found, acts_as: "block" }).plea, "It is cut off completely as soon as its packets are seen.");
  });

  it("says what a block does to what is still sent", () => {
    const holding = { state: "active", status: 2, dropped: { packets: 74_511, bytes: 1 } } as const;
    assert.equal(said({ ...holding, traffic: { ...running, passed: 0 } }).figures,
      "74,511 packets stopped so far. It still sends 1,240 packets a second, and none gets through.");
    assert.match(said({ ...holding, action: "limit", traffic: { ...running, passed: 10 } }).figures, /and 10 of them get through\.$/);
  });

  for (
    const [why, title, plea] of [
      ["denied", /^You let Kitchen camera send to 198\.51\.100\.9/, /^You said that this is not an attack\. .* still asks/],
      ["undone", /^You let/, /^You undid the block\. .* still asks/],
      ["unanswered", /^Kitchen camera may go on sending to/, /^Nobody answered in time/],
      ["never", /^You let/, /^You chose never to be asked/],
      ["protected", /^You let/, /“Never block”/],
    ] as const
  )
    it(`says of what is left alone that it is, and why: ${why}`, () => {
      const what = said({ state: "ended", outcome: "denied", left_alone: { why, until: "2026-11-21T13:35:00.000Z" }, traffic: running });
      assert.match(what.title, title);
      assert.match(what.plea, plea);
      assert.match(what.figures, /^It has been sending/);
    });

  it("says what the provider knows of the attack, and nothing that reorders the page", () => {
    const attack = {
      vendor_id: 1,
      attack_id: 1,
      description: "DNS amplification\u202e",
      severity: "high",
      started_at: null,
      ended_at: null,
      talkers: [],
    } as const;
    const [thing] = thingsOf({
      report: { attacks: [{ ...attack, description: "noise", severity: "low" }, attack], bits_per_second: 1.2e9, packets_per_second: null },
    });
    assert.equal(words["report"]?.(thing?.group[0]), "Your provider reports: DNS amplification, severe, 1.2 Gbit/s at the target.");
    assert.equal(words["report"](question(1)), "");
  });

  it("names the device whose address was forged", () => {
    const [thing] = thingsOf({ devices: [{ ...camera, instead_of: { mac: "00:1d:c0:4f:7a:99", name: "Annas laptop", address: "192.168.1.7" } }] });
    assert.equal(words["forgery"]?.(thing?.group[0]), "The packets carry the address 192.168.1.7 of Annas laptop, but come from Kitchen camera.");
  });
});

describe("one card for one thing", () => {
  it("joins requests about the same devices in the same state, questions first", () => {
    const laptop = { ...camera, mac: "00:1d:c0:4f:7a:99" };
    const found = thingsOf({ state: "active", status: 2 }, {}, {}, { devices: [laptop] }, { state: "ended", outcome: "denied" }, {
      state: "active",
      action: "observe",
    }, { state: "ended", outcome: "released", left_alone: { why: "undone", until: null } });
    assert.deepEqual(found.map(({ kind, group }) => [kind, ...group.map(({ id }) => id)]), [["asks", 2, 3], ["asks", 4], ["alone", 7], ["watched", 6], ["holds",
      1]]);
  });

  it("draws what was sent before and after the decision, of all requests together", () => {
    const [thing] = thingsOf({ traffic: { ...running, samples: [[10, 100, 100], [5, 100, 100], [0, 90, 0]] } }, {
      traffic: { ...running, id: 2, samples: [[5, 20, 20], [0, 20, 0]] },
    });
    assert.deepEqual(things["curveOf"]?.(thing?.group), [
      { age: 15, sent: 100, passed: 100 },
      { age: 10, sent: 120, passed: 120 },
      { age: 5, sent: 120, passed: 120 },
      { age: 0, sent: 110, passed: 0 },
    ]);
  });
});

describe("spans of time", () => {
  const { load, baseclass } = pageModules();
  const units = load("units", { baseclass, N_: (n: number, one: string, many: string) => (n === 1 ? one : many) });
  for (
    const [seconds, words] of [[900, "15 minutes"], [60, "1 minute"], [3600, "1 hour"], [86_400, "1 day"], [90, "90 seconds"], [0, "0 seconds"], [5400,
      "90 minutes"]] as const
  ) {
    it(`are written and read in words: ${words}`, () => {
      assert.deepEqual([units["inWords"]?.(seconds), units["toSeconds"]?.(words)], [words, seconds]);
    });
  }
  for (
    const [words, seconds] of [["900", 900], ["15 min", 900], ["2h", 7200], ["1 hours", 3600], [" 3  Days ", 259_200], ["soon", null], ["15 parsecs", null], [
      "-5",
      null,
    ], ["", null]] as const
  ) {
    it(`are read as they are meant: “${words}”`, () => {
      assert.equal(units["toSeconds"]?.(words), seconds);
    });
  }
});
