import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { openMemory, type Memory } from "../../src/memory/memory.ts";
import { readOwnersWord, writeOwnersWord } from "../../src/memory/owners-word-json.ts";
import { nosTo } from "../../src/policy/owners-nos.ts";
import { writeRemembered } from "../../src/memory/state-json.ts";
import { nothingRemembered } from "../../src/memory/store.ts";
import { openStateFile } from "../../src/system/files/state-file.ts";
import { fakeClock, start, startPlus } from "../fake-clock.ts";
import { camera, laptop, pending, requested } from "../policy/samples.ts";

let folder: string;
let logged: string[];
const stateFile = (): string => join(folder, "state.json");
const ownerFile = (): string => join(folder, "owner.json");

function open(): Memory {
  return openMemory({ state: openStateFile(folder, "state.json"), owner: openStateFile(folder, "owner.json"), ids: openStateFile(folder, "ids.json") }, {
    clock: fakeClock().steady,
    filter: { readCounters: () => Promise.resolve(new Map()) },
    log: (level, message) => logged.push(`${level}: ${message}`),
  });
}

const never = { mac: laptop.mac ?? "", name: "Laptop", addresses: ["192.168.1.22"], port: null, requests: 2, lastRequestAt: start, policy: "never" } as const;
const denied = { ...pending, state: "ended", outcome: "denied", decidedBy: "owner", endedAt: start } as const;

/** The owner has said never to one device, and no to a request about another. */
function decide(): void {
  const { store, saveNow } = open();
  store.rememberDevice(never);
  store.put(denied);
  store.keepNos(nosTo(denied, start));
  saveNow();
}

const wordOf = ({ store }: Memory): unknown => [store.devices().map(({ mac, policy }) => [mac, policy]), store.nos().map(({ mac }) => mac)];
const theWord = [[[laptop.mac, "never"]], [camera.mac]];

suite("the owner's word", () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dots-word-"));
    logged = [];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("is a file of its own that only its user reads: MAC addresses, prefixes and instants, no text of an upstream", () => {
    decide();
    assert.equal(statSync(ownerFile()).mode & 0o777, 0o600);
    const text = readFileSync(ownerFile(), "utf8");
    assert.doesNotMatch(text, /isp|dz6p|Laptop|camera/i);
    assert.deepEqual(JSON.parse(text), {
      format: 1,
      policies: [{ mac: laptop.mac, policy: "never" }],
      nos: [{
        mac: camera.mac,
        addresses: camera.addresses,
        target: { prefixes: [{ prefix: "198.51.100.9/32" }], ports: [], protocols: [] },
        saidAt: start,
        until: startPlus(3_600_000),
      }],
    });
  });

  const damages: Readonly<Record<string, (path: string) => void>> = {
    "that is cut off": (path) => {
      writeFileSync(path, readFileSync(path, "utf8").slice(0, -9));
    },
    "that is noise": (path) => {
      writeFileSync(path, Buffer.alloc(4096));
    },
    "that is too large": (path) => {
      writeFileSync(path, `{"format":1,"x":"${"x".repeat(5_000_000)}"}`);
    },
    "that is a folder": (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    "of a newer version": (path) => {
      writeFileSync(path, '{"format":99}');
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    test(`survives a state file ${what}; that is set aside, and status says so`, () => {
      decide();
      damage(stateFile());
      const memory = open();
      assert.deepEqual(wordOf(memory), theWord);
      assert.equal(memory.warnings().length, 1);
      assert.match(memory.warnings()[0] ?? "",
        /state\.json (is damaged|cannot be read|was written by a newer).* it is kept as .*state\.json\.kept-1, and the daemon starts without its memory of requests$/);
      assert.ok(existsSync(`${stateFile()}.kept-1`));
      memory.saveNow();
      assert.deepEqual(wordOf(open()), theWord);
    });

    test(`in a file ${what}: the copy beside the requests is used, the damaged one is kept, and status says so`, () => {
      decide();
      damage(ownerFile());
      const memory = open();
      assert.deepEqual(wordOf(memory), theWord);
      assert.match(memory.warnings().join("\n"),
        /owner\.json .* it is kept as .*owner\.json\.kept-1, and what you decided about devices is taken from the copy in .*state\.json: check it with dots-callhome devices$/);
      assert.ok(existsSync(`${ownerFile()}.kept-1`));
    });
  }

  test("damaged in one place: the rest of it holds, and status says what is lost", () => {
    decide();
    writeFileSync(ownerFile(), readFileSync(ownerFile(), "utf8").replace('"saidAt":', '"said":'));
    const memory = open();
    assert.deepEqual(wordOf(memory), [theWord[0], []]);
    assert.match(memory.warnings()[0] ?? "", /owner\.json is damaged: 1 of its nos cannot be used; it is kept as/);
  });

  test("counts against an older copy, and against none", () => {
    decide();
    const before = readFileSync(stateFile(), "utf8");
    const { store, saveNow } = open();
    store.rememberDevice({ ...never, policy: null });
    saveNow();
    writeFileSync(stateFile(), before);
    assert.deepEqual(wordOf(open()), [[[laptop.mac, null]], [camera.mac]]);
    decide();
    rmSync(stateFile());
    assert.deepEqual(wordOf(open()), theWord);
  });

  test("of before it had a file of its own is taken over", () => {
    const written = writeRemembered({ ...nothingRemembered, nextId: 18, mitigations: [denied], devices: [never] });
    writeFileSync(stateFile(), written.replace(',"nos":[]', ""));
    const memory = open();
    assert.deepEqual([wordOf(memory), logged], [theWord, []]);
    memory.saveNow();
    rmSync(stateFile());
    assert.deepEqual(wordOf(open()), theWord);
  });

  test("what could neither be read nor set aside is not written over", () => {
    decide();
    const bad = "no JSON";
    writeFileSync(stateFile(), bad);
    for (let at = 1; at <= 5; at++) mkdirSync(`${stateFile()}.kept-${at}`);
    const memory = open();
    memory.store.put({ ...pending, id: 99 });
    memory.saveNow();
    assert.equal(readFileSync(stateFile(), "utf8"), bad);
    assert.match(memory.warnings().join("\n"),
      /it stays as it is, and nothing can be saved[^]*state\.json cannot be written \(what stands there could not be read, nor set aside\)/);
    assert.deepEqual(wordOf(open()), theWord);
  });

  test("all that can be said takes less than half a megabyte", () => {
    const wide = requested({ to: Array.from({ length: 64 }, (_, at) => `2001:db8:${(at + 0x1000).toString(16)}:ffff:ffff:ffff:ffff:ffff`).join(" ") });
    const memory = open();
    for (let at = 0; at < 1024; at++)
      memory.store.rememberDevice({ ...never, mac: `02:00:00:00:${(at >> 8).toString(16).padStart(2, "0")}:${(at & 255).toString(16).padStart(2, "0")}` });
    memory.store.keepNos(Array.from({ length: 64 }, () => nosTo({ ...denied, request: wide }, start)).flat());
    const text = writeOwnersWord({ policies: memory.store.devices(), nos: memory.store.nos() });
    assert.ok(text.length < 500_000, String(text.length));
    assert.ok(!("problem" in readOwnersWord(text)));
  });
});
