import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { parseArguments } from "../../../src/cli/parse-arguments.ts";
import { render } from "../../../src/cli/render.ts";
import type { Device } from "../../../src/model/device.ts";
import { wallInstant } from "../../../src/model/time.ts";
import { nameDevices } from "../../../src/nat-lookup/identity/name-devices.ts";
import { describeDevice } from "../../../src/operator/describe-device.ts";
import { describeHistory } from "../../../src/operator/describe-history.ts";
import { describeLookup } from "../../../src/operator/describe-lookup.ts";
import { describeMitigation } from "../../../src/operator/describe-mitigation.ts";
import { describeStatus } from "../../../src/operator/describe-status.ts";
import { announceAnswers } from "../../../src/operator/notification-homeassistant.ts";
import { languages } from "../../../src/operator/notification-words.ts";
import { composeNotification, type Announcement } from "../../../src/operator/notification.ts";
import type { NotifierDeps, NotifierTarget } from "../../../src/system/notify/notifier.ts";
import { openNtfy } from "../../../src/system/notify/ntfy-notifier.ts";
import { openWebhook } from "../../../src/system/notify/webhook-notifier.ts";
import { steadyClock, systemClock } from "../../../src/system/process/system-clock.ts";
import { requestedAt, sampleMitigation } from "../../operator/sample-mitigation.ts";
import { suiteLimit } from "../../patience.ts";

/** What a device may call itself. */
const names = {
  "controls": "cam\u0000\u0007\b\rera\n\nFAKE LINE\t\u007f\u0085\u009b31m",
  "an escape sequence": "\u001b[2J\u001b]0;title\u0007\u001b[31mred",
  "a link in a terminal": "\u001b]8;;http://evil.example/\u001b\\click\u001b]8;;\u001b\\",
  "another direction": "\u202egpj.exe\u2066x\u2069\u200f\u061c",
  "what nobody sees": "cam\u200b\u2060\ufeff\u{e0041}era\u00ad",
  "line separators": "a\u2028b\u2029c",
  "half a character": "\ud800x\udc00",
  "markup": "<img src=x onerror=alert(1)>'\"&</script>",
  "a template": "{{ states('lock.door') }}{% raw %}{device}{target}",
  "a header": "x\r\nActions: http, Open, https://evil.example/\r\n\r\n",
  "JSON": '","payload_press":"approve","x":"',
  "a shell's words": "$(reboot)`reboot`;reboot|reboot",
  "very long": "\u001b\u202eA".repeat(10_000),
};
/** What moves a cursor, breaks a line, reorders it or hides in it. */
const raw = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;
const camera = sampleMitigation.devices[0] as Device;
const mac = camera.mac ?? "";
const now = wallInstant(requestedAt + 60_000);

/** Each text that a command prints: lines, or a document. */
function printed(name: string | null): string[] {
  const mitigation = describeMitigation({ ...sampleMitigation, devices: [{ ...camera, name, insteadOf: { mac, name, address: "192.168.1.42" } }] });
  const known = {
    mac,
    name,
    vendor: name,
    addresses: ["192.168.1.23"],
    port: name,
    policy: "ask",
    policyFrom: "default",
    requests: 1,
    lastRequestAt: null,
    stoppedBy: [],
  } as const;
  const entry = {
    at: now,
    event: "ended",
    by: "time",
    who: name,
    via: null,
    mitigation: 3,
    upstream: "isp",
    outcome: "denied",
    action: "block",
    devices: [{ mac, name }],
    target: [],
    dropped: null,
    reason: name ?? "",
  } as const;
  const upstream = { name: "isp", state: "backing-off", transport: null, peer: null, since: null, lastError: name, sessions: 0 } as const;
  const results: Readonly<Record<string, object>> = {
    "list": { mitigations: [mitigation] },
    "pending": { mitigations: [mitigation] },
    "devices": { devices: [describeDevice(known)] },
    "history": { history: [describeHistory(entry)] },
    "approve 17": mitigation,
    "deny 17": mitigation,
    "lookup --source 203.0.113.7 --target 198.51.100.9": describeLookup({
      devices: [{ ...camera, name }],
      routerItself: false,
      witnesses: ["kernel"],
      would: ["ask"],
      why: [name ?? ""],
    }),
    "status": describeStatus({ version: "1", startedAt: now, now, upstreams: [upstream], mitigations: [], warnings: [name ?? ""] }),
  };
  return Object.entries(results).flatMap(([line, result]) =>
    ["", " --json"].map((json) => {
      const command = parseArguments(`${line}${json}`.split(" "));
      assert.ok(command.is === "call", line);
      return render(command, result, now);
    })
  );
}

