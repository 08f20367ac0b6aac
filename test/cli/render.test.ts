import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseArguments, type CallCommand } from "../../src/cli/parse-arguments.ts";
import { render } from "../../src/cli/render.ts";
import { alignColumns, displayWidth } from "../../src/cli/table.ts";
import { formatBytes, formatCount, formatDuration, formatUntil } from "../../src/cli/words.ts";
import type { Device } from "../../src/model/device.ts";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { describeDevice, type KnownDevice } from "../../src/operator/describe-device.ts";
import { describeHistory } from "../../src/operator/describe-history.ts";
import type { HistoryEntry } from "../../src/model/history.ts";
import { describeLookup } from "../../src/operator/describe-lookup.ts";
import { describeMitigation } from "../../src/operator/describe-mitigation.ts";
import { describeStatus, type ShownUpstream } from "../../src/operator/describe-status.ts";
import { requestedAt, sampleMitigation } from "../operator/sample-mitigation.ts";
import { seconds, wallInstant } from "../../src/model/time.ts";

const now = requestedAt + 120_000;

function call(line: string): CallCommand {
  const command = parseArguments(line.split(" "));
  assert.ok(command.is === "call");
  return command;
}

/** What a command prints, with a margin as in the expectations below. */
function print(line: string, result: object): string {
  return `\n${render(call(line), result, wallInstant(now))}\n`;
}

const camera = sampleMitigation.devices[0] as Device;
const pending = sampleMitigation;
const active: Mitigation = {
  ...sampleMitigation,
  id: 16,
  state: "active",
  status: 2,
  dropped: { packets: 74511, bytes: 9_000_000 },
  expiresAt: null,
  request: {
    ...sampleMitigation.request,
    target: { prefixes: sampleMitigation.request.target.prefixes, ports: [], protocols: [17, 1, 132, 200], fqdns: [], uris: [] },
  },
  devices: [{ ...camera, name: "カメラ", certainty: "likely" }, camera],
};
const ended: Mitigation = { ...sampleMitigation, id: 3, state: "ended", outcome: "denied", devices: [], requestedAt: wallInstant(requestedAt - 86_400_000) };
const mitigations = [pending, active, ended].map(describeMitigation);

const upstream: ShownUpstream = {
  name: "isp",
  state: "connected",
  transport: "udp",
  peer: "192.0.2.1:4647",
  since: wallInstant(requestedAt),
  lastError: null,
  sessions: 1,
};
const known: KnownDevice = {
  mac: "aa:bb:cc:dd:ee:ff",
  name: "Kitchen camera",
  vendor: "Espressif Inc.",
  addresses: ["192.168.1.23"],
  port: "lan1",
  policy: "ask",
  policyFrom: "default",
  requests: 3,
  lastRequestAt: wallInstant(requestedAt),
  stoppedBy: [16],
};
const entry: HistoryEntry = {
  at: wallInstant(requestedAt),
  event: "ended",
  by: "time",
  who: null,
  via: null,
  mitigation: 3,
  upstream: "isp",
  outcome: "denied",
  action: "block",
  devices: [{ mac: "aa:bb:cc:dd:ee:ff", name: "Kitchen camera" }],
  target: ["198.51.100.9/32"],
  dropped: { packets: 1200, bytes: 2 },
  reason: "nobody answered within 15 min",
};

