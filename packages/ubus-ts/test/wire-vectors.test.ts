import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { decodeTable, encodeTable, type UbusTable } from "../src/blobmsg.ts";
import { createMessageReader, encodeMessage, messageType, type UbusMessage } from "../src/message.ts";

/**
 * Exchanges that were recorded between OpenWrt's own ubusd and its `ubus` program (openwrt/ubus 3cc98db of 2025-12-02,
 * openwrt/libubox 1aa36ee of 2026-02-13, built from source outside this repository), a message a line. The scene names the
 * command. In the last scene the client is ours.
 */
interface Line {
  readonly scene: string;
  readonly from: "client" | "ubusd";
  readonly hex: string;
}
const lines = readFileSync(new URL("./ubus-wire.jsonl", import.meta.url), "utf8").trim().split("\n").map((line) => JSON.parse(line) as Line);

function read(hex: string): UbusMessage {
  const messages: UbusMessage[] = [];
  createMessageReader((message) => {
    messages.push(message);
  })(Buffer.from(hex, "hex"));
  const [message] = messages;
  assert.ok(message && messages.length === 1);
  return message;
}

suite("messages of OpenWrt's ubus", () => {
  test("each is read whole, and means the same when we write it", () => {
    for (const { hex, scene } of lines) {
      const message = read(hex);
      const ours = encodeMessage(message);
      assert.deepEqual(read(ours.toString("hex")), message, scene);
      // The order of attributes is free; nothing was left out.
      assert.equal(ours.length, hex.length / 2, scene);
    }
  });

  test("what `ubus call` makes of JSON is what we make of it, byte for byte, and its answer is the same value", () => {
    const calls = lines.filter(({ scene, hex }) =>
      scene.startsWith("ubus call test.echo echo ") && [messageType.invoke, messageType.data].includes(read(hex).type as 2 | 5)
    );
    let compared = 0;
    for (const { scene, hex } of calls) {
      const { data, signature } = read(hex).attributes;
      if (!data || signature) continue;
      const given = JSON.parse(scene.slice("ubus call test.echo echo ".length)) as UbusTable;
      // JSON.parse has rounded what does not fit a double; on the wire it is exact.
      const table: UbusTable = "big" in given ? { ...given, big: -9007199254740993n } : given;
      assert.deepEqual(decodeTable(data), table);
      assert.equal(encodeTable(table).toString("hex"), data.toString("hex"));
      compared++;
    }
    assert.equal(compared, 16);
  });

  test("the statuses that ubusd itself answers", () => {
    const statusOf = (wanted: string): (number | undefined)[] =>
      lines
        .filter(({ scene, from, hex }) => scene === wanted && from === "ubusd" && read(hex).type === messageType.status)
        .map(({ hex }) => read(hex).attributes.status);
    assert.deepEqual(statusOf("ubus call test.echo nothing"), [0, 3]);
    assert.deepEqual(statusOf("ubus call other x"), [4]);
  });
});
