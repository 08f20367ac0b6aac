import assert from "node:assert/strict";
import { test } from "node:test";

test("a URL is read as Node reads it", () => {
  const cases: [string, Partial<URL>][] = [
    ["https://Ntfy.Example/topic?x=1#y", {
      protocol: "https:",
      hostname: "ntfy.example",
      host: "ntfy.example",
      port: "",
      pathname: "/topic",
      search: "?x=1",
      hash: "#y",
      href: "https://ntfy.example/topic?x=1#y",
    }],
    ["https://h.example:443", { port: "", host: "h.example", pathname: "/", href: "https://h.example/" }],
    ["http://u:p@h.example:8080/a b/../c", { username: "u", password: "p", port: "8080", host: "h.example:8080", pathname: "/c" }],
    ["mqtts://broker.lan:8883", { protocol: "mqtts:", hostname: "broker.lan", port: "8883", pathname: "" }],
    ["mqtt://[fd00::1]:1883/x", { hostname: "[fd00::1]", port: "1883", pathname: "/x" }],
    ["https://192.168.1.1/ä", { pathname: "/%C3%A4" }],
  ];
  for (const [text, parts] of cases) {
    const url = new URL(text);
    for (const [name, value] of Object.entries(parts)) assert.equal(url[name as keyof URL], value, `${text} ${name}`);
  }
  for (const text of ["", "ntfy.example", "https://", "http://a b/", "https://h.example:65536/", "http://[::g]/", "https://exa<mple/"])
    assert.equal(URL.canParse(text), false, text);
  assert.equal(new URL("/cgi-bin/luci", "https://192.168.1.1").href, "https://192.168.1.1/cgi-bin/luci");
  assert.equal(new URL("c", "https://h.example/a/b?x").href, "https://h.example/a/c");
});
