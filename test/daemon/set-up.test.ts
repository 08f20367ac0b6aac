import assert from "node:assert/strict";
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { wallInstant } from "../../src/model/time.ts";
import { setUp } from "../../src/daemon/set-up.ts";

const root = mkdtempSync(join(tmpdir(), "set-up-"));
after(() => {
  rmSync(root, { recursive: true });
});
const state = join(root, "dots-callhome");
const configFile = join(root, "config");
writeFileSync(configFile, `config globals 'globals'\n\toption state_dir '${state}'\n\toption control_socket '${state}/control.sock'\n`);
const ask = (input: object | string): ReturnType<typeof setUp> =>
  setUp(typeof input === "string" ? input : JSON.stringify(input), configFile, wallInstant(Date.parse("2026-11-29T12:00:00Z")));
const store = (text: string, more: object = {}): ReturnType<typeof setUp> => ask({ section: "isp", option: "psk_file", text, ...more });

describe("what the page stores before there is a daemon", () => {
  it("is a file of its owner alone, beside the daemon's memory, whatever is stored again", () => {
    assert.deepEqual(store("the key of the provider\r\n"), { path: join(state, "isp.psk") });
    assert.deepEqual(store("another key of the provider"), { path: join(state, "isp.psk") });
    assert.equal(readFileSync(join(state, "isp.psk"), "utf8"), "another key of the provider\n");
    assert.equal(statSync(join(state, "isp.psk")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(state), ["isp.psk"]);
  });

  it("is looked at first: what is no key, and no certificate, changes nothing, and nothing of it is said again", () => {
    assert.deepEqual(store("hex:zz"), { problem: "expected pairs of hexadecimal digits after hex:" });
    assert.deepEqual(store("two\nlines"), {
      problem: "expected a single line of text; write a binary key as hex:… (for example: hexdump -v -e '1/1 \"%02x\"')",
    });
    assert.match(JSON.stringify(store("secret", { option: "key_file" })), /no private key .* expected PEM/);
    assert.match(JSON.stringify(store("secret", { option: "ca_file" })), /no certificate in it, expected PEM/);
    assert.doesNotMatch(JSON.stringify([store("secret", { option: "key_file" }), store("secret", { option: "ca_file" })]), /secret|\.new/);
    assert.equal(readFileSync(join(state, "isp.psk"), "utf8"), "another key of the provider\n");
    assert.deepEqual(readdirSync(state), ["isp.psk"]);
  });

  it("goes nowhere else: by no name, no link, no option, and no folder of others", () => {
    for (const [section, option] of [["../isp", "psk_file"], ["isp/..", "psk_file"], ["", "psk_file"], ["isp", "host"], ["isp", "toString"]])
      assert.ok("problem" in store("a key of the provider", { section, option }), `${section} ${option}`);
    const elsewhere = join(root, "passwd");
    writeFileSync(elsewhere, "root");
    symlinkSync(elsewhere, join(state, "link.psk"));
    assert.deepEqual(store("a key of the provider", { section: "link" }), { path: join(state, "link.psk") });
    assert.equal(readFileSync(elsewhere, "utf8"), "root");
    assert.ok(lstatSync(join(state, "link.psk")).isFile());
    mkdirSync(join(root, "others"));
    writeFileSync(join(root, "others", "a-file"), "");
    const theirs = join(root, "config-others");
    writeFileSync(theirs, "config globals 'globals'\n\toption state_dir '/etc'\n");
    assert.match(JSON.stringify(setUp(JSON.stringify({ section: "isp", option: "psk_file", text: "a key of the provider" }), theirs, wallInstant(0))),
      /state_dir: .* lies elsewhere/);
    for (const odd of ["", "null", "[]", '{"text":7}']) assert.ok("problem" in ask(odd), odd);
  });

  it("looks at settings that are not saved yet, and says which option is meant", () => {
    const globals = readFileSync(configFile, "utf8");
    assert.deepEqual(
      ask({ config: `${globals}\nconfig upstream 'isp'\n\toption host '192.0.2.1'\n\toption psk_identity 'cpe'\n\toption psk_file '${state}/isp.psk'\n` }),
      { problems: [], warnings: [] },
    );
    assert.deepEqual(ask({ config: `${globals}\nconfig upstream 'isp'\n\toption host '192.0.2.256'\n\toption psk_identity 'cpe'\n` }), {
      warnings: [],
      problems: [
        { section: "config upstream 'isp'", option: "psk_file", message: "is missing, auth psk needs it" },
        { section: "config upstream 'isp'", option: "host", message: "'192.0.2.256' is not a host, expected a name such as dots.isp.example or an IP address" },
      ],
    });
    assert.deepEqual(
      ask({ config: `${globals}\nconfig upstream 'isp'\n\toption host '192.0.2.1'\n\toption psk_identity 'cpe'\n\toption psk_file '${root}/none'\n` }),
      {
        warnings: [],
        problems: [
          { section: "config upstream 'isp'", option: "psk_file", message: `${root}/none: there is no such file` },
        ],
      },
    );
  });
});
