import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { commands } from "../../src/cli/commands.ts";
import { parseArguments } from "../../src/cli/parse-arguments.ts";
import { readParams } from "../../src/operator/dispatch.ts";
import { methods } from "../../src/operator/methods.ts";

const configFile = "/etc/config/dots-callhome";

/** Splits at spaces, as the shell would. */
function parse(line: string): ReturnType<typeof parseArguments> {
  return parseArguments(line === "" ? [] : line.split(" "));
}

describe("the command line", () => {
  const accepted: [string, object][] = [
    ["run", { is: "run", configFile, json: false }],
    ["run --config /tmp/c", { is: "run", configFile: "/tmp/c", json: false }],
    ["--config=/tmp/c check --json", { is: "check", configFile: "/tmp/c", json: true }],
    ["check -c /tmp/c", { is: "check", configFile: "/tmp/c", json: false }],
    ["--version", { is: "version" }],
    ["-V", { is: "version" }],
  ];
  for (const [line, expected] of accepted)
    it(line, () => {
      assert.deepEqual(parse(line), expected);
    });

  const calls: [string, string, object][] = [
    ["status", "status", {}],
    ["list", "list", {}],
    ["list --state ended", "list", { state: "ended" }],
    ["pending", "list", { state: "pending" }],
    ["approve 17", "approve", { id: 17 }],
    ["approve --for 60 17 --action limit", "approve", { id: 17, action: "limit", seconds: 60 }],
    ["--action=quarantine --for=2h approve 17", "approve", { id: 17, action: "quarantine", seconds: 7200 }],
    ["approve 17 --for 1d", "approve", { id: 17, seconds: 86400 }],
    ["approve -- 17", "approve", { id: 17 }],
    ["deny 17", "deny", { id: 17 }],
    ["release 17", "release", { id: 17 }],
    ["devices", "devices", {}],
    ["policy aa:bb:cc:dd:ee:ff auto", "policy", { mac: "aa:bb:cc:dd:ee:ff", policy: "auto" }],
    ["history --limit 3", "history", { limit: 3 }],
    ["lookup --source 203.0.113.7 --target 198.51.100.9 --source 2001:db8::/64 --source-port 40000-40100 --target-port 443 --protocol 6 --protocol udp",
      "lookup", {
      source: ["203.0.113.7", "2001:db8::/64"],
      source_port: ["40000-40100"],
      target: ["198.51.100.9"],
      target_port: ["443"],
      protocol: ["6", "udp"],
    }],
    ["reconnect", "reconnect", {}],
    ["reconnect isp", "reconnect", { upstream: "isp" }],
  ];
  for (const [line, method, params] of calls) {
    it(line, () => {
      const command = parse(`${line} --json`.replace(/^(.*) -- (.*) --json$/, "--json $1 -- $2"));
      assert.ok(command.is === "call", JSON.stringify(command));
      assert.deepEqual([command.method, command.params, command.configFile, command.json], [method, params, configFile, true]);
      assert.ok("params" in readParams(methods[command.method], command.params), "the daemon takes what the command line sends");
    });
  }

  const everyCommand = "run, check, setup, status, list, pending, approve, deny, release, devices, policy, history, lookup, test, reconnect";
  const refused: [string, string, string][] = [
    ["", `no command, expected one of ${everyCommand}`, ""],
    ["--json", `no command, expected one of ${everyCommand}`, ""],
    ["aprove 17", "there is no command 'aprove', did you mean 'approve'?", ""],
    ["reboot", `there is no command 'reboot', expected one of ${everyCommand}`, ""],
    ["constructor", `there is no command 'constructor', expected one of ${everyCommand}`, ""],
    ["status now", "'now' is unexpected, expected: dots-callhome status", "status"],
    ["status --jsno", "there is no option '--jsno', did you mean '--json'?", ""],
    ["status -x", "there is no option '-x'", ""],
    ["status --state pending", "status has no option --state, expected --config, --json", "status"],
    ["status --config", "--config needs a value", ""],
    ["status --json=1", "--json takes no value", ""],
    ["list --state asleep", "--state 'asleep': expected pending, active, terminating or ended", "list"],
    ["list --state ended --state active", "--state is given twice", "list"],
    ["approve", "ID is missing, expected: dots-callhome approve ID [--action ACTION] [--for SECONDS]", "approve"],
    ["approve x", "ID 'x': expected a whole number from 1 to 9007199254740991", "approve"],
    ["approve -1", "ID '-1': expected a whole number from 1 to 9007199254740991", "approve"],
    ["approve 17 18", "'18' is unexpected, expected: dots-callhome approve ID [--action ACTION] [--for SECONDS]", "approve"],
    ["approve 17 --for 2weeks", "--for '2weeks': expected a whole number from 1 to 31622400 (seconds), or e.g. 15m, 2h, 1d", "approve"],
    ["approve 17 --action observe", "--action 'observe': expected block, limit or quarantine", "approve"],
    ["policy aa:bb:cc:dd:ee:ff", "POLICY is missing, expected: dots-callhome policy MAC POLICY", "policy"],
    ["policy kitchen ask", "MAC 'kitchen': expected a MAC address such as aa:bb:cc:dd:ee:ff", "policy"],
    ["history --limit 0", "--limit '0': expected a whole number from 1 to 1000", "history"],
    ["lookup --source 203.0.113.7",
      "--target is missing, expected: dots-callhome lookup --source PREFIX… [--source-port A-B…] --target PREFIX… [--target-port A-B…] [--protocol N…]",
      "lookup"],
    ["lookup --source home --target 198.51.100.9",
      "--source 'home': expected an address or prefix such as 203.0.113.7 or 2001:db8::/56, or a list of at most 64", "lookup"],
    ["help aprove", "there is no command 'aprove', did you mean 'approve'?", ""],
  ];
  for (const [line, message, about] of refused) {
    it(`refuses '${line}'`, () => {
      assert.deepEqual(parse(line), { is: "usage-error", message: `${message}\nTry: dots-callhome ${about === "" ? "" : `${about} `}--help` });
    });
  }

  it("has help for everything", () => {
    const general = parse("--help");
    assert.ok(general.is === "help");
    assert.deepEqual([parse("help"), parse("-h"), parse("--json --help")], [general, general, general]);
    for (const [name, { options, operands }] of Object.entries(commands)) {
      assert.match(general.text, new RegExp(`^  ${name} `, "m"));
      const own = parse(`${name} --help`);
      assert.ok(own.is === "help");
      assert.deepEqual(parse(`help ${name}`), own);
      assert.deepEqual(parse(`${name} x y z --help`), own);
      for (const input of [...options, ...operands]) assert.match(own.text, new RegExp(`^  ${input.name} .*\\w{4}`, "m"));
    }
  });

  it("has help that reads like this", () => {
    const help = parse("approve --help");
    assert.equal(help.is === "help" ? help.text : "", `Usage: dots-callhome approve ID [--action ACTION] [--for SECONDS] [--config FILE] [--json]

Stop the device's traffic to the target, as the provider asks.

  ID               number of the mitigation, as list shows it
  --action ACTION  instead of the device's or the default action (block, limit or quarantine)
  --for SECONDS    for how long; default: as long as the request lives (also 15m, 2h, 1d)
  --config FILE    configuration file, default /etc/config/dots-callhome
  --json           print JSON, for scripts
  --help           show this help, or after a command the help for it

Example: dots-callhome approve 17 --action limit --for 1h`);
  });

  it("answers any arguments, and repeats none of them raw", () => {
    const words = fc.oneof(fc.string({ unit: "binary" }),
      fc.constantFrom(...Object.keys(commands), "--json", "--for", "--source=x", "--", "17", "-", "--help", "--state"));
    fc.assert(fc.property(fc.array(words, { maxLength: 6 }), (argv) => {
      const command = parseArguments(argv);
      if (command.is === "usage-error") assert.doesNotMatch(command.message.replaceAll("\n", ""), /\p{Cc}|[\u202a-\u202e]/u);
    }), { numRuns: 3000 });
  });
});
