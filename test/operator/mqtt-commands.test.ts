import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { mqttCommandTopic, readMqttCommand, type MqttCommand, type MqttMessage } from "../../src/operator/mqtt-commands.ts";

const options = { prefix: "home/dots-callhome", commands: true, name: "phone" };
const read = (topic: string, payload: string, changes: Partial<typeof options & MqttMessage> = {}): MqttCommand | undefined =>
  readMqttCommand({ topic, payload: Buffer.from(payload), retained: changes.retained ?? false }, { ...options, ...changes });
const topic = "home/dots-callhome/mitigation/17/set";

suite("MQTT commands", () => {
  test("approve, deny and release become calls of the control methods", () => {
    for (const method of ["approve", "deny", "release"] as const) {
      assert.deepEqual(read(topic, `${method}\n`), { method, params: { id: 17 }, caller: { via: "mqtt", who: "phone", mayChange: true } });
    }
    assert.equal(mqttCommandTopic(options.prefix), "home/dots-callhome/mitigation/+/set");
  });

  test("are not honoured unless the configuration says so, nor when retained", () => {
    assert.deepEqual(read(topic, "approve", { commands: false }), { refused: `MQTT command to ${topic} ignored: commands are off, option commands '1' of the notify section turns them on` });
    assert.deepEqual(read(topic, "approve", { retained: true }), { refused: `MQTT command to ${topic} ignored: it is retained` });
  });

  test("anything else is refused in words", () => {
    const why = (...given: [string, string]): string => {
      const command = read(...given);
      return command && "refused" in command ? command.refused.replace(/^.* ignored: /, "") : JSON.stringify(command);
    };
    assert.equal(why(topic, "policy"), "'policy' is not approve, deny or release");
    assert.equal(why(topic, "\u001b[2J"), "'\\u001b[2J' is not approve, deny or release");
    assert.equal(why(topic, "x".repeat(65)), "it is longer than 64 bytes");
    for (const id of ["0", "017", "-1", "1e3", "", "17/x", "9".repeat(16)]) assert.equal(why(`home/dots-callhome/mitigation/${id}/set`, "deny"), "its topic has no mitigation's number");
  });

  test("other topics are none of its business", () => {
    for (const other of ["home/dots-callhome/mitigation/17", "dots-callhome/mitigation/17/set", "home/dots-callhome/mitigation/set", "", "home/dots-callhome/event"]) {
      assert.equal(read(other, "approve"), undefined);
    }
  });

  test("no message throws, and none calls another method", () => {
    fc.assert(fc.property(fc.string(), fc.uint8Array({ maxLength: 80 }), (id, payload) => {
      const command = readMqttCommand({ topic: `${options.prefix}/mitigation/${id}/set`, payload, retained: false }, options);
      assert.ok(command && ("refused" in command || ["approve", "deny", "release"].includes(command.method)));
    }));
  });
});
