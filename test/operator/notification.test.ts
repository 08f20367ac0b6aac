import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import type { UpstreamView } from "../../src/operator/describe-status.ts";
import { announceAnswers, announceSensors, describeState } from "../../src/operator/notification-homeassistant.ts";
import { createNotificationThrottle, type NotificationThrottle } from "../../src/operator/notification-throttle.ts";
import { languages, notificationWords } from "../../src/operator/notification-words.ts";
import { composeNotification, type Announcement } from "../../src/operator/notification.ts";
import { fakeClock, type FakeClock } from "../fake-clock.ts";
import { seconds } from "../../src/model/time.ts";

const evidence = { flows: 1, packets: 1, bytes: 1, first_seen: null, last_seen: null };
const camera: MitigationView["devices"][number] = {
  mac: "00:1d:c0:4f:7a:23",
  name: "Kitchen camera",
  addresses: ["192.168.1.23"],
  port: "lan1",
  certainty: "exact",
  evidence,
};
const asked = (more: Partial<MitigationView> = {}): MitigationView => ({
  id: 17,
  upstream: "isp",
  cuid: "c",
  mid: 1,
  state: "pending",
  outcome: null,
  status: 1,
  action: "block",
  requested_at: "2026-11-21T20:20:00.000Z",
  expires_at: null,
  target: { prefixes: ["198.51.100.9/32"], ports: [], protocols: [], fqdns: [], uris: [] },
  source: { prefixes: [], ports: [], icmp_types: [] },
  devices: [camera],
  dropped: { packets: 0, bytes: 0 },
  ...more,
});
const upstream = (state: UpstreamView["state"]): UpstreamView => ({
  name: "isp",
  state,
  transport: null,
  peer: null,
  since: null,
  last_error: null,
  sessions: 0,
});

