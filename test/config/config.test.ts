import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { closestName } from "../../src/text/closest-name.ts";
import { findControlSocket, readConfig, type Config } from "../../src/config/config.ts";
import { deviceOptions, globalsOptions, notifyOptions, upstreamOptions, type ListOption, type ScalarOption } from "../../src/config/options.ts";
import { formatConfigError } from "../../src/config/read-section.ts";

const file = "/etc/config/dots-callhome";
const isp = "config upstream 'isp'\n\toption host 'dots.isp.example'\n\toption psk_identity 'cpe'\n\toption psk_file '/k'\n"; // 4 lines

/** The configuration that a text yields, with its warnings; fails the test if there are errors. */
function accept(text: string): { config: Config; warnings: readonly string[] } {
  const reading = readConfig(text, file);
  if ("errors" in reading) assert.fail(reading.errors.map(formatConfigError).join("\n"));
  return reading;
}

function errorsOf(text: string): string[] {
  const reading = readConfig(text, file);
  return "errors" in reading ? reading.errors.map((error) => formatConfigError(error).replace(`${file}:`, "")) : [];
}

function warningsOf(text: string): string[] {
  return accept(text).warnings.map((warning) => warning.replace(`${file}:`, ""));
}

const shippedFile = new URL("../../openwrt/dots-callhome/files/etc/config/dots-callhome", import.meta.url);

