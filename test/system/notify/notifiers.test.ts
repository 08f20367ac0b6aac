import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import type { UpstreamView } from "../../../src/operator/describe-status.ts";
import { composeNotification, type Announcement } from "../../../src/operator/notification.ts";
import { openNtfy } from "../../../src/system/notify/ntfy-notifier.ts";
import type { NotifierSurroundings, NotifierTarget } from "../../../src/system/notify/notifier.ts";
import { openWebhook } from "../../../src/system/notify/webhook-notifier.ts";
import { systemClock } from "../../../src/system/process/system-clock.ts";
import { suiteLimit } from "../../patience.ts";

interface Received { readonly url: string | undefined; readonly headers: IncomingHttpHeaders; readonly body: string }

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
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received,
    until: (count) => new Promise((resolve) => {
      wake = () => { if (received.length >= count) resolve(); };
      wake();
    }),
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}

const target = (url: string, more: Partial<NotifierTarget> = {}): NotifierTarget => ({ name: "phone", url, username: null, password: null, ca: undefined, language: "en", page: null, ...more });
const about = (name: string): UpstreamView => ({ name, state: "backing-off", transport: null, peer: null, since: null, last_error: null, sessions: 0 });
const told = (name: string): { announcement: Announcement; notification: ReturnType<typeof composeNotification> } => {
  const announcement = { event: "upstream_down", about: about(name) } as const;
  return { announcement, notification: composeNotification(announcement, "en") };
};
/** A hundred times faster, so that retries do not take minutes. */
const hasty = (): NotifierSurroundings & { lines: string[] } => {
  const lines: string[] = [];
  return { clock: { now: () => systemClock.now(), after: (delay, callback) => systemClock.after(delay / 100, callback) }, log: (level, line) => { lines.push(`${level}: ${line}`); }, lines };
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
      "warn: notify phone: a message was not delivered: the server answers HTTP 400", "warn: notify phone: a message was not delivered: the server answers HTTP 302",
    ]);
    webhook.close();
    server.stop();
  });

  it("keeps a bounded queue while nobody answers", async () => {
    const around = hasty();
    const webhook = openWebhook(target("http://127.0.0.1:1/"), around);
    for (let at = 0; at < 200; at++) webhook.add(told(`p${at}`));
    assert.equal(around.lines.filter((line) => line.includes("the oldest is dropped")).length, 150);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    webhook.close();
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
      topic: "my-topic", title: "isp cannot warn you right now", message: "What is blocked stays blocked. We keep trying.", priority: 4, tags: ["electric_plug"], click: page,
      actions: [{ action: "view", label: "Block it", url: page }, { action: "view", label: "Not an attack", url: page }],
    });
    ntfy.close();
    server.stop();
  });
});