describe("the words of a message", () => {
  it("are the card's first two lines and its two buttons", () => {
    assert.deepEqual(composeNotification({ event: "request", about: asked() }, "en"), {
      event: "request",
      key: "mitigation-17",
      asks: true,
      title: "Kitchen camera is attacking a stranger",
      text: "Your internet provider asks you to stop it.",
      actions: [{ does: "approve", label: "Block it" }, { does: "deny", label: "Not an attack" }],
    });
  });

  it("say what happened, in every language, without a hole", () => {
    const announcements: Announcement[] = [
      { event: "request", about: asked() },
      { event: "reminder", about: asked(), secondsLeft: 300, onTimeout: "deny" },
      { event: "blocked", about: asked({ state: "active" }) },
      { event: "blocked", about: asked({ state: "active", action: "quarantine" }) },
      { event: "more", about: asked(), requests: 12 },
      ...(["withdrawn", "expired", "denied", "released"] as const).map((outcome): Announcement => ({
        event: "ended",
        about: asked({ state: "ended", outcome, dropped: { packets: 74_511, bytes: 1 } }),
      })),
      { event: "upstream_down", about: upstream("backing-off") },
      { event: "upstream_up", about: upstream("connected") },
    ];
    for (const language of languages) {
      assert.deepEqual(Object.keys(notificationWords[language]), Object.keys(notificationWords.en), language);
      const seen = announcements.map((announcement) => composeNotification(announcement, language));
      for (const { title, text } of seen) assert.doesNotMatch(title + text, /[{}]|undefined/);
      assert.equal(new Set(seen.map(({ title }) => title)).size, seen.length, "each is told apart by its title");
      assert.ok(seen.filter(({ event }) => !event.startsWith("upstream")).every(({ title }) => title.includes("Kitchen camera")));
    }
  });

  it("say how sure we are, and that nothing is blocked where nothing is", () => {
    const other = { ...camera, name: null, addresses: ["192.168.1.42"] };
    const ambiguous = [{ ...camera, certainty: "ambiguous" as const }, { ...other, certainty: "ambiguous" as const }];
    assert.equal(composeNotification({ event: "request", about: asked({ devices: ambiguous }) }, "en").title,
      "Kitchen camera or 192.168.1.42 is attacking a stranger");
    assert.equal(composeNotification({ event: "request", about: asked({ devices: [{ ...camera, certainty: "likely" }] }) }, "en").title,
      "Kitchen camera is probably attacking a stranger");
    assert.deepEqual(composeNotification({ event: "request", about: asked({ state: "active", action: "observe" }) }, "en").actions, []);
  });

  it("say why it is another device, that a quarantine waits for proof, and that a device is still looked for", () => {
    const forger = { ...camera, instead_of: { mac: "00:1d:c0:4f:7a:42", name: "Annas-laptop", address: "192.168.1.42" } };
    const compose = (announcement: Announcement, language: (typeof languages)[number] = "en"): string => {
      const { title, text } = composeNotification(announcement, language);
      return `${title}: ${text}`;
    };
    assert.equal(compose({ event: "request", about: asked({ devices: [forger] }) }),
      "Kitchen camera is attacking a stranger: The packets carry the address of Annas-laptop, but come from Kitchen camera. Your internet provider asks you to stop it.");
    const waits = asked({ state: "active", action: "quarantine", acts_as: "block", devices: [{ ...camera, certainty: "likely" }] });
    assert.equal(compose({ event: "blocked", about: waits }),
      "Kitchen camera can no longer reach 198.51.100.9: It is cut off completely once its packets are seen. You can undo it at any time.");
    const nobody = asked({ state: "active", action: "quarantine", devices: [] });
    assert.equal(compose({ event: "blocked", about: nobody }),
      "Waiting for the device to be found: What your provider reported is stopped where it leaves your home.");
    for (const language of languages)
      for (const about of [asked({ devices: [forger] }), waits, nobody]) assert.doesNotMatch(compose({ event: "blocked", about }, language), /[{}]|undefined/);
  });

  const report: NonNullable<MitigationView["report"]> = {
    attacks: [
      { vendor_id: 1, attack_id: 1, description: "Port scan", severity: "low", started_at: null, ended_at: null, talkers: [] },
      { vendor_id: 1, attack_id: 2, description: "DNS amplification", severity: "high", started_at: "2026-11-21T20:14:00.000Z", ended_at: null, talkers: [] },
    ],
    bits_per_second: 1.2e9,
    packets_per_second: null,
  };

  it("quote what the provider knows: the gravest attack, how bad, how long, how much", () => {
    const quoted = (more: Partial<typeof report>, language: (typeof languages)[number] = "en"): string =>
      composeNotification({ event: "request", about: asked({ report: { ...report, ...more } }) }, language).text;
    assert.equal(quoted({}), "Your internet provider asks you to stop it. It reports: DNS amplification, severe, for 6 min, 1.2 Gbit/s at the target.");
    assert.equal(quoted({}, "de"), "Ihr Internetanbieter bittet Sie, das zu stoppen. Er meldet: DNS amplification, schwer, seit 6 min, 1.2 Gbit/s am Ziel.");
    assert.equal(quoted({ attacks: [] }), "Your internet provider asks you to stop it. It reports: 1.2 Gbit/s at the target.");
    assert.equal(quoted({ attacks: [], bits_per_second: null }), "Your internet provider asks you to stop it.");
    const [attack] = report.attacks;
    assert.ok(attack);
    assert.equal(
      quoted({ attacks: [{ ...attack, severity: "unknown", description: "{minutes}", started_at: "1970-01-01T00:00:00.000Z" }], bits_per_second: 1e37 }),
      "Your internet provider asks you to stop it. It reports: {minutes}.",
    );
    assert.ok(quoted({ attacks: [{ ...attack, description: `\u202e\n${"x".repeat(500)}` }] }).length < 180);
    for (const language of languages) assert.doesNotMatch(quoted({}, language), /[{}]|undefined/);
  });

  it("take a hostile name for text: no line ends, no reordering, not a novel, no template", () => {
    const { title } = composeNotification({ event: "request", about: asked({ devices: [{ ...camera, name: `\u202e{target}\n\u0007${"x".repeat(500)}` }] }) },
      "en");
    assert.doesNotMatch(title, /\p{Cc}|\u202e|198/u);
    assert.ok(title.length < 100, title);
  });
});

