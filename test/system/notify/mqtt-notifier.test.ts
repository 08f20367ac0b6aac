import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connectAsync, type MqttClient } from "mqtt";
import type { MitigationView } from "../../../src/operator/describe-mitigation.ts";
import { composeNotification, type Announcement } from "../../../src/operator/notification.ts";
import { openMqtt, type MqttNotifier, type MqttDeps, type MqttTarget } from "../../../src/system/notify/mqtt-notifier.ts";
import { steadyClock, systemClock } from "../../../src/system/process/system-clock.ts";
import { suiteLimit } from "../../patience.ts";
import { until } from "../../until.ts";
import { connack, playBroker, publish, suback } from "./hostile-broker.ts";
import { milliseconds, type SteadyClock } from "../../../src/model/time.ts";

const mosquitto = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].find((path) => existsSync(path));

const question = (id: number, more: Partial<MitigationView> = {}): MitigationView => ({
  id,
  upstream: "isp",
  cuid: "c",
  mid: id,
  state: "pending",
  outcome: null,
  status: 1,
  action: "block",
  requested_at: "2026-11-21T20:20:00.000Z",
  expires_at: null,
  target: { prefixes: ["198.51.100.9/32"], ports: [], protocols: [], fqdns: [], uris: [] },
  source: { prefixes: [], ports: [], icmp_types: [] },
  devices: [{
    mac: "00:1d:c0:4f:7a:23",
    name: "Kitchen camera",
    addresses: [],
    port: null,
    certainty: "exact",
    evidence: { flows: 0, packets: 0, bytes: 0, first_seen: null, last_seen: null },
  }],
  dropped: { packets: 0, bytes: 0 },
  ...more,
});

interface Stage {
  readonly notifier: MqttNotifier;
  readonly commands: string[];
  readonly lines: string[];
  home: MitigationView[];
}

function open(url: string, more: Partial<MqttTarget> = {}, clock: SteadyClock = steadyClock): Stage {
  const stage = { commands: [] as string[], lines: [] as string[], home: [question(17)] };
  const around: MqttDeps = {
    clock,
    wallTime: () => systemClock.now(),
    log: (level, line) => {
      stage.lines.push(`${level}: ${line}`);
    },
    mitigations: () => stage.home,
    isConnected: () => true,
    answer(caller, method, params) {
      stage.commands.push(`${caller.via} ${method} ${JSON.stringify(params)}`);
      stage.home = stage.home.map((each) => ({ ...each, state: "active" }));
      return Promise.resolve({ result: {} });
    },
  };
  const target: MqttTarget = {
    name: "phone",
    url,
    username: null,
    password: null,
    ca: undefined,
    language: "en",
    page: null,
    topicPrefix: "dots",
    homeassistant: true,
    commands: true,
    ...more,
  };
  const notifier = openMqtt(target, around);
  return Object.assign(stage, { notifier });
}

