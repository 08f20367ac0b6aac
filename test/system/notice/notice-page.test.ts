import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { QuarantinedDevice } from "../../../src/model/enforcement.ts";
import { noticeWords } from "../../../src/operator/notice-words.ts";
import type { Language } from "../../../src/operator/notification-words.ts";
import { noticeLimits } from "../../../src/system/notice/notice-limits.ts";
import { openNoticePage, type OpenNoticePage } from "../../../src/system/notice/notice-page.ts";
import { suiteLimit } from "../../patience.ts";
import { until } from "../../until.ts";
import { ask, dial, freePort } from "./notice-client.ts";
import { seconds } from "../../../src/model/time.ts";

/** On loopback, 127.0.0.1 is the camera, 127.0.1.x are devices of which one that is cut off is said to be, 127.0.2.x are one device, 127.0.3.x are not known yet, 127.0.9.9 is the world. */
const camera: QuarantinedDevice = { mac: "02:00:00:00:0a:01", addresses: ["127.0.0.1"], timeout: seconds(600) };
const macsOf = (address: string): string[] => (address.startsWith("127.0.1.") ? ["02:00:00:00:0a:02"] : address === "127.0.0.3" ? ["02:00:00:00:0a:03"] : []);
const visitors = {
  identify: (remote: string) => {
    const address = remote.replace("::ffff:", "");
    return Promise.resolve(address === "127.0.9.9" ? undefined : { address, macs: macsOf(address) });
  },
  seenAs: (remote: string) => {
    const address = remote.replace("::ffff:", "");
    if (address.startsWith("127.0.3.")) return undefined;
    return address.startsWith("127.0.2.") ? "02:00:00:00:0a:04" : `the device at ${address}`;
  },
};

let page: OpenNoticePage;
let port: number;
let language: Language = "en";
const logged: string[] = [];