describe("the notification throttle", () => {
  const listening = (known: number[] = [], timeout = 900,
    latest = new Map<number, MitigationView>()): { heard: string[]; clock: FakeClock; rules: NotificationThrottle } => {
    const clock = fakeClock();
    const heard: string[] = [];
    const rules = createNotificationThrottle({
      clock: clock.steady,
      known,
      latest: (id) => latest.get(id),
      consent: () => ({ timeout: seconds(timeout), onTimeout: "deny" }),
      announce: ({ event, about }) => {
        heard.push(`${event} ${about === null ? "" : "id" in about ? about.id : about.name}`);
      },
    });
    return { heard, clock, rules };
  };

  it("tell of a question once, remind once, and have a final word", async () => {
    const { heard, clock, rules } = listening();
    rules.hear({ event: "request", about: asked() });
    await clock.advance(599_000);
    assert.deepEqual(heard, ["request 17"]);
    await clock.advance(400_000);
    assert.deepEqual(heard, ["request 17", "reminder 17"]);
    rules.hear({ event: "ended", about: asked({ state: "ended", outcome: "denied" }) });
    rules.hear({ event: "ended", about: asked({ state: "ended", outcome: "denied" }) });
    assert.deepEqual(heard, ["request 17", "reminder 17", "ended 17"]);
  });

  it("remind nobody who has answered, and of nothing that is over soon anyway", async () => {
    const { heard, clock, rules } = listening();
    rules.hear({ event: "request", about: asked() });
    rules.hear({ event: "blocked", about: asked({ state: "active" }) });
    await clock.advance(3_600_000);
    assert.deepEqual(heard, ["request 17", "blocked 17"]);
    const short = listening([], 60);
    short.rules.hear({ event: "request", about: asked() });
    await short.clock.advance(3_600_000);
    assert.deepEqual(short.heard, ["request 17"]);
    assert.equal(short.clock.waiting(), 0);
  });

  it("wait two seconds for the packets where only an address names the device; who is named then is told", async () => {
    const laptop = { ...camera, mac: "00:1d:c0:4f:7a:42", name: "Laptop", certainty: "likely" as const };
    const latest = new Map<number, MitigationView>();
    const { heard, clock, rules } = listening([], 900, latest);
    const unsure = (id: number): void => {
      rules.hear({ event: "request", about: asked({ id, devices: [laptop] }) });
    };
    unsure(17);
    latest.set(17, asked());
    rules.hear({ event: "request", about: asked() });
    assert.deepEqual(heard, ["request 17"], "certain by now");
    unsure(18);
    latest.set(18, asked({ id: 18, devices: [laptop] }));
    await clock.advance(1_999);
    assert.deepEqual(heard, ["request 17"]);
    await clock.advance(1);
    assert.deepEqual(heard, ["request 17", "request 18"], "no packets came");
    unsure(19);
    rules.hear({ event: "ended", about: asked({ id: 19, devices: [laptop], state: "ended", outcome: "withdrawn" }) });
    await clock.advance(10_000);
    assert.deepEqual(heard, ["request 17", "request 18"], "withdrawn meanwhile");
    rules.stop();
    assert.equal(clock.waiting(), 0);
  });

  it("119 requests about a device, each withdrawn, are a handful of messages and one that counts the rest; another device has its own", async () => {
    const { heard, clock, rules } = listening();
    for (let id = 1; id <= 119; id += 1) {
      rules.hear({ event: "request", about: asked({ id }) });
      await clock.advance(380);
      rules.hear({ event: "ended", about: asked({ id, state: "ended", outcome: "withdrawn" }) });
    }
    assert.deepEqual(heard, ["request 1", "ended 1", "request 2", "ended 2", "request 3", "ended 3"]);
    rules.hear({ event: "request", about: asked({ id: 200, devices: [{ ...camera, mac: "00:1d:c0:4f:7a:42" }] }) });
    rules.hear({ event: "ended", about: asked({ id: 200, devices: [{ ...camera, mac: "00:1d:c0:4f:7a:42" }], state: "ended", outcome: "withdrawn" }) });
    assert.equal(heard.length, 8);
    heard.length = 0;
    await clock.advance(3_600_000);
    assert.deepEqual(heard, ["more 119"]);
    rules.hear({ event: "request", about: asked({ id: 300 }) });
    assert.deepEqual(heard, ["more 119", "request 300"], "the hour is over");
    rules.stop();
  });

  it("remind of a question that was not told by itself, and still waits", async () => {
    const { heard, clock, rules } = listening();
    for (let id = 1; id <= 4; id += 1) rules.hear({ event: "request", about: asked({ id }) });
    assert.deepEqual(heard, ["request 1", "request 2", "request 3"]);
    for (let id = 1; id <= 3; id += 1) rules.hear({ event: "ended", about: asked({ id, state: "ended", outcome: "withdrawn" }) });
    heard.length = 0;
    await clock.advance(600_000);
    assert.deepEqual(heard, ["reminder 4"]);
    rules.stop();
  });

  it("a provider that comes and goes is told of four times in an hour", async () => {
    const { heard, clock, rules } = listening();
    for (let round = 0; round < 12; round += 1) {
      rules.hear({ event: "upstream", about: upstream("backing-off") });
      await clock.advance(70_000);
      rules.hear({ event: "upstream", about: upstream("connected") });
      await clock.advance(30_000);
    }
    assert.equal(heard.length, 8);
    rules.stop();
  });

  it("keep still about the end of what was never told, and tell the end of what was told before a restart", () => {
    const { heard, rules } = listening([18]);
    for (const id of [17, 18]) rules.hear({ event: "ended", about: asked({ id, state: "ended", outcome: "withdrawn" }) });
    assert.deepEqual(heard, ["ended 18"]);
  });

  it("tell of a provider only when it has been gone for a minute, and then when it is back", async () => {
    const { heard, clock, rules } = listening();
    for (const state of ["backing-off", "connecting", "connected"] as const) rules.hear({ event: "upstream", about: upstream(state) });
    await clock.advance(120_000);
    assert.deepEqual(heard, []);
    for (const state of ["backing-off", "connecting", "backing-off"] as const) rules.hear({ event: "upstream", about: upstream(state) });
    await clock.advance(60_000);
    rules.hear({ event: "upstream", about: upstream("connected") });
    assert.deepEqual(heard, ["upstream_down isp", "upstream_up isp"]);
    rules.stop();
  });
});

