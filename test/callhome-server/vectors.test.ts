import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../fake-clock.ts";
import { vector } from "../nat-lookup/asking.ts";
import { dropping, requested } from "../policy/samples.ts";
import { sessionUnderTest } from "./session-under-test.ts";
import { bytes, hex, text } from "./wire.ts";

/** A datagram and what it is answered by, byte for byte but for the message ID of an answer of our own. */
interface Vector {
  readonly what: string;
  readonly request: string;
  /** `CODE` or `CODE payload`; a diagnostic text in quotes; null = silence. */
  readonly answer: string | null;
}

for (const file of ["valid", "invalid"]) {
  for (const { what, request, answer } of vector(`signal-channel/${file}.jsonl`).trimEnd().split("\n").map((line) => JSON.parse(line) as Vector)) {
    test(`${file}: ${what}`, async () => {
      const under = sessionUnderTest();
      under.mitigations = [{ ...dropping, request: requested({ mid: 123, to: "2001:db8:6401::1", from: "2001:db8:123::1" }) }];
      under.session.receive(bytes(request));
      await settle();
      const [first] = under.answers();
      const shown = first
        && [`${first.type} ${first.code}`,
          first.payload.length === 0 ? "" : /^[45]/.test(first.code) && first.code !== "4.09" ? JSON.stringify(text(first.payload)) : hex(first.payload)];
      assert.equal(shown ? shown.filter((part) => part !== "").join(" ") : null, answer);
    });
  }
}