describe("configuration", () => {
  it("has the contract's defaults", () => {
    assert.deepEqual(accept(isp).config, {
      enabled: true,
      consent: "ask",
      consentTimeoutSeconds: 900,
      onTimeout: "deny",
      whilePending: "none",
      action: "block",
      limitRate: 10,
      terminatingPeriodSeconds: 120,
      maxLifetimeSeconds: 86400,
      maxMitigations: 256,
      requestRate: 20,
      minTargetPrefix4: 24,
      minTargetPrefix6: 48,
      maxTargetAddresses: 0,
      attackStoppedAfterSeconds: 60,
      neverBlock: [],
      allowInternalSources: false,
      stateDir: "/etc/dots-callhome",
      controlSocket: "/var/run/dots-callhome.sock",
      ubusSocket: "/var/run/ubus/ubus.sock",
      lanDevices: [],
      wanDevices: [],
      leaseFiles: [],
      sourceScope: [],
      logLevel: "info",
      upstreams: [{
        name: "isp",
        host: "dots.isp.example",
        port: 4647,
        transport: "auto",
        auth: { is: "psk", identity: "cpe", pskFile: "/k" },
        serverName: "dots.isp.example",
        bindDevice: null,
        discover: false,
      }],
      disabledUpstreams: [],
      devices: [],
      notify: [],
    });
  });

  it("leaves out the dot at the end of a name, which no certificate has", () => {
    const [upstream] = accept(`${isp.replace("dots.isp.example", "dots.isp.example.")}\toption server_name 'other.example.'\n`).config.upstreams;
    assert.deepEqual([upstream?.host, upstream?.serverName], ["dots.isp.example", "other.example"]);
  });

  it("reads every option", () => {
    const { config, warnings } = accept(`
config globals 'globals'
	option enabled 'off'
	option consent 'auto'
	option consent_timeout '60'
	option on_timeout 'block'
	option while_pending 'limit'
	option action 'quarantine'
	option limit_rate '5'
	option terminating_period '300'
	option max_lifetime '0'
	option max_mitigations '1'
	option request_rate '1'
	option min_target_prefix4 '0'
	option min_target_prefix6 '128'
	option max_target_addresses '4096'
	option attack_stopped_after '5'
	list never_block '192.168.1.2'
	list never_block '2001:db8::/64'
	list never_block 'AA-BB-CC-DD-EE-FF'
	option allow_internal_sources 'yes'
	option state_dir '/tmp/state'
	option control_socket '/tmp/c.sock'
	option ubus_socket ''
	list lan_device 'br-lan'
	list lan_device 'br-guest'
	option wan_device 'wan wwan0'
	list lease_file '/tmp/my leases'
	list source_scope '203.0.113.7'
	option log_level 'debug'
config upstream 'a'
	option host '192.0.2.1'
	option port '4646'
	option transport 'tcp'
	option auth 'certificate'
	option ca_file '/ca'
	option cert_file '/cert'
	option key_file '/key'
	option server_name 'dots.example'
	option bind_device 'wan2'
config upstream 'b'
	option enabled '0'
config device
	option mac 'AA:bb:cc:dd:ee:0F'
	option name 'Küchenkamera 📷'
	option policy 'never'
	option action 'limit'
config notify 'phone'
	option type 'mqtt'
	option url 'mqtts://broker.lan:8883'
	option username 'u'
	option password_file '/p'
	option ca_file '/c'
	option topic_prefix 'home/dots'
	option homeassistant '0'
	option commands '1'
	option language 'ja'
	option page 'https://192.168.1.1'
	list event 'request'
	list event 'ended'
config notify
	option type 'webhook'
	option url 'https://example.org/hook'
`);
    assert.deepEqual(warnings, []);
    const prefix = (family: 4 | 6, bits: bigint, length: number): object => ({ is: "prefix", prefix: { family, bits, length } });
    assert.deepEqual(config, {
      enabled: false,
      consent: "auto",
      consentTimeoutSeconds: 60,
      onTimeout: "block",
      whilePending: "limit",
      action: "quarantine",
      limitRate: 5,
      terminatingPeriodSeconds: 300,
      maxLifetimeSeconds: 0,
      maxMitigations: 1,
      requestRate: 1,
      minTargetPrefix4: 0,
      minTargetPrefix6: 128,
      maxTargetAddresses: 4096,
      attackStoppedAfterSeconds: 5,
      neverBlock: [prefix(4, 0xc0a80102n, 32), prefix(6, 0x20010db8n << 96n, 64), { is: "mac", mac: "aa:bb:cc:dd:ee:ff" }],
      allowInternalSources: true,
      stateDir: "/tmp/state",
      controlSocket: "/tmp/c.sock",
      ubusSocket: null,
      lanDevices: ["br-lan", "br-guest"],
      wanDevices: ["wan", "wwan0"],
      leaseFiles: ["/tmp/my leases"],
      sourceScope: [{ family: 4, bits: 0xcb007107n, length: 32 }],
      logLevel: "debug",
      upstreams: [{
        name: "a",
        host: "192.0.2.1",
        port: 4646,
        transport: "tcp",
        serverName: "dots.example",
        bindDevice: "wan2",
        discover: false,
        auth: { is: "certificate", caFile: "/ca", certFile: "/cert", keyFile: "/key" },
      }],
      disabledUpstreams: ["b"],
      devices: [{ mac: "aa:bb:cc:dd:ee:0f", name: "Küchenkamera 📷", policy: "never", action: "limit" }],
      notify: [
        {
          name: "phone",
          type: "mqtt",
          url: "mqtts://broker.lan:8883",
          username: "u",
          passwordFile: "/p",
          caFile: "/c",
          topicPrefix: "home/dots",
          homeassistant: false,
          commands: true,
          language: "ja",
          page: "https://192.168.1.1",
          events: ["request", "ended"],
        },
        {
          name: null,
          type: "webhook",
          url: "https://example.org/hook",
          username: null,
          passwordFile: null,
          caFile: null,
          topicPrefix: "dots-callhome",
          homeassistant: true,
          commands: false,
          language: "en",
          page: null,
          events: ["request", "blocked", "ended", "upstream_down", "upstream_up"],
        },
      ],
    });
  });

  const refused: [string, string, string[]][] = [
    ["a port", `${isp}option port 99999`, ["5: config upstream 'isp': option port: '99999' is not a port, expected 1 to 65535"]],
    ["a number with a sign", "config globals\noption limit_rate '+5'", ["2: config globals: option limit_rate: '+5' is not a number, expected 1 to 1000000"]],
    ["a number with a unit", "config globals 'globals'\noption consent_timeout 15m", [
      "2: config globals 'globals': option consent_timeout: '15m' is not a number, expected 1 to 604800",
    ]],
    ["a choice", "config globals\noption consent aks", ["2: config globals: option consent: 'aks' is not known here, expected ask, auto or observe"]],
    ["a switch", "config globals\noption enabled maybe", ["2: config globals: option enabled: 'maybe' is not a switch, expected 1 or 0"]],
    ["a terminating period beyond the RFC's", "config globals\noption terminating_period 301", [
      "2: config globals: option terminating_period: '301' is not a number, expected 0 to 300",
    ]],
    ["a relative path", "config globals\noption state_dir state", [
      "2: config globals: option state_dir: 'state' is not a file name, expected a path that starts with /",
    ]],
    ["a long socket path", `config globals\noption control_socket /${"a".repeat(107)}`, [
      `2: config globals: option control_socket: '/${"a".repeat(58)}…' is too long for a socket, expected at most 107 bytes`,
    ]],
    ["a device name", "config globals\nlist lan_device br-lan-very-very-long", [
      "2: config globals: option lan_device: 'br-lan-very-very-long' is not a network device, expected a name such as br-lan, at most 15 characters",
    ]],
    ["one of a list", "config globals\nlist source_scope 192.0.2.1\nlist source_scope 192.0.2.256", [
      "3: config globals: option source_scope: '192.0.2.256' is not an address or prefix, expected e.g. 203.0.113.7 or 2001:db8::/56",
    ]],
    ["two values in one item of a list", "config globals\nlist wan_device 'wan wwan0'", [
      "2: config globals: option wan_device: 'wan wwan0' is not a network device, expected a name such as br-lan, at most 15 characters",
    ]],
    ["never_block", "config globals\nlist never_block camera", ["2: config globals: option never_block: 'camera' is not an address, prefix or MAC address"]],
    ["a list of a single value", `${isp}list port 1`, ["5: config upstream 'isp': option port: holds one value, expected option port instead of list port"]],
    ["two sections of globals", "config globals\nconfig globals 'g'", [
      "2: config globals 'g': there is a section config globals on line 1 already, expected one",
    ]],
    ["an upstream without anything", "config upstream 'isp'", [
      "1: config upstream 'isp': option host: is missing, expected the name or address that the router dials, or discover 1",
      "1: config upstream 'isp': option psk_identity: is missing, auth psk needs it",
      "1: config upstream 'isp': option psk_file: is missing, auth psk needs it",
    ]],
    ["an upstream with some certificates", "config upstream 'isp'\noption host h\noption auth certificate\noption cert_file /c\noption key_file ''", [
      "1: config upstream 'isp': option ca_file: is missing, auth certificate needs it",
      "1: config upstream 'isp': option key_file: is missing, auth certificate needs it",
    ]],
    ["an upstream without a name", "config upstream\noption host h", ["1: config upstream: has no name, expected config upstream 'NAME'"]],
    ["an upstream with a very long name", `config upstream ${"a".repeat(65)}`, [
      `1: config upstream '${"a".repeat(65)}': has a name that is too long, expected at most 64 characters`,
    ]],
    ["two upstreams of one name", isp + isp, ["5: config upstream 'isp': has the same name as the section on line 1"]],
    ["a host", isp.replace("dots.isp.example", "dots isp"), [
      "2: config upstream 'isp': option host: 'dots isp' is not a host, expected a name such as dots.isp.example or an IP address",
    ]],
    ["a mistyped address", isp.replace("dots.isp.example", "192.0.2.300"), [
      "2: config upstream 'isp': option host: '192.0.2.300' is not a host, expected a name such as dots.isp.example or an IP address",
    ]],
    ["a disabled upstream's wrong value", "config upstream 'isp'\noption enabled 0\noption port x", [
      "3: config upstream 'isp': option port: 'x' is not a port, expected 1 to 65535",
    ]],
    ["a device without a MAC address", "config device\noption name x", ["1: config device: option mac: is missing, expected the MAC address of the device"]],
    ["a device's MAC address", "config device\noption mac aa:bb", [
      "2: config device: option mac: 'aa:bb' is not a MAC address, expected e.g. aa:bb:cc:dd:ee:ff",
    ]],
    ["two sections of one device", "config device\noption mac aa:bb:cc:dd:ee:ff\nconfig device\noption mac AA:BB:CC:DD:EE:FF", [
      "3: config device: has the same MAC address as the section on line 1",
    ]],
    ["a name with a terminal escape", "config device\noption mac aa:bb:cc:dd:ee:ff\noption name 'a\u001b[2J'", [
      "3: config device: option name: 'a\\u001b[2J' is not a name, expected one line without control characters",
    ]],
    ["a notifier without anything", "config notify", ["1: config notify: option type: is missing", "1: config notify: option url: is missing"]],
    ["a notifier's kind of URL", "config notify x\noption type ntfy\noption url mqtt://h", [
      "3: config notify 'x': option url: starts with mqtt://, for ntfy expected https:// or http://",
    ]],
    ["a password in a URL, unrepeated", "config notify x\noption type mqtt\noption url 'mqtts://me:geheim@h'", [
      "3: config notify 'x': option url: a user name or password in the URL, use the options username and password_file",
    ]],
    ["a secret topic in a URL, unrepeated", "config notify x\noption type ntfy\noption url 'ntfy.sh/geheim'", [
      "3: config notify 'x': option url: is not a URL, expected e.g. mqtts://broker.lan:8883 or https://ntfy.sh/topic",
    ]],
    ["a topic with a wildcard", "config notify x\noption type mqtt\noption url mqtts://h\noption topic_prefix 'a/+'", [
      "4: config notify 'x': option topic_prefix: 'a/+' is not a topic, expected e.g. dots-callhome",
    ]],
    ["errors in the order of the file", "config notify\nconfig globals\noption enabled 2", ["1: config notify: option type: is missing",
      "1: config notify: option url: is missing", "3: config globals: option enabled: '2' is not a switch, expected 1 or 0"]],
    ["the syntax", "config 'globals\n", ["1: a quote ' that is opened here is never closed"]],
  ];
  for (const [name, text, expected] of refused) {
    it(`refuses ${name}`, () => {
      assert.deepEqual(errorsOf(text), expected);
    });
  }

  const warned: [string, string, string[]][] = [
    ["an option with a typing mistake", `${isp}option prot 1`, ["5: config upstream 'isp': option prot: is not known and has no effect, did you mean 'port'?"]],
    ["an unknown option", `${isp}option colour red`, ["5: config upstream 'isp': option colour: is not known and has no effect"]],
    ["a section with a typing mistake", `${isp}config upstreams 'b'`, [
      "5: config upstreams 'b': 'upstreams' is not known and has no effect, did you mean 'upstream'?",
    ]],
    ["an option that is set twice", `${isp}option port 1\noption port 2`, [
      "6: config upstream 'isp': option port: is set more than once, this last value holds",
    ]],
    ["no upstream", "", ["1: no upstream is enabled, so nobody can ask for help; expected a section config upstream 'NAME'"]],
    ["commands without encryption", `${isp}config notify x\noption type mqtt\noption url mqtt://h\noption commands 1`, [
      "8: config notify 'x': option commands: is on while the connection is not encrypted, anyone on the way could decide; use mqtts://",
    ]],
    ["nothing when everything is off", "config globals\noption enabled 0", []],
  ];
  for (const [name, text, expected] of warned) {
    it(`warns of ${name}`, () => {
      assert.deepEqual(warningsOf(text), expected);
    });
  }

  it("takes every way that UCI writes a switch", () => {
    for (
      const [text, expected] of [["1", true], ["on", true], ["Yes", true], ["true", true], ["enabled", true], ["0", false], ["off", false], ["no", false], [
        "FALSE",
        false,
      ], ["disabled", false]] as const
    ) {
      assert.equal(accept(`config globals\noption allow_internal_sources ${text}\n${isp}`).config.allowInternalSources, expected, text);
    }
  });

  it("takes an empty value for the default, but for ubus_socket", () => {
    const { config } = accept(
      `config globals\noption limit_rate ''\noption log_level ''\nlist lan_device ''\noption ubus_socket ''\n${isp}option server_name ''\noption bind_device ''`,
    );
    assert.deepEqual([config.limitRate, config.logLevel, config.lanDevices, config.ubusSocket], [10, "info", [], null]);
    assert.deepEqual([config.upstreams[0]?.serverName, config.upstreams[0]?.bindDevice], ["dots.isp.example", null]);
    assert.equal(accept(`config globals\noption ubus_socket none\n${isp}`).config.ubusSocket, null);
  });

  it("finds the control socket in a file that is otherwise wrong", () => {
    assert.equal(findControlSocket("config globals\noption control_socket /tmp/x\noption limit_rate no\nconfig upstream"), "/tmp/x");
    assert.equal(findControlSocket("config globals\noption control_socket relative"), "/var/run/dots-callhome.sock");
    assert.equal(findControlSocket("'"), "/var/run/dots-callhome.sock");
    assert.equal(findControlSocket(""), "/var/run/dots-callhome.sock");
  });
});