describe("what Home Assistant is told", () => {
  it("has sensors on one state topic, and two buttons for each question as long as it waits", () => {
    assert.deepEqual(describeState([asked(), asked({ id: 18, state: "active", dropped: { packets: 5, bytes: 1 } })], true), {
      pending: 1,
      blocked: 1,
      packets_stopped: 5,
      provider: "ON",
    });
    const [device, ...others] = announceSensors("home/Dots-1");
    assert.deepEqual([device?.topic, others], ["homeassistant/device/home_Dots-1/config", []], "one message for the device and all its sensors");
    const told = JSON.parse(device?.payload ?? "{}") as {
      origin?: { name: string };
      device?: { identifiers: string[] };
      components?: Record<string, Record<string, unknown>>;
    };
    assert.deepEqual([told.origin, told.device?.identifiers], [{ name: "dots-callhome" }, ["home_Dots-1"]]);
    assert.deepEqual(Object.values(told.components ?? {}).map((each) => [each["platform"], each["default_entity_id"], each["state_topic"]]), [
      ["sensor", "sensor.home_dots_1_pending", "home/Dots-1/state"],
      ["sensor", "sensor.home_dots_1_blocked", "home/Dots-1/state"],
      ["sensor", "sensor.home_dots_1_packets_stopped", "home/Dots-1/state"],
      ["binary_sensor", "binary_sensor.home_dots_1_provider", "home/Dots-1/state"],
    ]);
    assert.equal(new Set(Object.values(told.components ?? {}).map((each) => each["unique_id"])).size, 4);
    const [approve = {}] = announceAnswers("home/dots", asked(), "en").map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
    assert.equal(approve["name"], "Kitchen camera is attacking a stranger: Block it");
    assert.equal(approve["command_topic"], "home/dots/mitigation/17/set");
    assert.ok(announceAnswers("home/dots", asked({ state: "ended" }), "en").every(({ payload }) => payload === ""));
  });
});
