import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readCertificates } from "../../../src/system/files/read-certificates.ts";
import { readPassword, readPsk } from "../../../src/system/files/read-secret.ts";
import { wallInstant } from "../../../src/model/time.ts";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "dots-secret-"));
});
after(() => {
  rmSync(folder, { recursive: true });
});

let count = 0;
function file(content: string | Buffer, mode = 0o600, name = `f${++count}`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe("a pre-shared key", () => {
  const accepted: [string, string, string][] = [
    ["text", "correct horse battery\n", "correct horse battery"],
    ["text without a line end", "correct horse battery", "correct horse battery"],
    ["text with CRLF", "correct horse battery\r\n", "correct horse battery"],
    ["spaces, that count", " correct horse battery ", " correct horse battery "],
    ["text beyond ASCII", "пароль пароль\n", "пароль пароль"],
    ["hexadecimal", `hex:${"0aFF".repeat(8)}\n`, Buffer.from("0aff".repeat(8), "hex").toString("latin1")],
  ];
  for (const [name, content, key] of accepted) {
    it(name, () => {
      const expected = Buffer.from(key, name === "hexadecimal" ? "latin1" : "utf8");
      assert.deepEqual(readPsk(file(content)), { value: expected, warnings: [] });
    });
  }

  const secret = "Sesame-0123456789";
  const refused: [string, string | Buffer, number, RegExp][] = [
    ["that the group may read", secret, 0o640, /^\S+: others than its owner may read or change it \(mode 0640\), do: chmod 600 \S+$/],
    ["that everybody may read", secret, 0o604, /mode 0604/],
    ["that others may write", secret, 0o602, /mode 0602/],
    ["of nothing", "", 0o600, /the file is empty/],
    ["of a line end", "\n", 0o600, /the file is empty/],
    ["of two lines", `${secret}\n${secret}\n`, 0o600, /expected a single line/],
    ["with a control character", `${secret}\0`, 0o600, /expected a single line .*hex:/],
    ["that is binary", Buffer.from([0xff, 0xfe, 0x80]), 0o600, /expected a single line .*hex:/],
    ["with odd hexadecimal digits", `hex:${"0".repeat(33)}`, 0o600, /expected pairs of hexadecimal digits/],
    ["with other digits", "hex:Sesame", 0o600, /expected pairs of hexadecimal digits/],
    ["of hexadecimal nothing", "hex:", 0o600, /expected pairs of hexadecimal digits/],
    ["that is too long", secret.repeat(8), 0o600, /the key has 136 bytes, expected at most 128/],
    ["in a file that is too large", secret.repeat(1000), 0o600, /has 17000 bytes, expected at most 4096/],
  ];
  for (const [name, content, mode, message] of refused) {
    it(`is refused ${name}, without being shown`, () => {
      const path = file(content, mode);
      const reading = readPsk(path);
      assert.ok("problem" in reading);
      assert.match(reading.problem, message);
      assert.ok(reading.problem.startsWith(`${path}: `));
      assert.ok(!reading.problem.includes("Sesame"));
    });
  }

  it("is refused in what is not a regular file, without waiting for it", () => {
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", ["-m", "600", fifo]);
    assert.deepEqual(readPsk(fifo), { problem: `${fifo}: is not a regular file` });
    assert.deepEqual(readPsk("/dev/zero"), { problem: "/dev/zero: is not a regular file" });
    mkdirSync(join(folder, "d"));
    assert.deepEqual(readPsk(join(folder, "d")), { problem: `${join(folder, "d")}: is not a regular file` });
    assert.deepEqual(readPsk(join(folder, "none")), { problem: `${join(folder, "none")}: there is no such file` });
  });

  it("may be behind a symbolic link, whose target counts", () => {
    const path = join(folder, "link");
    symlinkSync(file("correct horse battery", 0o644), path);
    assert.ok("problem" in readPsk(path));
  });

  it("is taken with a warning when it is short", () => {
    const path = file("short");
    assert.deepEqual(readPsk(path), { value: Buffer.from("short"), warnings: [`${path}: the key has only 5 bytes, 16 or more are hard to guess`] });
  });

  it("has a command that can be pasted, whatever the file is called", () => {
    const path = file(secret, 0o644, "it's mine");
    const reading = readPsk(path);
    assert.ok("problem" in reading && reading.problem.endsWith(`chmod 600 '${folder}/it'\\''s mine'`));
  });

  it("is like a password", () => {
    assert.deepEqual(readPassword(file("pass word\n")), { value: "pass word", warnings: [] });
    assert.ok("problem" in readPassword(file("\n")));
    assert.ok("problem" in readPassword(file("x", 0o644)));
  });
});

describe("certificates", () => {
  const today = Date.now();
  let files: { caFile: string; certFile: string; keyFile: string };
  let other: { certFile: string; keyFile: string };

  /** A self-signed certificate for 30 days, with its key. */
  function makeCertificate(name: string): { certFile: string; keyFile: string } {
    const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`, "-days", "30", "-keyout",
      keyFile, "-out", certFile], { stdio: "ignore" });
    chmodSync(keyFile, 0o600);
    return { certFile, keyFile };
  }

  before(() => {
    other = makeCertificate("other");
    files = { ...makeCertificate("router"), caFile: other.certFile };
  });

  function problemOf(changed: Partial<typeof files>): string {
    const reading = readCertificates({ ...files, ...changed }, wallInstant(today));
    assert.ok("problem" in reading);
    return reading.problem;
  }

  it("are read when they fit together", () => {
    const reading = readCertificates(files, wallInstant(today));
    assert.ok("value" in reading, JSON.stringify(reading));
    assert.match(reading.value.key, /BEGIN PRIVATE KEY/);
    assert.deepEqual(reading.warnings, []);
  });

  it("are taken with a warning where the key is for RSA-PSS alone, which DTLS does not do", () => {
    const [certFile, keyFile] = [join(folder, "pss.pem"), join(folder, "pss.key")];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes", "-subj", "/CN=pss", "-keyout", keyFile, "-out",
      certFile], { stdio: "ignore" });
    chmodSync(keyFile, 0o600);
    const reading = readCertificates({ ...files, certFile, keyFile }, wallInstant(today + 60_000));
    assert.ok("value" in reading, JSON.stringify(reading));
    assert.deepEqual(reading.warnings, [`${keyFile}: an RSA-PSS key works over TCP only; for UDP (DTLS) ask for a certificate with an ECDSA or RSA key`]);
  });

  it("are taken with a warning before and after their time, as the clock may be wrong", () => {
    const late = readCertificates(files, wallInstant(today + 40 * 86_400_000));
    assert.ok("value" in late);
    assert.equal(late.warnings.length, 2);
    assert.match(late.warnings[1] ?? "", /router\.pem: certificate 1 expired on \d{4}-\d\d-\d\d, ask for a new one/);
    const early = readCertificates(files, wallInstant(0));
    assert.ok("value" in early);
    assert.match(early.warnings[0] ?? "", /other\.pem: certificate 1 is not valid before \d{4}-\d\d-\d\d, the router's clock may be wrong/);
  });

  it("are refused with what is wrong", () => {
    assert.match(problemOf({ keyFile: other.keyFile }), /other\.key: is not the key of the certificate in .*router\.pem/);
    assert.match(problemOf({ caFile: "/nowhere" }), /^\/nowhere: there is no such file$/);
    assert.match(problemOf({ certFile: file("hello") }), /there is no certificate in it, expected PEM with the router's certificate/);
    assert.match(problemOf({ caFile: file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }), /certificate 1 is damaged/);
    assert.match(problemOf({ keyFile: file("hello") }), /there is no private key in it/);
    const encrypted = join(folder, "encrypted.key");
    execFileSync("openssl", ["pkey", "-in", files.keyFile, "-aes128", "-passout", "pass:x", "-out", encrypted]);
    chmodSync(encrypted, 0o600);
    assert.match(problemOf({ keyFile: encrypted }), /protected by a passphrase/);
    chmodSync(files.keyFile, 0o644);
    assert.match(problemOf({}), /router\.key: others than its owner may read or change it \(mode 0644\), do: chmod 600 /);
    chmodSync(files.keyFile, 0o600);
  });
});