describe("the configuration file of the package", () => {
  const text = readFileSync(shippedFile, "utf8");

  it("is fine as it is, with the defaults and the upstream off", () => {
    const { config, warnings } = accept(text);
    assert.deepEqual({ ...config, disabledUpstreams: [] }, accept("").config);
    assert.deepEqual(config.disabledUpstreams, ["isp"]);
    assert.equal(warnings.length, 1);
  });

  it("names every option, with the default that holds", () => {
    for (const table of [globalsOptions, upstreamOptions, deviceOptions, notifyOptions]) {
      for (const { name, fallback, is } of Object.values<ScalarOption<unknown> | ListOption<unknown>>(table)) {
        const line = new RegExp(`^#?\\t(option|list) ${name} '([^']*)'`, "m").exec(text);
        assert.ok(line, name);
        const value = typeof fallback === "boolean" ? Number(fallback) : fallback;
        // `enabled` differs between globals and the upstream that is only an example.
        const isShown = typeof value === "string" || typeof value === "number";
        if (is === "option" && isShown && name !== "enabled") assert.equal(line[2], String(value), name);
      }
    }
  });

  it("is fine with everything in it switched on", () => {
    const all = text.replace(/^#(?=\t|config)/gm, "").replace("option enabled '0'", "option enabled '1'");
    const { config } = accept(all);
    assert.deepEqual([config.upstreams.length, config.devices.length, config.notify.length, config.neverBlock.length], [1, 1, 1, 1]);
  });
});

describe("closestName", () => {
  const cases: [string, string[], string | undefined][] = [
    ["prot", ["port", "host"], "port"],
    ["hots", ["port", "host"], "host"],
    ["x", ["y", "z"], undefined],
    ["", ["port"], undefined],
    ["consent_timout", ["consent", "consent_timeout"], "consent_timeout"],
    ["nothing_like_it", ["port"], undefined],
    ["APPROVE", ["approve"], "approve"],
  ];
  for (const [name, known, expected] of cases)
    it(`${name} -> ${expected ?? "none"}`, () => {
      assert.equal(closestName(name, known), expected);
    });
});
