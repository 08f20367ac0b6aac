// Packages in the form of apk-tools 3, without apk-tools: apk-v3(5) describes it, and what it leaves out (numbers of fields, order) is that
// of `apk mkpkg`, to the byte. A file is a database ("ADB": values that refer to each other by offset) with all metadata, then the files'
// contents, each in a block; all that deflated. Not signed. Numbers are little-endian.
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { deflateRawSync } from "node:zlib";

const int = 0x1000_0000, int32 = 0x2000_0000, blob8 = 0x8000_0000, blob16 = 0x9000_0000, blob32 = 0xa000_0000, object = 0xe000_0000;
const symbolicLink = 0xa000; // S_IFLNK of stat(2)
/** Fields by their number, which is their place here. */
const infoFields = ["", "name", "version", "hashes", "description", "arch", "license", "origin", "maintainer", "url"];
const installedSizeField = 12, dependsField = 15;
const scriptFields = ["", "trigger", "pre-install", "post-install", "pre-deinstall", "post-deinstall", "pre-upgrade", "post-upgrade"];

/**
 * A package as bytes. `info`: name, version, … and `depends`, a list of names. `scripts`: their text by apk's name for them. `entries`: files,
 * links and folders as in a tar archive (`./etc/`, mode, content or link), all of root. `time`: seconds since 1970.
 */
export function apkOf({ info, scripts, entries, time }) {
  const db = openDatabase();
  const details = infoFields.map((name) => info[name] ? db.blob(Buffer.from(info[name])) : 0);
  details[dependsField] = sortedObject(db, info.depends.map((name) => [name, db.object([0, db.blob(Buffer.from(name))])]));

  const folders = foldersOf(entries);
  const size = entries.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  const acl = (mode) => db.object([0, db.number(mode), db.blob(Buffer.from("root")), db.blob(Buffer.from("root"))]);
  const paths = folders.map(({ name, mode, files }) => {
    const values = files.map(({ name: file, mode: rights, content, link }) => {
      const slots = [0, db.blob(Buffer.from(file))];
      if (content) slots[5] = db.blob(sha256(content));
      else slots[6] = db.blob(Buffer.concat([Buffer.from([symbolicLink & 0xff, symbolicLink >> 8]), Buffer.from(link)]));
      slots[4] = db.number(time);
      slots[3] = db.number(content ? content.length : Buffer.byteLength(link));
      slots[2] = acl(rights);
      return db.object(slots);
    });
    const slots = [0, db.blob(Buffer.from(name)), acl(mode)];
    slots[3] = db.object([0, ...values]);
    return db.object(slots);
  });
  details[installedSizeField] = db.number(Math.max(size, 1));
  details[3] = db.unique(Buffer.alloc(20));
  const parts = [0, db.object(details), db.object([0, ...paths])];
  if (Object.keys(scripts).length > 0) parts[3] = db.object(scriptFields.map((name) => scripts[name] ? db.blob(Buffer.from(scripts[name])) : 0));
  const bytes = db.finish(db.object(parts));
  // The package's identity: the hash of its database while it is still zero.
  sha256(bytes).copy(bytes, (details[3] & 0x0fff_ffff) + 1, 0, 20);

  const contents = folders.flatMap(({ files }, folder) =>
    files.flatMap(({ content }, file) => content && content.length > 0 ? [block(2, Buffer.concat([words(folder + 1, file + 1), content]))] : [])
  );
  return Buffer.concat([Buffer.from("ADBd"), deflateRawSync(Buffer.concat([Buffer.from("ADB.pckg"), block(0, bytes), ...contents]), { level: 9 })]);
}

/** The database: equal values are stored once, and begin at multiples of their kind's size. A value is a kind and an offset (or number). */
function openDatabase() {
  const pieces = [Buffer.alloc(8)];
  const known = new Map();
  let length = 8;
  const append = (bytes, alignment) => {
    const padding = Buffer.alloc(-length & (alignment - 1));
    pieces.push(padding, bytes);
    length += padding.length + bytes.length;
    return length - bytes.length;
  };
  const store = (bytes, alignment) => {
    const key = bytes.toString("latin1");
    const before = known.get(key);
    if (before !== undefined && before % alignment === 0) return before;
    const at = append(bytes, alignment);
    known.set(key, at);
    return at;
  };
  const framed = (bytes) => {
    const [kind, width] = bytes.length > 0xffff ? [blob32, 4] : bytes.length > 0xff ? [blob16, 2] : [blob8, 1];
    const frame = Buffer.alloc(width);
    frame.writeUIntLE(bytes.length, 0, width);
    return [kind, Buffer.concat([frame, bytes]), width];
  };
  return {
    blob(bytes) {
      if (bytes.length === 0) return 0;
      const [kind, whole, width] = framed(bytes);
      return kind + store(whole, width);
    },
    /** A blob that no other shares, so that it may be changed later. */
    unique(bytes) {
      const [kind, whole, width] = framed(bytes);
      return kind + append(whole, width);
    },
    number: (value) => value < int ? int + value : int32 + store(words(value), 4),
    /** Its first slot, whatever is given, is the number of slots; empty ones at the end are left out. */
    object(slots) {
      let count = slots.length;
      while (count > 1 && !slots[count - 1]) count--;
      return count === 1 ? 0 : object + store(words(count, ...Array.from(slots.slice(1, count), (value) => value ?? 0)), 4);
    },
    finish(root) {
      words(root).copy(pieces[0], 4); // behind two bytes of versions and two reserved ones
      return Buffer.concat(pieces);
    },
  };
}

/** Folders with their entries, both sorted; the root's name is empty. */
function foldersOf(entries) {
  const named = (path) => posix.normalize(path).replace(/\/$/, "").replace(/^\.$/, "");
  const parent = (path) => named(posix.dirname(path));
  return entries.filter(({ path }) => path.endsWith("/")).map(({ path, mode }) => ({
    name: named(path),
    mode,
    files: entries.filter((each) => !each.path.endsWith("/") && parent(each.path) === named(path))
      .map((each) => ({ ...each, name: posix.basename(each.path) })).sort(byName),
  })).sort(byName);
}

function sortedObject(db, named) {
  return db.object([0, ...named.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map(([, value]) => value)]);
}

function byName(a, b) {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

function block(kind, payload) {
  const length = 4 + payload.length;
  return Buffer.concat([words(kind * 0x4000_0000 + length), payload, Buffer.alloc(-length & 7)]);
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest();
}

function words(...numbers) {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, at) => bytes.writeUInt32LE(number, 4 * at));
  return bytes;
}
