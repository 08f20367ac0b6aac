import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { UpstreamView } from "../../../src/operator/describe-status.ts";
import { composeNotification, type Announcement } from "../../../src/operator/notification.ts";
import type { NotifyConfig } from "../../../src/config/config.ts";
import { openReceivers } from "../../../src/daemon/open-receivers.ts";
import { openNotifiers } from "../../../src/system/notify/open-notifiers.ts";
import { openNtfy } from "../../../src/system/notify/ntfy-notifier.ts";
import type { NotifierDeps, NotifierTarget } from "../../../src/system/notify/notifier.ts";
import { openWebhook } from "../../../src/system/notify/webhook-notifier.ts";
import { steadyClock, systemClock } from "../../../src/system/process/system-clock.ts";
import { suiteLimit } from "../../patience.ts";
import { until } from "../../until.ts";
import { milliseconds } from "../../../src/model/time.ts";

interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP receiver that answers each request with the next status. */
async function receiver(...statuses: number[]): Promise<{ url: string; received: Received[]; until(count: number): Promise<void>; stop(): void }> {
  const received: Received[] = [];
  let wake = (): void => undefined;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text)).on("end", () => {
      received.push({ url: request.url, headers: request.headers, body });
      const status = statuses[received.length - 1] ?? 200;
      if (status === 0) response.destroy();
      else response.writeHead(status, { Location: "http://127.0.0.1:1/" }).end("x".repeat(100));
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    until: (count) =>
      new Promise((resolve) => {
        wake = () => {
          if (received.length >= count) resolve();
        };
        wake();
      }),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const target = (url: string, more: Partial<NotifierTarget> = {}): NotifierTarget => ({
  name: "phone",
  url,
  username: null,
  password: null,
  ca: undefined,
  language: "en",
  page: null,
  ...more,
});
const about = (name: string): UpstreamView => ({ name, state: "backing-off", transport: null, peer: null, since: null, last_error: null, sessions: 0 });
const told = (name: string): { announcement: Announcement; notification: ReturnType<typeof composeNotification> } => {
  const announcement = { event: "upstream_down", about: about(name) } as const;
  return { announcement, notification: composeNotification(announcement, "en") };
};
/** A hundred times faster, so that retries do not take minutes. */
const hasty = (): NotifierDeps & { lines: string[] } => {
  const lines: string[] = [];
  return {
    wallTime: () => systemClock.now(),
    clock: { now: () => steadyClock.now(), after: (delay, callback) => systemClock.after(milliseconds(delay / 100), callback) },
    log: (level, line) => {
      lines.push(`${level}: ${line}`);
    },
    lines,
  };
};

describe("a webhook", { timeout: suiteLimit }, () => {
  it("is signed over time and body, and says the same delivery again until it is taken", async () => {
    const server = await receiver(500, 0, 200);
    const around = hasty();
    const webhook = openWebhook(target(`${server.url}/hook`, { password: "a secret" }), around);
    webhook.add(told("isp"));
    await server.until(3);
    for (const { headers, body } of server.received) {
      const timestamp = String(headers["x-dots-callhome-timestamp"]);
      assert.equal(headers["x-dots-callhome-signature"], `sha256=${createHmac("sha256", "a secret").update(`${timestamp}.${body}`).digest("hex")}`);
      assert.equal((JSON.parse(body) as { title: string }).title, "isp cannot warn you right now");
    }
    assert.equal(new Set(server.received.map(({ headers }) => headers["x-dots-callhome-delivery"])).size, 1);
    assert.doesNotMatch(around.lines.join("\n"), /a secret/);
    webhook.close();
    server.stop();
  });

  it("gives up what is refused, follows no redirection, and goes on with the next in order", async () => {
    const server = await receiver(400, 302, 200, 200);
    const around = hasty();
    const webhook = openWebhook(target(server.url), around);
    for (const name of ["a", "b", "c", "d"]) webhook.add(told(name));
    await server.until(4);
    assert.deepEqual(server.received.map(({ body }) => (JSON.parse(body) as { key: string }).key), ["upstream-a", "upstream-b", "upstream-c", "upstream-d"]);
    assert.deepEqual(around.lines.filter((line) => line.startsWith("warn")), [
      "warn: notify phone: a message was not delivered: the server answers HTTP 400",
      "warn: notify phone: a message was not delivered: the server answers HTTP 302",
    ]);
    webhook.close();
    server.stop();
  });

  it("keeps a bounded queue while nobody answers", async () => {
    const around = hasty();
    const webhook = openWebhook(target("http://127.0.0.1:1/"), around);
    for (let at = 0; at < 200; at++) webhook.add(told(`p${at}`));
    assert.equal(around.lines.filter((line) => line.includes("the oldest was dropped")).length, 150);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    webhook.close();
  });
});

describe("a receiver that does not take a message", { timeout: suiteLimit }, () => {
  const { announcement, notification } = told("isp");
  const kinds = [["webhook", (url: string, around: NotifierDeps) => {
    const webhook = openWebhook(target(url), around);
    webhook.add({ announcement, notification });
    return webhook;
  }], ["ntfy", (url: string, around: NotifierDeps) => {
    const ntfy = openNtfy(target(`${url}/topic`), around);
    ntfy.add(notification);
    return ntfy;
  }]] as const;
  for (const [kind, open] of kinds) {
    it(`${kind}: for now (401, 404, 503, no answer) is asked again; the log says when, and until then it is a warning`, async () => {
      for (const status of [401, 404, 503, 0]) {
        const server = await receiver(status, 200);
        const around = hasty();
        const outbox = open(server.url, around);
        await until("it is said", () => around.lines.length > 0);
        assert.match(around.lines[0] ?? "", /^warn: notify phone: .+; next attempt in 2 s$/);
        assert.match(outbox.warnings().join(), /^notify phone: .+$/);
        await until("it is delivered", () => around.lines.includes("info: notify phone: delivered again"));
        assert.deepEqual(outbox.warnings(), []);
        outbox.close();
        server.stop();
      }
    });

    it(`${kind}: for good (400, 413), or ten times: it is a warning until one is delivered`, async () => {
      for (const statuses of [[400], [413], Array.from({ length: 10 }, () => 503)]) {
        const server = await receiver(...statuses);
        const around = hasty();
        const outbox = open(server.url, around);
        await until("it is given up", () => around.lines.some((line) => line.includes("a message was not delivered")));
        assert.deepEqual([server.received.length, outbox.warnings()], [statuses.length, [
          `notify phone: a message was not delivered: the server answers HTTP ${statuses[0]}`,
        ]]);
        outbox.close();
        server.stop();
      }
    });
  }
});

describe("a sample message", { timeout: suiteLimit }, () => {
  it("goes to one receiver at once, past what waits, and says whether it was delivered", async () => {
    const [works, refuses] = [await receiver(), await receiver(403)];
    const config = (name: string, url: string): NotifyConfig => ({
      name,
      type: "ntfy",
      url,
      username: null,
      passwordFile: null,
      caFile: null,
      topicPrefix: "dots",
      homeassistant: false,
      commands: false,
      language: "de",
      page: "https://192.168.1.1",
      events: ["ended"],
    });
    const notifiers = openNotifiers([config("phone", `${works.url}/topic`), config("other", `${refuses.url}/topic`)], {
      ...hasty(),
      mitigations: () => [],
      isConnected: () => true,
      answer: () => Promise.reject(new Error("nobody asks")),
    });
    assert.equal(await notifiers.test("phone"), null);
    assert.equal(await notifiers.test("other"), "the server answers HTTP 403");
    assert.equal(notifiers.test("nobody"), undefined);
    const sent = JSON.parse(works.received[0]?.body ?? "{}") as { title: string; message: string; actions: { action: string; url: string }[] };
    assert.deepEqual([sent.title, sent.message], ["Test: Übungskamera greift einen Fremden an",
      "Das ist nur ein Test. Es geschieht nichts, was Sie auch drücken."]);
    assert.deepEqual(sent.actions.map(({ action, url }) => [action, new URL(url).host]), [["view", "192.168.1.1"], ["view", "192.168.1.1"]]);
    await notifiers.close();
    works.stop();
    refuses.stop();
  });

  it("is cut where ntfy would make a file of it, and has three buttons at most", async () => {
    const server = await receiver();
    const ntfy = openNtfy(target(`${server.url}/topic`, { page: "https://192.168.1.1/" }), hasty());
    const { notification } = told("isp");
    await ntfy.try({ ...notification, text: "ß".repeat(4_000), actions: Array.from({ length: 5 }, (_, at) => ({ does: "deny", label: `${at}` })) });
    const sent = JSON.parse(server.received[0]?.body ?? "{}") as { message: string; actions: object[] };
    assert.ok(Buffer.byteLength(sent.message) <= 4_096 && Buffer.byteLength(sent.message) > 4_000 && sent.message.endsWith("ß…"));
    assert.equal(sent.actions.length, 3);
    ntfy.close();
    server.stop();
  });
});

describe("a notifier whose file cannot be read", () => {
  it("is off, which is a warning; once the file is mended, a reload of the same configuration opens it", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "dch-notify-"));
    const server = await receiver();
    t.after(() => {
      server.stop();
      rmSync(folder, { recursive: true });
    });
    const around = hasty();
    const config: NotifyConfig = {
      name: "hook",
      type: "webhook",
      url: server.url,
      username: null,
      passwordFile: join(folder, "password"),
      caFile: null,
      events: ["upstream_down"],
      language: "en",
      page: null,
      topicPrefix: "dots-callhome",
      homeassistant: false,
      commands: false,
    };
    const receivers = openReceivers(openNotifiers, { ...around, mitigations: () => [], isConnected: () => false, answer: () => assert.fail("nobody asks") });
    const reload = (): Promise<void> => receivers.reload({ config: { notify: [config] } });
    await reload();
    assert.match(receivers.warnings().join(), /^notify hook is off: .*password/);
    assert.match(around.lines.join(), /^error: notify hook is off: .*; it is read again at the next reload$/);
    await reload();
    assert.equal(around.lines.length, 1, "said once");
    writeFileSync(join(folder, "password"), "a secret\n", { mode: 0o600 });
    await reload();
    assert.deepEqual(receivers.warnings(), []);
    receivers.announce(told("isp").announcement);
    await server.until(1);
    await reload();
    assert.equal(around.lines.length, 1, around.lines.join("\n"));
    await receivers.stop();
  });
});

describe("ntfy", { timeout: suiteLimit }, () => {
  it("publishes as JSON to the topic of the URL, with a token, and buttons that open the page", async () => {
    const server = await receiver();
    const page = "https://192.168.1.1/cgi-bin/luci/admin/services/dots-callhome/approvals";
    const ntfy = openNtfy(target(`${server.url}/sub/my-topic`, { password: "tk_1", page }), hasty());
    const { notification } = told("isp");
    ntfy.add({ ...notification, asks: true, actions: [{ does: "approve", label: "Block it" }, { does: "deny", label: "Not an attack" }] });
    await server.until(1);
    const [{ url, headers, body } = { url: "", headers: {}, body: "{}" }] = server.received;
    assert.equal(url, "/sub");
    assert.equal(headers.authorization, "Bearer tk_1");
    assert.deepEqual(JSON.parse(body), {
      topic: "my-topic",
      title: "isp cannot warn you right now",
      message: "What is blocked stays blocked. We keep trying.",
      priority: 4,
      tags: ["electric_plug"],
      click: page,
      actions: [{ action: "view", label: "Block it", url: page }, { action: "view", label: "Not an attack", url: page }],
    });
    ntfy.close();
    server.stop();
  });
});
