import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { BlobError } from "../src/blob.ts";
import { createMessageReader, encodeMessage, largestMessage, messageType, type UbusMessage } from "../src/message.ts";

const lookup: UbusMessage = { type: messageType.lookup, seq: 1, peer: 0, attributes: { objectPath: "system" } };

suite("ubus messages", () => {
  test("a lookup, byte for byte", () => {
    assert.equal(encodeMessage(lookup).toString("hex"), "00040001" + "00000000" + "00000010" + "0200000b" + "73797374656d0000");
  });

  test("messages arrive however the stream is cut", () => {
    const sent: UbusMessage[] = [
      lookup,
      { type: messageType.hello, seq: 0, peer: 0xdead_beef, attributes: {} },
      { type: messageType.invoke, seq: 0xffff, peer: 7, attributes: { objectId: 0xffff_ffff, method: "m", data: Buffer.alloc(300, 1), noReply: true } },
    ];
    const bytes = Buffer.concat(sent.map(encodeMessage));
    fc.assert(fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const received: UbusMessage[] = [];
      const read = createMessageReader((message) => {
        received.push(message);
      });
      const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      for (const [at, edge] of edges.slice(1).entries()) read(bytes.subarray(edges[at], edge));
      assert.deepEqual(received, sent);
    }));
  });

  test("a length that is no length, and another version, end the stream", () => {
    const feed = (hex: string): void => {
      createMessageReader(() => undefined)(Buffer.from(hex, "hex"));
    };
    assert.throws(() => {
      feed("010400010000000000000004");
    }, BlobError);
    assert.throws(() => {
      feed("000400010000000000000003");
    }, BlobError);
    assert.throws(() => {
      feed("000400010000000000ffffff");
    }, BlobError);
  });

  test("a malformed attribute is left out, the message arrives", () => {
    const bytes = encodeMessage({ ...lookup, attributes: { objectId: 5, method: "x" } });
    bytes.writeUInt32BE(0x0300_0009, 12); // objectId of 5 bytes
    const received: UbusMessage[] = [];
    createMessageReader((message) => {
      received.push(message);
    })(bytes);
    assert.equal(received[0]?.attributes.objectId, undefined);
  });

  test("never more than one message is held, and none is larger than ubusd takes", () => {
    assert.throws(() => encodeMessage({ ...lookup, attributes: { data: Buffer.alloc(largestMessage) } }), BlobError);
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
      try {
        const read = createMessageReader(() => undefined);
        for (const chunk of chunks) read(Buffer.from(chunk));
      } catch (error) {
        assert.ok(error instanceof BlobError);
      }
    }), { numRuns: 1000 });
  });
});