const isThere = (): Promise<boolean> => ask(port).then(() => true, () => false);
/** One address may come ten times a second. */
let turn = 0;
const another = (): string => `127.0.1.${1 + turn++ % 200}`;
const many: QuarantinedDevice = { mac: "02:00:00:00:0a:02", addresses: ["192.0.2.1"], timeout: seconds(60) };
/** Waits longer than `until`: the kernel offers a connection that found no room again after a second, and then after two more. */
const untilAtLast = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let attempt = 1;; attempt++) {
    try {
      await until(what, holds);
      return;
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
};
const shown = async (...devices: QuarantinedDevice[]): Promise<void> => {
  page.show(devices);
  await until("it listens", isThere);
};

beforeEach(async () => {
  port = await freePort();
  logged.length = 0;
  language = "en";
  page = openNoticePage({
    visitors,
    language: () => language,
    log: (level, message) => {
      logged.push(`${level} ${message}`);
    },
    port,
  });
});
afterEach(async () => {
  await page.close();
  await untilAtLast("no socket is left, on either side", () => !process.getActiveResourcesInfo().includes("TCPSocketWrap"));
});

describe("the notice page", { timeout: suiteLimit }, () => {
  it("is there while somebody is cut off, and at no other time", async () => {
    await assert.rejects(ask(port), /ECONNREFUSED/);
    await shown(camera);
    page.show([camera]);
    assert.equal((await ask(port)).status, 200);
    page.show([]);
    await until("it is gone", async () => !await isThere());
    page.show([camera]);
    page.show([]);
    page.show([camera]);
    await until("it is back", isThere);
    await page.close();
    page.show([camera]);
    await assert.rejects(ask(port), /ECONNREFUSED/);
    assert.deepEqual([page.warnings(), logged], [[], []]);
  });

  it("is what every request gets, whatever its path, host and method; probes take it for a portal", async () => {
    await shown(many);
    for (const path of ["/", "/generate_204", "/hotspot-detect.html", "/connecttest.txt", "/a/b?c=%00&<script>", `/${"x".repeat(4_000)}`]) {
      const { status, headers, body } = await ask(port, { path, from: another(), headers: { Host: "bank.example" } });
      assert.equal(status, 200);
      assert.ok(body.includes(noticeWords.en.heading));
      assert.equal(headers["content-length"], String(Buffer.byteLength(body)), "Android takes an empty 200 for the internet");
      assert.equal(body.includes("bank.example") || body.includes("xxxx"), false, "nothing of the request comes back");
    }
    const head = await ask(port, { method: "HEAD", from: another() });
    assert.deepEqual([head.status, head.body, Number(head.headers["content-length"]) > 1_000], [200, "", true]);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
      const sent = await ask(port, { method, from: another(), body: method === "POST" || method === "PUT" ? "a=1" : "" });
      assert.equal(sent.status, 511, method);
      assert.ok(sent.body.includes(noticeWords.en.heading));
    }
    assert.equal((await ask(port, { method: "POST", from: another(), headers: { Expect: "100-continue", "Content-Length": "3" }, body: "a=1" })).status, 511);
  });

  it("is not kept by anybody, runs nothing and loads nothing", async () => {
    await shown(camera);
    const { headers, body } = await ask(port);
    const [, style = ""] = /<style>([^]*?)<\/style>/.exec(body) ?? [];
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["connection"], "close");
    assert.equal(headers["content-security-policy"],
      `default-src 'none'; style-src 'sha256-${
        createHash("sha256").update(style).digest("base64")
      }'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
    assert.deepEqual(["x-content-type-options", "referrer-policy", "content-type", "set-cookie", "server"].map((name) => headers[name]), ["nosniff",
      "no-referrer", "text/html; charset=utf-8", undefined, undefined]);
  });

  it("speaks the reader's language, else the configured one", async () => {
    await shown(camera);
    assert.ok((await ask(port, { headers: { "Accept-Language": "ja-JP,en;q=0.5" } })).body.includes(noticeWords.ja.heading));
    language = "de";
    for (const headers of [{}, { "Accept-Language": "fr" }]) assert.ok((await ask(port, { headers })).body.includes(noticeWords.de.heading));
  });

  it("says so to who has not been cut off; knows who has by address and by MAC address", async () => {
    await shown(camera, many);
    for (const [from, expected] of [["127.0.0.1", "heading"], ["127.0.1.7", "heading"], ["127.0.0.3", "notCutOff"], ["127.0.0.4", "notCutOff"]] as const) {
      assert.ok((await ask(port, { from })).body.includes(noticeWords.en[expected]), from);
    }
  });

  it("has not a byte for who comes from elsewhere", async () => {
    await shown(camera);
    const stranger = dial(port, "127.0.9.9", "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await stranger.ended;
    assert.equal(stranger.heard(), "");
  });

  it("says so where the port is taken, and comes as soon as it is free", async () => {
    const other = createServer().listen(port, "0.0.0.0");
    page.show([camera]);
    await until("the warning", () => page.warnings().length > 0);
    page.show([camera]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(page.warnings(), [`there is no notice page for devices that are cut off: TCP port ${port}: something else listens there`]);
    await new Promise((resolve) => other.close(resolve));
    await shown(camera);
    assert.deepEqual([page.warnings(), logged.length], [[], 1]);
  });

  it("says when it begins and ceases to listen, and that it is open only meanwhile", async () => {
    const changes: boolean[] = [];
    const other = openNoticePage({
      visitors,
      language: () => "en",
      log: () => undefined,
      port: await freePort(),
      changed: () => {
        changes.push(other.isOpen());
      },
    });
    other.show([camera]);
    assert.equal(other.isOpen(), false);
    await until("it is open", () => other.isOpen());
    other.show([camera]);
    other.show([]);
    await until("it is closed", () => changes.length === 2);
    other.show([camera]);
    await until("it is open again", () => changes.length === 3);
    await other.close();
    assert.deepEqual(changes, [true, false, true, false]);
  });
});

describe("the notice page, attacked", { timeout: suiteLimit }, () => {
  const complete = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

  it("connections that say nothing keep nobody out, and are ended", async () => {
    await shown(camera);
    const began = performance.now();
    const slow = Array.from({ length: 40 }, (_, at) => dial(port, `127.0.1.${1 + (at % 20)}`, "GET / HTTP/1.1\r\nX-A: "));
    await until("all that fit are held", isThere);
    const trickle = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write("b");
    }, 300);
    await Promise.all(slow.map(({ ended }) => ended));
    clearInterval(trickle);
    assert.ok(performance.now() - began < 3 * noticeLimits.life, "though they trickle on");
    assert.ok(slow.every(({ heard }) => heard() === ""));
  });

  it("a thousand connections: at most sixteen at a time, four from one address, and the page is there for the next", async () => {
    await shown(camera);
    const one = Array.from({ length: 20 }, () => dial(port, "127.0.0.3"));
    const isOpen = ({ socket }: (typeof one)[number]): boolean => !socket.destroyed && !socket.connecting;
    await untilAtLast("one address has four", () => one.filter(isOpen).length <= noticeLimits.connectionsOfOne);
    const others = Array.from({ length: 1_000 }, (_, at) => dial(port, `127.0.1.${1 + (at % 200)}`, at % 2 === 0 ? "" : "GET "));
    await untilAtLast("sixteen are left", () => [...one, ...others].filter(isOpen).length <= noticeLimits.connections);
    await untilAtLast("the page is there", isThere);
    for (const { socket } of [...one, ...others]) socket.destroy();
  });

  for (const [what, range] of [["one device with two hundred addresses", "127.0.2"], ["two hundred that nobody knows yet", "127.0.3"]] as const) {
    it(`${what}: four connections, and the page is there for others at once`, async () => {
      await shown(camera);
      const held = Array.from({ length: 200 }, (_, at) => dial(port, `${range}.${1 + at}`, "GET "));
      const isOpen = ({ socket }: (typeof held)[number]): boolean => !socket.destroyed && !socket.connecting;
      await untilAtLast("four are left", () => held.filter(isOpen).length <= noticeLimits.connectionsOfOne && held.every(({ socket }) => !socket.connecting));
      assert.equal((await ask(port, { from: "127.0.0.1" })).status, 200);
      for (const { socket } of held) socket.destroy();
    });
  }

  it("huge headers, bodies without end, thousands of requests at once, and rubbish", async () => {
    await shown(camera);
    const before = process.memoryUsage().rss;
    const huge = dial(port, "127.0.1.1", `GET / HTTP/1.1\r\nX: ${"y".repeat(1_000_000)}`);
    const lines = dial(port, "127.0.1.2", `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(100_000)}`);
    const pipelined = dial(port, "127.0.1.3", complete.repeat(3_000));
    const rubbish = dial(port, "127.0.1.4", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(100));
    const tunnel = dial(port, "127.0.1.5", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    const body = dial(port, "127.0.1.6", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const more = setInterval(() => {
      if (body.socket.writable && body.socket.writableLength < 1_000_000) body.socket.write(`10000\r\n${"z".repeat(0x10000)}\r\n`);
    }, 1);
    await Promise.all([huge, lines, pipelined, rubbish, tunnel, body].map(({ ended }) => ended));
    clearInterval(more);
    assert.deepEqual([huge, lines, rubbish, tunnel].map(({ heard }) => heard()), ["", "", "", ""]);
    assert.ok(pipelined.heard().split("HTTP/1.1 200").length <= 2, "one answer a connection");
    await until("the page is there", isThere);
    const grown = (process.memoryUsage().rss - before) / 1e6;
    assert.ok(grown < 60, `${grown} MB`);
    assert.deepEqual(logged, []);
  });
});