describe("MQTT, on a real mosquitto with TLS and access rules", { skip: mosquitto === undefined ? "mosquitto is not installed" : false, timeout: suiteLimit },
  () => {
    const folder = mkdtempSync(join(tmpdir(), "dch-mqtt-"));
    const file = (name: string): string => join(folder, name);
    let broker: ChildProcess | undefined;
    let port = 0;
    let phone: MqttClient | undefined;
    const seen = new Map<string, string>();
    const ca = (): string => readFileSync(file("cert.pem"), "utf8");

    const startBroker = async (): Promise<void> => {
      broker = spawn(mosquitto ?? "", ["-c", file("mosquitto.conf")], { stdio: "ignore" });
      for (let attempt = 0; attempt < 100; attempt++) {
        try {
          phone = await connectAsync(`mqtts://localhost:${port}`, {
            ca: ca(),
            username: "phone",
            password: "phone pw",
            connectTimeout: 1_000,
            reconnectPeriod: 0,
          });
          break;
        } catch {
          await new Promise((resolve) => {
            setTimeout(resolve, 50);
          });
        }
      }
      assert.ok(phone, "mosquitto listens");
      seen.clear();
      phone.on("message", (topic, payload) => seen.set(topic, payload.toString()));
      await phone.subscribeAsync(["dots/#", "homeassistant/#"], { qos: 1 });
    };
    const stopBroker = async (): Promise<void> => {
      phone?.end(true);
      phone = undefined;
      const child = broker;
      if (!child) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      broker = undefined;
    };

    before(async () => {
      execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout", file("key.pem"),
        "-out", file("cert.pem"), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { stdio: "ignore" });
      const probe = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => probe.once("listening", resolve));
      ({ port } = probe.address() as AddressInfo);
      probe.close();
      execFileSync("mosquitto_passwd", ["-b", "-c", file("passwords"), "router", "router pw"], { stdio: "ignore" });
      execFileSync("mosquitto_passwd", ["-b", file("passwords"), "phone", "phone pw"], { stdio: "ignore" });
      writeFileSync(file("acl"),
        "user router\ntopic write dots/#\ntopic read dots/mitigation/+/set\ntopic read dots/mitigation/+\ntopic write homeassistant/#\n\nuser phone\ntopic readwrite dots/#\ntopic readwrite homeassistant/#\n");
      writeFileSync(file("mosquitto.conf"),
        `listener ${port} 127.0.0.1\ncertfile ${file("cert.pem")}\nkeyfile ${file("key.pem")}\nallow_anonymous false\npassword_file ${
          file("passwords")
        }\nacl_file ${file("acl")}\npersistence false\nuser root\n`);
      await startBroker();
    });
    after(async () => {
      await stopBroker();
      rmSync(folder, { recursive: true });
    });
    const login = (): Partial<MqttTarget> => ({ ca: ca(), username: "router", password: "router pw" });

    it("keeps state, announces to Home Assistant, obeys a command once, and says when it goes", async () => {
      const { notifier, commands, lines } = open(`mqtts://localhost:${port}`, login());
      await until("availability", () => seen.get("dots/availability") === "online");
      await until("the mitigation", () => seen.has("dots/mitigation/17"));
      assert.equal((JSON.parse(seen.get("dots/mitigation/17") ?? "{}") as MitigationView).state, "pending");
      await until("the sensors and buttons", () => seen.has("homeassistant/button/dots/17_approve/config") && seen.has("homeassistant/device/dots/config"));
      await notifier.try({ announcement: { event: "test", about: null }, notification: composeNotification({ event: "test", about: null }, "en") });
      await until("the test", () => (JSON.parse(seen.get("dots/event") ?? "{}") as { event?: string }).event === "test");
      seen.delete("dots/event");
      const announcement: Announcement = { event: "request", about: question(17) };
      notifier.add({ announcement, notification: composeNotification(announcement, "en") });
      await until("the event", () => seen.has("dots/event"));
      assert.equal((JSON.parse(seen.get("dots/event") ?? "{}") as { title: string }).title, "Kitchen camera is attacking a stranger");

      for (const garbage of ["", "approve ", "{}", "a".repeat(900), "\u0000", "Approve"])
        await phone?.publishAsync("dots/mitigation/17/set", garbage, { qos: 1 });
      for (const topic of ["dots/mitigation/0/set", "dots/mitigation/99999999999999999999/set", "dots/mitigation/1e3/set"])
        await phone?.publishAsync(topic, "approve", { qos: 1 });
      await phone?.publishAsync("dots/mitigation/17/set", "approve", { qos: 1 });
      await until("the command", () => commands.length > 0);
      await until("the buttons to go", () => seen.get("homeassistant/button/dots/17_approve/config") === "");
      assert.deepEqual(commands, ['mqtt approve {"id":17}']);
      assert.equal((JSON.parse(seen.get("dots/mitigation/17") ?? "{}") as MitigationView).state, "active");
      await notifier.close();
      await until("offline", () => seen.get("dots/availability") === "offline");
      assert.doesNotMatch(lines.join("\n"), /router pw/);
    });

    it("obeys no command that the broker kept, and none at all unless the configuration says so", async () => {
      await phone?.publishAsync("dots/mitigation/17/set", "deny", { qos: 1, retain: true });
      const kept = open(`mqtts://localhost:${port}`, login());
      await until("the kept one to be ignored", () => kept.lines.some((line) => line.includes("no command")));
      const off = open(`mqtts://localhost:${port}`, { ...login(), commands: false, topicPrefix: "dots" });
      await until("both", () => off.lines.some((line) => line.includes("connected")));
      await phone?.publishAsync("dots/mitigation/17/set", "", { qos: 1, retain: true });
      await phone?.publishAsync("dots/mitigation/17/set", "release", { qos: 1 });
      await until("the one that may", () => kept.commands.length > 0);
      assert.deepEqual([kept.commands, off.commands], [['mqtt release {"id":17}'], []]);
      await kept.notifier.close();
      await off.notifier.close();
    });

    it("clears what an earlier run has left there and is no longer true, and nothing else", async () => {
      const keep = (topic: string, payload: string): Promise<unknown> => phone?.publishAsync(topic, payload, { qos: 1, retain: true }) ?? Promise.resolve();
      const button = (id: number, does: string): string => `homeassistant/button/dots/${id}_${does}/config`;
      const stale = ["dots/mitigation/3", "dots/mitigation/17", button(3, "approve"), button(3, "deny"), button(17, "approve")];
      const others = ["dots/mitigation/notes", "dots/mitigation/3/comment", "dots/mine", "homeassistant/button/other/3_approve/config"];
      for (const topic of [...stale, ...others]) await keep(topic, "x".repeat(5_000));
      const stage = Object.assign(open(`mqtts://localhost:${port}`, login()), { home: [question(17, { state: "active" })] });
      await until("all that is stale to go", () => stale.every((topic) => topic === "dots/mitigation/17" || seen.get(topic) === ""));
      await until("what is true to be there", () => (seen.get("dots/mitigation/17") ?? "").startsWith("{"));
      assert.ok(others.every((topic) => (seen.get(topic) ?? "").length === 5_000), "what is not ours stays");
      assert.deepEqual(stage.lines, ["info: notify phone: connected"]);
      // It is not subscribed any more: what comes on such a topic later does not reach it.
      await phone?.publishAsync("dots/mitigation/17", "y".repeat(70_000), { qos: 1 });
      stage.home = [];
      stage.notifier.sync();
      await until("the last one to go", () => seen.get("dots/mitigation/17") === "");
      assert.deepEqual(stage.lines, ["info: notify phone: connected"]);
      for (const topic of others) await keep(topic, "");
      await stage.notifier.close();
    });

    it("leaves its last will, waits for the broker to come back, and then says all that holds", async () => {
      const { notifier, lines } = open(`mqtts://localhost:${port}`, login());
      await until("state", () => seen.has("dots/mitigation/17"));
      await stopBroker();
      await until("the log", () => lines.some((line) => line.includes("no connection")));
      const announcement: Announcement = { event: "blocked", about: question(17, { state: "active" }) };
      for (let at = 0; at < 500; at++) notifier.add({ announcement, notification: composeNotification(announcement, "en") });
      await startBroker();
      await until("the state of now, and what waited", () => seen.has("dots/mitigation/17") && seen.has("dots/event"), 15_000);
      await notifier.close();
    });

    it("does not talk to a broker whose certificate or rules do not fit, says so once, and disturbs nobody", async () => {
      const stranger = open(`mqtts://localhost:${port}`, { ...login(), ca: undefined });
      const refused = open(`mqtts://localhost:${port}`, { ...login(), password: "wrong" });
      await until("both complaints", () => stranger.lines.length > 0 && refused.lines.length > 0);
      assert.match(stranger.lines.join("\n"), /self.signed|certificate/i);
      assert.match(refused.lines.join("\n"), /not authorized|refused/i);
      await stranger.notifier.close();
      await refused.notifier.close();
    });
  });