describe("what the commands print", () => {
  it("status", () => {
    const status = describeStatus({
      version: "0.1.0",
      startedAt: wallInstant(now - 183_600_000),
      now: wallInstant(now),
      mitigations: [pending, active],
      warnings: ["conntrack is missing"],
      upstreams: [upstream, { name: "backup", state: "backing-off", transport: null, peer: null, since: null, lastError: "no route to host", sessions: 0 }],
    });
    assert.equal(print("status", status), `
dots-callhome 0.1.0, running for 2 days 3 h

UPSTREAM  SESSION
isp       connected over UDP to 192.0.2.1:4647, since 2 min
backup    not connected, waiting to try again; last error: no route to host

1 question is waiting for you: dots-callhome pending
1 request is in force: dots-callhome list

Warnings:
  - conntrack is missing
`);
  });

  it("status of several providers: which speaks for which WAN", () => {
    const status = describeStatus({
      version: "0.1.0",
      startedAt: wallInstant(now),
      now: wallInstant(now),
      mitigations: [],
      warnings: [],
      upstreams: [{ ...upstream, wan: "wan" }, { ...upstream, name: "b", wan: "wan2" }],
    });
    assert.match(print("status", status),
      /isp +connected over UDP to 192\.0\.2\.1:4647 by wan, since 2 min\nb +connected over UDP to 192\.0\.2\.1:4647 by wan2, since/);
  });

  it("status of a fresh installation", () => {
    const status = describeStatus({ version: "0.1.0", startedAt: wallInstant(now), now: wallInstant(now), mitigations: [], warnings: [], upstreams: [] });
    assert.equal(print("status", status), `
dots-callhome 0.1.0, running for 0 s

No internet provider is configured, so nobody can warn you.

No question is waiting for you.
Nothing is being stopped.
`);
  });

  it("list", () => {
    assert.equal(print("list", { mitigations }), `
ID  STATE           ACTION  DEVICE                        TARGET                              ASKED      ENDS            PACKETS STOPPED
17  pending         block   Kitchen camera (sure)         198.51.100.9, port 443, tcp         2 min ago  in 58 min       0
16  active          block   カメラ (probably) and 1 more  198.51.100.9, udp, icmp and 2 more  2 min ago  when withdrawn  74,511
3   ended (denied)  block   not found yet                 198.51.100.9, port 443, tcp         1 day ago  -               0

To stop it:          dots-callhome approve 17
If it is no attack:  dots-callhome deny 17
`);
  });

  it("says what goes on though the provider still asks, and how to stop it after all", () => {
    const line = (why: "denied" | "unanswered" | "protected"): string | undefined =>
      print("list", { mitigations: [{ ...describeMitigation(ended), left_alone: { why, until: null } }] }).split("\n").find((each) => each.startsWith("3: "));
    assert.equal(line("denied"),
      "3: isp still asks, but you said that it is no attack. To block it after all: dots-callhome release 3, then dots-callhome approve 3");
    assert.equal(line("unanswered"), "3: isp still asks, but nobody answered in time. To block it after all: dots-callhome approve 3");
    assert.equal(line("protected"), "3: isp still asks, but never_block protects it.");
  });

  it("an empty list", () => {
    assert.equal(render(call("list"), { mitigations: [] }, wallInstant(now)), "Nobody has asked to stop anything.");
    assert.equal(render(call("list --state active"), { mitigations: [] }, wallInstant(now)), "No request is active.");
    assert.equal(render(call("pending"), { mitigations: [] }, wallInstant(now)), "No question is waiting for you.");
  });

  it("approve, while no device is known, says that it is waited for", () => {
    assert.match(print("approve 17", describeMitigation({ ...pending, state: "active", action: "quarantine", decidedBy: "owner", devices: [] })),
      /^\n?Approved, and waiting for the device to be found -> 198\.51\.100\.9/);
  });

  it("says why it is another device than was named, and that a quarantine waits for its packets", () => {
    const forger: Device = { ...camera, insteadOf: { mac: "02:00:00:00:00:42", name: "Annas-laptop", address: "192.168.1.42" } };
    const likely: Mitigation = { ...active, action: "quarantine", decidedBy: "policy", devices: [{ ...camera, certainty: "likely" }] };
    const text = print("list", { mitigations: [{ ...pending, devices: [forger] }, likely].map(describeMitigation) });
    assert.match(text, /17: The packets carry the address 192\.168\.1\.42 of Annas-laptop, but come from Kitchen camera\./);
    assert.match(text, /block \(quarantine once its packets are seen\)/);
  });

  it("quotes what the provider knows of the attack", () => {
    const list = (request: Partial<Mitigation["request"]>): string =>
      print("list", { mitigations: [describeMitigation({ ...pending, request: { ...pending.request, ...request } })] });
    const attack = {
      vendorId: 1,
      attackId: 2,
      description: "DNS amplification",
      severity: "high",
      startedAt: wallInstant(requestedAt - 360_000),
      endedAt: null,
      talkers: [],
    } as const;
    assert.match(list({ report: { attacks: [attack], bitsPerSecond: 1.2e9, packetsPerSecond: null } }),
      /^17: The internet provider reports: DNS amplification, severe, began 8 min ago, 1\.2 Gbit\/s at the target\.$/m);
    assert.match(list({ report: { attacks: [{ ...attack, description: null, startedAt: null }], bitsPerSecond: null, packetsPerSecond: null } }),
      /^17: The internet provider reports: an attack, severe\.$/m);
    assert.match(list({ report: { attacks: [{ ...attack, description: "a\u001b[2J" }], bitsPerSecond: null, packetsPerSecond: null } }),
      /reports: a\\u001b\[2J, severe/);
    assert.doesNotMatch(list({}), /reports/);
  });

  it("approve, deny, release", () => {
    assert.equal(print("approve 16", describeMitigation(active)), `
Blocked: カメラ (probably) and 1 more -> 198.51.100.9, udp, icmp and 2 more
Ends when the internet provider says so. To undo: dots-callhome release 16
`);
    assert.equal(print("approve 17", describeMitigation({ ...pending, state: "active", action: "limit", status: 2 })), `
Slowed down: Kitchen camera (sure) -> 198.51.100.9, port 443, tcp
Ends in 58 min. To undo: dots-callhome release 17
`);
    assert.equal(print("approve 17", { ...describeMitigation({ ...pending, state: "active" }), also: [18, 19] }), `
Approved, but not in force yet: Kitchen camera (sure) -> 198.51.100.9, port 443, tcp
What is in the way: dots-callhome status
The same answer went to 2 other requests about this device: 18, 19.
`);
    assert.equal(print("deny 17", describeMitigation(ended)), `
Left alone: not found yet -> 198.51.100.9, port 443, tcp
The internet provider (isp) is told that this is no attack. To undo: dots-callhome release 3
`);
    assert.equal(print("release 17", describeMitigation({ ...ended, outcome: "denied" })), `
Taken back: not found yet -> 198.51.100.9, port 443, tcp
You are asked again next time your internet provider reports it.
`);
    assert.equal(print("release 17", describeMitigation({ ...ended, outcome: "released" })), `
Released: not found yet -> 198.51.100.9, port 443, tcp
The device may send there again.
`);
  });

  it("devices and policy", () => {
    const stranger: KnownDevice = {
      ...known,
      mac: "02:00:00:00:00:01",
      name: null,
      vendor: null,
      addresses: [],
      port: null,
      policy: "never",
      policyFrom: "owner",
      lastRequestAt: null,
      stoppedBy: [],
    };
    assert.equal(print("devices", { devices: [known, stranger].map(describeDevice) }), `
DEVICE             MAC                VENDOR          ADDRESSES     PORT  POLICY         REQUESTS  LAST       STOPPED BY
Kitchen camera     aa:bb:cc:dd:ee:ff  Espressif Inc.  192.168.1.23  lan1  ask (default)  3         2 min ago  16
02:00:00:00:00:01  02:00:00:00:00:01  -               -             -     never          3         -          -
`);
    assert.equal(render(call("devices"), { devices: [] }, wallInstant(now)), "No device has been reported yet.");
    assert.equal(render(call("policy aa:bb:cc:dd:ee:ff auto"), describeDevice({ ...known, policy: "auto" }), wallInstant(now)),
      "Kitchen camera (aa:bb:cc:dd:ee:ff): it is stopped at once next time, without asking.");
  });

  it("history", () => {
    const policy: HistoryEntry = { ...entry, event: "policy", by: "owner", mitigation: null, outcome: null, target: [], dropped: null, reason: "never" };
    assert.equal(print("history", { history: [entry, policy].map(describeHistory) }), `
WHEN       ID  WHAT    BY    DEVICE          TARGET        PACKETS STOPPED  WHY
2 min ago  3   denied  time  Kitchen camera  198.51.100.9  1,200            nobody answered within 15 min
2 min ago  -   policy  you   Kitchen camera  -             -                never
`);
    assert.equal(render(call("history"), { history: [] }, wallInstant(now)), "Nothing has happened yet.");
  });

  it("lookup", () => {
    const line = "lookup --source 203.0.113.7 --target 198.51.100.9";
    assert.equal(print(line, describeLookup({
      devices: [camera],
      routerItself: false,
      witnesses: [],
      would: ["ask you, then block Kitchen camera -> 198.51.100.9"],
      why: ["101 flows of conntrack have the reported address behind the NAT"],
    })), `
Kitchen camera (sure): aa:bb:cc:dd:ee:ff, 192.168.1.23, on lan1
  101 flows, 90,211 packets, 51 MB, last seen 2 min ago

What would happen:
  - ask you, then block Kitchen camera -> 198.51.100.9

Why:
  - 101 flows of conntrack have the reported address behind the NAT
`);
    assert.equal(render(call(line), describeLookup({ devices: [], routerItself: true, witnesses: [], would: [], why: [] }), wallInstant(now)),
      "This is the router's own traffic, there is no device behind it.");
    assert.equal(render(call(line), describeLookup({ devices: [], routerItself: false, witnesses: [], would: [], why: [] }), wallInstant(now)),
      "No device was found.");
  });

  it("reconnect", () => {
    assert.equal(render(call("reconnect"), { upstreams: ["isp", "b"] }, wallInstant(now)), "Dialling again: isp, b");
    assert.equal(render(call("reconnect"), { upstreams: [] }, wallInstant(now)), "There is no upstream to dial.");
  });

  it("JSON: arrays for lists, objects for the rest", () => {
    const lists: [string, object, unknown][] = [
      ["list --json", { mitigations }, mitigations],
      ["pending --json", { mitigations }, mitigations],
      ["devices --json", { devices: [known] }, [known]],
      ["history --json", { history: [] }, []],
      ["status --json", { version: "1" }, { version: "1" }],
      ["approve 17 --json", mitigations[0] ?? {}, mitigations[0]],
      ["lookup --source 203.0.113.7 --target 198.51.100.9 --json", { devices: [] }, { devices: [] }],
    ];
    for (const [line, result, expected] of lists) assert.deepEqual(JSON.parse(render(call(line), result, wallInstant(now))), expected);
  });

  it("nothing from the network reaches the terminal raw", () => {
    const hostile = fc.string({ unit: "binary", maxLength: 30 });
    fc.assert(fc.property(hostile, fc.boolean(), (text, json) => {
      const device: Device = { ...camera, name: text, mac: text, addresses: [text], port: text };
      const mitigation = describeMitigation({
        ...sampleMitigation,
        devices: [device],
        request: { ...sampleMitigation.request, upstream: text, cuid: text, target: { prefixes: [], ports: [], protocols: [], fqdns: [text], uris: [text] } },
      });
      const results: [string, object, number][] = [
        ["list", { mitigations: [mitigation] }, 5],
        ["approve 1", mitigation, 2],
        ["deny 1", mitigation, 2],
        ["devices", { devices: [describeDevice({ ...known, ...device, mac: text })] }, 2],
        ["history", { history: [describeHistory({ ...entry, devices: [device], target: [text], reason: text })] }, 2],
        ["lookup --source 203.0.113.7 --target 198.51.100.9",
          describeLookup({ devices: [device], routerItself: false, witnesses: [], would: [text], why: [text] }), 8],
        ["status", describeStatus({
          version: text,
          startedAt: wallInstant(0),
          now: wallInstant(now),
          mitigations: [],
          warnings: [text],
          upstreams: [{ ...upstream, name: text, peer: text, lastError: text }],
        }), 10],
      ];
      for (const [line, result, lines] of results) {
        const printed = render({ ...call(line), json }, result, wallInstant(now));
        assert.doesNotMatch(printed.replaceAll("\n", ""), /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
        if (!json) assert.equal(printed.split("\n").length, lines, line);
      }
    }));
  });
});

describe("words and figures", () => {
  it("durations", () => {
    assert.deepEqual([0, 59.9, 60, 3599, 3600, 7500, 86_400, 183_600, -5].map((each) => formatDuration(seconds(each))), ["0 s", "59 s", "1 min", "59 min",
      "1 h", "2 h 5 min", "1 day", "2 days 3 h", "0 s"]);
    assert.equal(formatUntil("2026-11-21T20:20:00.000Z", wallInstant(now)), "now");
  });
  it("counts and bytes", () => {
    assert.deepEqual([0, 999, 1000, 74511, 1234567].map(formatCount), ["0", "999", "1,000", "74,511", "1,234,567"]);
    assert.deepEqual([0, 999, 1000, 9940, 9950, 51234567, 999_600, 2e18].map(formatBytes), ["0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "51 MB", "1.0 MB",
      "2000 PB"]);
  });
  it("columns of wide and combining characters", () => {
    assert.deepEqual(["abc", "カメラ", "e\u0301", "📷", "한국어", ""].map(displayWidth), [3, 6, 1, 2, 6, 0]);
    assert.deepEqual(alignColumns([["カ", "x"], ["abc", "y"], ["\n", "z"]]), ["カ   x", "abc  y", "\\n   z"]);
  });
});
