import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deletionArguments, listingArguments } from "../../../src/nat-lookup/conntrack/conntrack-arguments.ts";
import { asking, prefixes } from "../asking.ts";
import type { Words } from "../asking.ts";

describe("listingArguments", () => {
  const table: [string, Words, string[]][] = [
    ["one of each", { protocols: [6], fromPorts: "1-9", toPorts: "443" }, [
      "-L -f ipv4 -p 6 --reply-dst 203.0.113.7 --reply-src 198.51.100.9",
      "-L -f ipv4 -p 6 --orig-dst 203.0.113.7 --orig-src 198.51.100.9",
    ]],
    ["IPv6", { from: "2001:db8:1::21", to: "2001:db8:99::9" }, [
      "-L -f ipv6 --reply-dst 2001:db8:1::21 --reply-src 2001:db8:99::9",
      "-L -f ipv6 --orig-dst 2001:db8:1::21 --orig-src 2001:db8:99::9",
    ]],
    ["a wide target", { to: "198.51.100.0/24" }, ["-L -f ipv4 --reply-dst 203.0.113.7", "-L -f ipv4 --orig-dst 203.0.113.7 --orig-src 198.51.100.0/24"]],
    ["a wide source", { from: "2001:db8:1::/64", to: "2001:db8:99::9" }, ["-L -f ipv6 --reply-src 2001:db8:99::9",
      "-L -f ipv6 --orig-dst 2001:db8:1::/64 --orig-src 2001:db8:99::9"]],
    ["both wide", { from: "203.0.113.0/24", to: "198.51.100.0/24" }, ["-L -f ipv4"]],
    ["several of each", { from: "203.0.113.7 203.0.113.8", to: "198.51.100.9 198.51.100.10", protocols: [6, 17] }, ["-L -f ipv4"]],
    ["two targets of one source", { to: "198.51.100.9 198.51.100.10" }, ["-L -f ipv4 --reply-dst 203.0.113.7", "-L -f ipv4 --orig-dst 203.0.113.7"]],
    ["both families", { from: "203.0.113.7 2001:db8:1::21", to: "198.51.100.9 2001:db8:99::9" }, [
      "-L -f ipv4 --reply-dst 203.0.113.7 --reply-src 198.51.100.9",
      "-L -f ipv4 --orig-dst 203.0.113.7 --orig-src 198.51.100.9",
      "-L -f ipv6 --reply-dst 2001:db8:1::21 --reply-src 2001:db8:99::9",
      "-L -f ipv6 --orig-dst 2001:db8:1::21 --orig-src 2001:db8:99::9",
    ]],
    ["families that do not meet", { from: "203.0.113.7", to: "2001:db8:99::9" }, []],
    ["everything of a family", { to: "0.0.0.0/0", from: "0.0.0.0/0" }, ["-L -f ipv4"]],
    ["no target", { to: "" }, ["-L -f ipv4 --reply-dst 203.0.113.7", "-L -f ipv4 --orig-dst 203.0.113.7"]],
    ["nothing", { from: "", to: "" }, ["-L -f ipv4", "-L -f ipv6"]],
  ];
  for (const [what, words, expected] of table)
    it(what, () => {
      assert.deepEqual(listingArguments(asking(words)).map((args) => args.join(" ")), expected);
    });
});

describe("deletionArguments", () => {
  const table: [string, string, string, string[]][] = [
    ["an address, a target", "192.168.1.21", "198.51.100.9", ["-D -f ipv4 --orig-src 192.168.1.21 --reply-src 198.51.100.9",
      "-D -f ipv4 --reply-src 192.168.1.21 --orig-src 198.51.100.9"]],
    ["a wide target", "192.168.1.21", "198.51.100.0/24", ["-D -f ipv4 --orig-src 192.168.1.21 --orig-dst 198.51.100.0/24",
      "-D -f ipv4 --reply-src 192.168.1.21 --orig-src 198.51.100.0/24"]],
    ["only targets of its family", "2001:db8:1::21", "198.51.100.9", []],
    ["any target", "2001:db8:1::21", "", ["-D -f ipv6 --orig-src 2001:db8:1::21", "-D -f ipv6 --reply-src 2001:db8:1::21"]],
    ["a target that is everything", "192.168.1.21", "198.51.100.9 0.0.0.0/0", ["-D -f ipv4 --orig-src 192.168.1.21", "-D -f ipv4 --reply-src 192.168.1.21"]],
    ["nobody", "", "198.51.100.9", []],
  ];
  for (const [what, addresses, targets, expected] of table) {
    it(what, () => {
      assert.deepEqual(deletionArguments(prefixes(addresses), prefixes(targets)).map((deletion) => deletion.arguments.join(" ")), expected);
    });
  }
});
