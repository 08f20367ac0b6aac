import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  watch,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";

const folder = `/tmp/host-files-${process.pid}`;
mkdirSync(join(folder, "a/b"), { recursive: true, mode: 0o700 });
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("a file is written, read, renamed and removed", () => {
  const path = join(folder, "a/one");
  writeFileSync(path, "né\0", { mode: 0o600 });
  assert.equal(readFileSync(path, "utf8"), "né\0");
  assert.deepEqual([...readFileSync(path)], [0x6e, 0xc3, 0xa9, 0]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(path).size, 4);
  assert.ok(statSync(path).isFile() && statSync(folder).isDirectory());
  chmodSync(path, 0o640);
  assert.equal(lstatSync(path).mode & 0o777, 0o640);
  renameSync(path, join(folder, "two"));
  assert.deepEqual([existsSync(path), existsSync(join(folder, "two"))], [false, true]);
  unlinkSync(join(folder, "two"));
  assert.deepEqual(readdirSync(folder).sort(), ["a"]);
});

test("an open file is read where one wants, and flushed", () => {
  const path = join(folder, "numbers");
  const file = openSync(path, "w", 0o600);
  writeFileSync(file, "01234");
  assert.equal(writeSync(file, "56789"), 5);
  fsyncSync(file);
  closeSync(file);
  const again = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const bytes = Buffer.alloc(8, 0x2e);
  assert.equal(readSync(again, bytes, 2, 4, null), 4);
  assert.equal(readSync(again, bytes, 6, 2, 8), 2);
  assert.equal(bytes.toString(), "..012389");
  assert.equal(fstatSync(again).size, 10);
  closeSync(again);
});

test("a file of unknown size, and a large one, are read whole", async () => {
  assert.match(readFileSync("/proc/self/status", "utf8"), /^Name:/);
  assert.match(await readFile("/proc/self/status", "utf8"), /VmRSS/);
  const path = join(folder, "large");
  writeFileSync(path, Buffer.alloc(300_000, "abc"));
  assert.equal(readFileSync(path, "latin1"), "abc".repeat(100_000));
});

test("names need not be UTF-8", () => {
  const name = Buffer.from([0x66, 0xff, 0x6f]);
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/a/`), name]), "x");
  assert.ok(readdirSync(join(folder, "a"), { encoding: "buffer" }).some((each) => each.equals(name)));
});

test("what fails says why, in Node's words", () => {
  assert.throws(() => readFileSync("/nowhere/at/all"), {
    code: "ENOENT",
    syscall: "open",
    path: "/nowhere/at/all",
    message: "ENOENT: no such file or directory, open '/nowhere/at/all'",
  });
  assert.throws(() => readdirSync("/etc/passwd"), { code: "ENOTDIR" });
  assert.throws(() => {
    renameSync("/nowhere", "/tmp/x");
  }, { code: "ENOENT" });
  assert.throws(() => {
    mkdirSync(folder);
  }, { code: "EEXIST" });
  assert.throws(() => {
    writeFileSync("/proc/self/nothing", "");
  });
  assert.throws(() => openSync("a\0b", "r"), TypeError);
  assert.equal(lstatSync("/nowhere", { throwIfNoEntry: false }), undefined);
  assert.equal(realpathSync("/proc/self/cwd"), process.cwd());
  rmSync("/nowhere", { force: true });
});

test("a folder says that something in it has changed", async () => {
  const told = new Promise<void>((resolve, reject) => {
    const watcher = watch(join(folder, "a"), { persistent: false }, () => {
      watcher.close();
      resolve();
    });
    watcher.on("error", reject);
  });
  writeFileSync(join(folder, "a/news"), "read me");
  const waiting = setTimeout(() => undefined, 10_000); // a watcher keeps nobody
  await told;
  clearTimeout(waiting);
  const file = await open(join(folder, "a/news"), "r");
  const { bytesRead, buffer } = await file.read(Buffer.alloc(16), 0, 16, 5);
  await file.close();
  assert.equal(buffer.toString("latin1", 0, bytesRead), "me");
  assert.throws(() => watch("/nowhere", { persistent: false }, () => undefined), { code: "ENOENT" });
});

test("paths are put together and taken apart", () => {
  for (
    const [parts, whole] of [[["a", "../b", "c/"], "b/c/"], [["/", "x"], "/x"], [["/a//b", "..", "c"], "/a/c"], [[".", ""], "."], [["..", "a"],
      "../a"]] as const
  ) assert.equal(join(...parts), whole);
  for (const [path, folderOf, name] of [["/a/b", "/a", "b"], ["/a", "/", "a"], ["a", ".", "a"], ["/a/b/", "/a", "b"], ["/", "/", ""]] as const) {
    assert.equal(dirname(path), folderOf, path);
    assert.equal(basename(path), name, path);
  }
});