/** All that is announced about a device of this name. */
function announcements(name: string | null): Announcement[] {
  const about = describeMitigation({ ...sampleMitigation, devices: [{ ...camera, name, insteadOf: { mac, name, address: "192.168.1.42" } }] });
  return [
    { event: "request", about },
    { event: "blocked", about: { ...about, state: "active" } },
    { event: "ended", about: { ...about, state: "ended", outcome: "denied" } },
    { event: "more", about, requests: 3 },
    { event: "reminder", about, secondsLeft: 60, onTimeout: "deny" },
  ];
}

function isPlain(text: string, where: string): void {
  const found = raw.exec(text);
  assert.equal(found, null,
    `${where}: U+${found?.[0].codePointAt(0)?.toString(16) ?? ""} in ${JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 30)).slice(0, 60))}`);
}

describe("a device with a hostile name", { timeout: suiteLimit }, () => {
  const received: { headers: string; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text)).on("end", () => {
      received.push({ headers: request.rawHeaders.join("\n"), body });
      response.end();
    });
  });
  before(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  after(() => {
    server.close();
  });
  const around: NotifierDeps = { clock: steadyClock, wallTime: () => systemClock.now(), log: () => undefined };
  const target = (): NotifierTarget => ({
    name: "phone",
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/topic`,
    username: null,
    password: null,
    ca: undefined,
    language: "en",
    page: null,
  });

  for (const [what, hostile] of Object.entries(names)) {
    /** As the daemon knows it. */
    const name = nameDevices([{ mac, duidMac: null, addresses: [], name: hostile }], []).get(mac) ?? null;

    it(`${what}: nothing of it reaches a terminal, though the state file had it as it came`, () => {
      for (const each of [name, hostile]) for (const text of printed(each)) for (const line of text.split("\n")) isPlain(line, "on the terminal");
      const lines = (each: string | null): number[] => printed(each).map((text) => text.split("\n").length);
      assert.deepEqual(lines(hostile), lines("Camera"), "no line is added");
    });

    it(`${what}: nor a message, in any language`, () => {
      for (const language of languages)
        for (const each of [name, hostile])
          for (const announcement of announcements(each)) {
            const { title, text, key } = composeNotification(announcement, language);
            isPlain(`${title}${text}${key}`, language);
            assert.ok(title.length < 300 && text.length < 400, `${title.length} and ${text.length}`);
          }
    });

    it(`${what}: nor Home Assistant, where it is a name, and neither a topic, a template nor a command`, () => {
      const [question] = announcements(name);
      assert.ok(question?.event === "request");
      const others = announceAnswers("dots", describeMitigation(sampleMitigation), "en");
      for (const [at, { topic, payload }] of announceAnswers("dots", question.about, "en").entries()) {
        isPlain(payload, "discovery");
        const [{ name: shown, ...told }, { name: otherwise, ...expected }] = [payload, others[at]?.payload ?? ""].map((text) =>
          JSON.parse(text) as Record<string, unknown>
        ) as [Record<string, unknown>, Record<string, unknown>];
        assert.ok(typeof shown === "string" && typeof otherwise === "string");
        assert.deepEqual([topic, told], [others[at]?.topic, expected], "but for the name, it is that of any device");
      }
      for (const announcement of announcements(name))
        isPlain(JSON.stringify({ ...composeNotification(announcement, "en"), about: announcement.about }), "event");
    });

    it(`${what}: nor a webhook or an ntfy server, in headers or JSON`, async () => {
      const webhook = openWebhook(target(), around);
      const ntfy = openNtfy(target(), around);
      for (const announcement of announcements(name)) {
        const notification = composeNotification(announcement, "en");
        received.length = 0;
        await webhook.try({ announcement, notification });
        await ntfy.try(notification);
        assert.deepEqual(received.map(({ body }) => (JSON.parse(body) as { title: string }).title), [notification.title, notification.title]);
        for (const { headers, body } of received) {
          isPlain(body, "body");
          for (const header of headers.split("\n")) isPlain(header, "header");
          assert.doesNotMatch(headers, /Actions|evil|FAKE|cam/);
        }
      }
      webhook.close();
      ntfy.close();
    });
  }
});
