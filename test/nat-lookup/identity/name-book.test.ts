import assert from "node:assert/strict";
import { test } from "node:test";
import { createNameBook } from "../../../src/nat-lookup/identity/name-book.ts";

const [camera, laptop, phone] = ["00:1d:c0:4f:7a:23", "00:8e:3b:90:d1:42", "02:00:00:00:0b:99"];
const vendorOf = (mac: string): string | null => (mac === camera ? "Espressif" : null);
const nobody: ReadonlyMap<string, string> = new Map();

test("a name that one device bears is shown as it is; one that two bear or have borne, with maker and end of the MAC address", () => {
  const book = createNameBook(vendorOf);
  book.learn([[laptop, "Annas-laptop"], [camera, "ESP_4F7A23"]]);
  assert.deepEqual([book.titleOf(laptop, "Annas-laptop", nobody), book.titleOf(camera, "ESP_4F7A23", nobody)], ["Annas-laptop", "ESP_4F7A23"]);
  for (const name of ["Annas-laptop", "annas laptop", "ANNAS_LAPTOP.lan", "Ａnnas-laptop"]) {
    const copy = createNameBook(vendorOf);
    copy.learn([[laptop, "Annas-laptop"]]);
    copy.learn([[camera, name]]);
    assert.match(copy.titleOf(camera, name, nobody) ?? "", / \(Espressif, …7a:23\)$/, name);
    assert.equal(copy.titleOf(laptop, "Annas-laptop", nobody), "Annas-laptop (…d1:42)", "whose it was first, nobody knows");
  }
});

test("the owner's names cannot be taken, nor the marks that we add", () => {
  const book = createNameBook(vendorOf);
  const owners = new Map([[laptop, "Anna's laptop"]]);
  assert.equal(book.titleOf(camera, "annas-laptop", owners), "annas-laptop (Espressif, …7a:23)");
  book.learn([[camera, "Annas-laptop (Dell, …d1:42)"]]);
  assert.equal(book.titleOf(camera, "Annas-laptop (Dell, …d1:42)", owners), "Annas-laptop (Dell,~ (Espressif, …7a:23)");
  assert.doesNotMatch(createNameBook().titleOf(camera, "TV (Dell, …d1:42)", nobody) ?? "", /…/);
});

test("a long name does not push the mark away; a made-up address has no maker", () => {
  const book = createNameBook(() => "Espressif Systems Shanghai");
  const long = "x".repeat(64);
  book.learn([[camera, long], [phone, long]]);
  assert.equal(book.titleOf(camera, long, nobody), `${"x".repeat(19)}~ (Espressif Sys~, …7a:23)`);
  assert.equal(book.titleOf(phone, long, nobody), `${"x".repeat(19)}~ (…0b:99)`);
  assert.ok((book.titleOf(camera, long, nobody) ?? "").length < 48, "what a push message shows");
  assert.equal(book.titleOf(camera, "\u0007\u202e", nobody), null);
});

test("names by the thousand are forgotten, the oldest first", () => {
  const book = createNameBook();
  book.learn([[laptop, "laptop"]]);
  book.learn(Array.from({ length: 2000 }, (_, at) => [phone, `name ${at}`] as const));
  assert.equal(book.titleOf(camera, "laptop", nobody), "laptop");
  assert.match(book.titleOf(camera, "name 1999", nobody) ?? "", /…/);
});