describe("MQTT, on a broker that misbehaves", { timeout: suiteLimit }, () => {
  for (
    const [what, reply] of [["hangs", undefined], ["sends garbage", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")], ["claims a packet of 256 MB",
      Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0, 0])]] as const
  ) {
    it(`survives one that ${what}`, async () => {
      let connections = 0;
      const server = createServer((socket) => {
        connections++;
        socket.on("error", () => undefined);
        if (reply) socket.write(reply);
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { notifier } = open(`mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`);
      await until("a connection", () => connections > 0);
      const announcement: Announcement = { event: "blocked", about: question(17, { state: "active" }) };
      for (let at = 0; at < 1000; at++) notifier.add({ announcement, notification: composeNotification(announcement, "en") });
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      await notifier.close();
      server.close();
    });
  }
});

describe("MQTT, on a broker that refuses or falls silent", { timeout: suiteLimit }, () => {
  /** Forty times faster. */
  const hasty: SteadyClock = { now: () => steadyClock.now(), after: (delay, callback) => systemClock.after(milliseconds(delay / 40), callback) };
  const topicOf = (packet: Buffer): string => {
    const at = (packet[1] ?? 0) < 128 ? 2 : 3;
    return packet.toString("utf8", at + 2, at + 2 + packet.readUInt16BE(at));
  };
  const acknowledge = (packet: Buffer): Buffer => {
    const at = (packet[1] ?? 0) < 128 ? 2 : 3;
    const id = at + 2 + packet.readUInt16BE(at);
    return Buffer.from([0x40, 2, packet[id] ?? 0, packet[id + 1] ?? 0]);
  };
  const isPublish = (packet: Buffer): boolean => (packet[0] ?? 0) >> 4 === 3;

  it("dials again after a refused CONNACK, and says when; until then it is a warning", async () => {
    const broker = await playBroker((socket, connection) => {
      socket.once("data", () => {
        socket.write(connack(connection <= 2 ? 5 : 0));
      });
      return undefined;
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, {}, hasty);
    await until("the refusal", () => notifier.warnings().length > 0);
    await assert.rejects(
      notifier.try({ announcement: { event: "test", about: null }, notification: composeNotification({ event: "test", about: null }, "en") }),
      /no connection with the broker: .*Not authorized/,
    );
    assert.match(notifier.warnings().join(), /^notify phone: no connection with the broker: Connection refused: Not authorized$/);
    await until("the connection", () => lines.includes("info: notify phone: connected"));
    assert.deepEqual(lines.slice(0, 2).map((line) => /Not authorized; next attempt in \d+ s/.exec(line)?.[0]), ["Not authorized; next attempt in 5 s",
      "Not authorized; next attempt in 10 s"]);
    assert.deepEqual(notifier.warnings(), []);
    await notifier.close();
    broker.close();
  });

  it("sends what is allowed first; what the broker denies by ending the connection is named, and left out after three times", async () => {
    const seen: string[] = [];
    const broker = await playBroker((socket) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if (!isPublish(packet)) return;
      const topic = topicOf(packet);
      seen.push(topic);
      if (topic.startsWith("homeassistant/")) socket.end();
      else socket.write(acknowledge(packet));
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, { commands: false }, hasty);
    const announcement: Announcement = { event: "request", about: question(17) };
    notifier.add({ announcement, notification: composeNotification(announcement, "en") });
    await until("it to be named", () => lines.some((line) => line.includes("over homeassistant/#; it is left out for an hour")));
    assert.deepEqual([...new Set(seen)].slice(0, 4), ["dots/availability", "dots/state", "dots/mitigation/17", "dots/event"]);
    assert.ok(broker.connectedAt.length <= 5, "in few connections");
    const before = lines.filter((line) => line.endsWith(": connected")).length;
    await until("the next connection", () => lines.filter((line) => line.endsWith(": connected")).length > before);
    const sofar = seen.length;
    notifier.add({ announcement, notification: composeNotification(announcement, "en") });
    await until("an event", () => seen.slice(sofar).includes("dots/event"));
    assert.deepEqual(notifier.warnings(), ["notify phone: the broker ends the connection over homeassistant/#; it is left out"]);
    assert.equal(broker.open(), 1);
    await notifier.close();
    broker.close();
  });

  it("gets all else to a broker that ends the connection over the first topic", async () => {
    const taken = new Set<string>();
    const broker = await playBroker((socket) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if (!isPublish(packet)) return;
      const topic = topicOf(packet);
      if (topic === "dots/availability") socket.end();
      else if (socket.writable) {
        taken.add(topic);
        socket.write(acknowledge(packet));
      }
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, { commands: false, homeassistant: false }, hasty);
    await until("it to be named", () => lines.some((line) => line.includes("over dots/availability; it is left out for an hour")));
    await until("all else", () => taken.has("dots/state") && taken.has("dots/mitigation/17"));
    assert.deepEqual(notifier.warnings().filter((line) => line.includes("left out")), [
      "notify phone: the broker ends the connection over dots/availability; it is left out",
    ]);
    await notifier.close();
    broker.close();
  });

  it("leaves nothing out for a broker that ends every connection, and gives it all once it does not", async () => {
    const taken = new Set<string>();
    let isWell = false;
    const broker = await playBroker((socket) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if (!isPublish(packet)) return;
      if (!isWell) socket.end();
      else {
        taken.add(topicOf(packet));
        socket.write(acknowledge(packet));
      }
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, { commands: false, homeassistant: false }, hasty);
    await until("several connections", () => broker.connectedAt.length >= 6);
    isWell = true;
    await until("all of it", () => ["dots/availability", "dots/state", "dots/mitigation/17"].every((topic) => taken.has(topic)));
    assert.doesNotMatch([...lines, ...notifier.warnings()].join("\n"), /left out/);
    await notifier.close();
    broker.close();
  });

  it("goes on without commands where the broker ends the connection over the subscription, and asks again an hour later", async () => {
    const taken = new Set<string>();
    let isAllowed = false;
    let subscribed = false;
    let skipAnHour = (): void => undefined;
    const clock: SteadyClock = {
      ...hasty,
      after: (delay, callback) => {
        if (delay < 3_600_000) return hasty.after(delay, callback);
        skipAnHour = callback;
        return () => undefined;
      },
    };
    const broker = await playBroker((socket) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if ((packet[0] ?? 0) >> 4 === 8 && packet.toString("latin1").includes("/set")) {
        if (!isAllowed) socket.end();
        else subscribed = socket.write(suback(packet.readUInt16BE(2)));
      } else if (isPublish(packet) && socket.writable) {
        taken.add(topicOf(packet));
        socket.write(acknowledge(packet));
      }
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, {}, clock);
    await until("a connection without", () => lines.some((line) => line.includes("commands are not asked for")));
    await until("all else",
      () => ["dots/availability", "dots/state", "dots/mitigation/17", "homeassistant/device/dots/config"].every((topic) => taken.has(topic)));
    await until("the warning", () => notifier.warnings().join() === "notify phone: the broker does not let us subscribe to commands");
    isAllowed = true;
    skipAnHour();
    await until("the subscription", () => subscribed && notifier.warnings().length === 0);
    await notifier.close();
    broker.close();
  });

  it("lets no more than a window wait for a broker that acknowledges nothing, and ends such a connection", async () => {
    const received: number[] = [];
    const broker = await playBroker((socket, connection) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if (isPublish(packet)) received[connection] = (received[connection] ?? 0) + 1;
    });
    const { notifier, lines } = Object.assign(open(`mqtt://127.0.0.1:${broker.port}`, { homeassistant: false }, hasty), { home: [] });
    await until("three connections", () => broker.connectedAt.length >= 3);
    const announcement: Announcement = {
      event: "blocked",
      about: question(17, { target: { prefixes: Array.from({ length: 4_000 }, () => "198.51.100.9/32"), ports: [], protocols: [], fqdns: [], uris: [] } }),
    };
    for (let at = 0; at < 300; at++) notifier.add({ announcement, notification: composeNotification(announcement, "en") });
    await until("five", () => broker.connectedAt.length >= 5);
    assert.ok(received.every((count) => count <= 64), `${received.join()} messages`);
    assert.match(lines.join("\n"), /the broker acknowledged nothing for 60 s; next attempt in/);
    await notifier.close();
    broker.close();
  });

  it("asks no more what it keeps, where it ends the connection over that", async () => {
    let asked = 0;
    const broker = await playBroker((socket) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if (isPublish(packet)) socket.write(acknowledge(packet));
      if ((packet[0] ?? 0) >> 4 !== 8) return;
      asked++;
      socket.end();
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, { commands: false }, hasty);
    await until("a connection that lasts", () => lines.filter((line) => line.endsWith(": connected")).length === 3 && broker.open() === 1);
    assert.equal(asked, 2);
    await notifier.close();
    broker.close();
  });

  it("goes on without commands where what others write to their topic is more than it takes", async () => {
    let subscribed = 0;
    const broker = await playBroker((socket) => (packet) => {
      if ((packet[0] ?? 0) >> 4 === 1) socket.write(connack());
      if (isPublish(packet)) socket.write(acknowledge(packet));
      if ((packet[0] ?? 0) >> 4 !== 8 || !packet.toString("latin1").includes("/set")) return;
      subscribed++;
      socket.write(suback(packet.readUInt16BE(2)));
      socket.write(publish("dots/mitigation/17/set", "a".repeat(100_000), { retain: true }));
    });
    const { notifier, lines } = open(`mqtt://127.0.0.1:${broker.port}`, {}, hasty);
    await until("a connection without", () => lines.some((line) => line.includes("commands are not asked for on the next connection")));
    await until("it to stay", () => lines.filter((line) => line.endsWith(": connected")).length === 4);
    assert.equal(subscribed, 3);
    assert.match(lines.join("\n"), /more than 1024 bytes; next attempt in 60 s/);
    await notifier.close();
    broker.close();
  });
});
