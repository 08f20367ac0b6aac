import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { errorText } from "../../src/text/error-text.ts";

test("an error says its text, on one line", () => {
  assert.equal(errorText(new Error("first\n  second")), "first second");
  assert.equal(errorText("a word"), "a word");
  assert.equal(errorText({ message: "like an error" }), "like an error");
});

test("whatever is thrown, the text is not empty", () => {
  const circle = new Error("");
  circle.cause = circle;
  for (
    const thrown of [new Error(""), new Error(" \n"), "", undefined, null, {}, [], Symbol("x"), new AggregateError([]), new AggregateError([new Error("")]),
      circle, { message: 1 }, () => 1]
  ) {
    assert.match(errorText(thrown), /\S/);
  }
  assert.equal(errorText(new TypeError("")), "TypeError");
  assert.equal(errorText(Object.assign(new Error(""), { code: "ETIMEDOUT" })), "ETIMEDOUT");
});

test("an AggregateError says what it holds, each text once, and not too many", () => {
  assert.equal(
    errorText(
      new AggregateError([new Error("connect ETIMEDOUT 192.0.2.1:443"), new Error("connect ENETUNREACH 2001:db8::1"),
        new Error("connect ENETUNREACH 2001:db8::1")]),
    ),
    "connect ETIMEDOUT 192.0.2.1:443; connect ENETUNREACH 2001:db8::1",
  );
  assert.equal(errorText(new AggregateError([new Error("inner")], "outer")), "outer: inner");
  assert.ok(errorText(new AggregateError(Array.from({ length: 10_000 }, (_, at) => new Error(`number ${at} ${"x".repeat(1_000)}`)))).length <= 900);
});

test("what Node reports of a name with several addresses has a text", async () => {
  const error = await new Promise<unknown>((resolve) => {
    connect({
      host: "two.example",
      port: 1,
      lookup: (_name, _options, done) => {
        (done as (error: null, all: object[]) => void)(null, [{ address: "127.0.0.1", family: 4 }, { address: "127.0.0.2", family: 4 }]);
      },
    })
      .on("error", resolve);
  });
  assert.match(errorText(error), /ECONNREFUSED 127\.0\.0\.1:1; connect ECONNREFUSED 127\.0\.0\.2:1/);
});
