import assert from "node:assert/strict";
import { inflateRawSync } from "node:zlib";

export interface ApkFile {
  readonly path: string;
  readonly mode: number;
  readonly owner: string;
  readonly mtime: number;
  readonly size: number;
  readonly hash: string;
  readonly link: string | null;
  readonly content: Buffer | null;
}

export interface ReadApk {
  readonly info: ReadonlyMap<number, string>;
  readonly hash: string;
  readonly depends: readonly string[];
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
  readonly files: readonly ApkFile[];
  readonly scripts: ReadonlyMap<number, string>;
  /** The database, its own hash in it zeroed: what that hash is of. */
  readonly hashed: Buffer;
}

/** Reads a package of apk-tools 3 by apk-v3(5), strictly: nothing overlaps the end, padding is zero, every file has its block, in order. */
export function readApk(file: Buffer): ReadApk {
  assert.equal(file.toString("latin1", 0, 4), "ADBd");
  const raw = inflateRawSync(file.subarray(4));
  assert.equal(raw.toString("latin1", 0, 8), "ADB.pckg");
  const blocks: { kind: number; payload: Buffer }[] = [];
  for (let at = 8; at < raw.length;) {
    const word = raw.readUInt32LE(at);
    const length = word & 0x3fff_ffff;
    const end = at + length;
    const padded = (end + 7) & ~7;
    assert.ok(length >= 4 && padded <= raw.length, "a block lies within the file");
    assert.ok(raw.subarray(end, padded).every((byte) => byte === 0));
    blocks.push({ kind: word >>> 30, payload: raw.subarray(at + 4, end) });
    at = padded;
  }
  const [first, ...data] = blocks;
  assert.ok(first?.kind === 0 && data.every(({ kind }) => kind === 2));
  const db = first.payload;
  assert.equal(db.readUInt32LE(0), 0, "version 0");

  const kindOf = (value: number): number => value >>> 28;
  const offsetOf = (value: number): number => value & 0x0fff_ffff;
  const blob = (value: number): Buffer => {
    if (value === 0) return Buffer.alloc(0);
    const width = { 8: 1, 9: 2, 10: 4 }[kindOf(value)];
    assert.ok(width !== undefined && offsetOf(value) % width === 0);
    const start = offsetOf(value) + width;
    const end = start + db.readUIntLE(offsetOf(value), width);
    assert.ok(end <= db.length);
    return db.subarray(start, end);
  };
  const text = (value: number): string => blob(value).toString("utf8");
  const number = (
    value: number,
  ): number => (kindOf(value) === 1 ? offsetOf(value) : kindOf(value) === 2 ? db.readUInt32LE(offsetOf(value)) : assert.fail(`no number: ${value}`));
  const slots = (value: number): (at: number) => number => {
    assert.equal(kindOf(value), 14);
    assert.equal(offsetOf(value) % 4, 0);
    const count = db.readUInt32LE(offsetOf(value));
    return (at) => (at < count ? db.readUInt32LE(offsetOf(value) + 4 * at) : 0);
  };
  const list = (value: number): number[] => (value === 0 ? [] : Array.from({ length: db.readUInt32LE(offsetOf(value)) - 1 }, (_, at) => slots(value)(at + 1)));

  const root = slots(db.readUInt32LE(4));
  const details = slots(root(1));
  const read = data.map(({ payload }) => ({ folder: payload.readUInt32LE(0), file: payload.readUInt32LE(4), content: payload.subarray(8) }));
  const paths = list(root(2)).map(slots);
  const files = paths.flatMap((path, folder) =>
    list(path(3)).map(slots).map((each, at): ApkFile => {
      const acl = slots(each(2));
      const link = each(6) === 0 ? null : blob(each(6));
      const size = number(each(3));
      if (link !== null) assert.equal(link.readUInt16LE(0), 0xa000);
      let content: Buffer | null = link === null ? Buffer.alloc(0) : null;
      if (link === null && size > 0) {
        const next = read.shift();
        assert.deepEqual([next?.folder, next?.file, next?.content.length], [folder + 1, at + 1, size]);
        content = next?.content ?? null;
      }
      const folderName = text(path(1));
      return {
        path: `${folderName === "" ? "" : `/${folderName}`}/${text(each(1))}`,
        mode: number(acl(1)),
        owner: `${text(acl(2))}:${text(acl(3))}`,
        mtime: number(each(4)),
        size,
        hash: blob(each(5)).toString("hex"),
        link: link?.toString("utf8", 2) ?? null,
        content,
      };
    })
  );
  assert.equal(read.length, 0, "no block without a file");
  const hashed = Buffer.from(db);
  hashed.fill(0, offsetOf(details(3)) + 1, offsetOf(details(3)) + 21);
  const texts = (object: (at: number) => number, fields: readonly number[]): Map<number, string> =>
    new Map(fields.flatMap((at) => (object(at) === 0 ? [] : [[at, text(object(at))] as const])));
  return {
    info: texts(details, [1, 2, 4, 5, 6, 7, 8, 9]),
    hash: blob(details(3)).toString("hex"),
    depends: list(details(15)).map((each) => text(slots(each)(1))),
    folders: paths.map((path) => ({ path: `/${text(path(1))}`, mode: number(slots(path(2))(1)) })),
    files,
    scripts: root(3) === 0 ? new Map() : texts(slots(root(3)), [1, 2, 3, 4, 5, 6, 7]),
    hashed,
  };
}
