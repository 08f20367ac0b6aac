import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { openMemory, type Memory, type MemoryFiles } from "../../src/memory/memory.ts";
import { steadyInstant, wallInstant, type SteadyClock } from "../../src/model/time.ts";
import { readRemembered, writeRemembered } from "../../src/memory/state-json.ts";
import { openStateFile } from "../../src/system/files/state-file.ts";
import { sampleMitigation } from "../operator/sample-mitigation.ts";

let folder: string;
let now: number;
let timers: { readonly at: number; readonly callback: () => void }[];
let logged: string[];
const clock: SteadyClock = {
  now: () => steadyInstant(now),
  after(delay, callback) {
    const timer = { at: now + delay, callback };
    timers.push(timer);
    return () => {
      timers = timers.filter((each) => each !== timer);
    };
  },
};
const filesIn = (where: string): MemoryFiles => ({
  state: openStateFile(where, "state.json"),
  owner: openStateFile(where, "owner.json"),
  ids: openStateFile(where, "ids.json"),
});
const file = (): string => join(folder, "state.json");
const reserved = (): number => (JSON.parse(readFileSync(join(folder, "ids.json"), "utf8")) as { nextId: number }).nextId;
const saved = (): { nextId: number; mitigations: { id: number }[] } => JSON.parse(readFileSync(file(), "utf8")) as never;

async function open(counted: readonly number[] = []): Promise<Memory> {
  const filter = { readCounters: () => Promise.resolve(new Map(counted.map((id) => [id, { packets: 1, bytes: 1 }]))) };
  const memory = openMemory(filesIn(folder), { clock, filter, log: (level, message) => logged.push(`${level}: ${message}`) });
  await memory.learnIds();
  return memory;
}

suite("memory", () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dots-memory-"));
    now = 1_000_000;
    timers = [];
    logged = [];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("everything comes back as it was, prefixes included", async () => {
    const memory = await open();
    const mitigation = { ...sampleMitigation, id: memory.store.newId() };
    memory.store.put(mitigation);
    memory.store.rememberDevice({
      mac: "aa:bb:cc:dd:ee:ff",
      name: "\u001b[31mx",
      addresses: ["192.168.1.2"],
      port: null,
      requests: 2,
      lastRequestAt: wallInstant(now),
      policy: "never",
    });
    memory.store.record({
      at: wallInstant(now),
      event: "policy",
      by: "owner",
      who: "root",
      via: "cli",
      mitigation: null,
      upstream: null,
      outcome: null,
      action: null,
      devices: [],
      target: [],
      dropped: null,
      reason: "from now on: never",
    });
    memory.saveNow();
    memory.close();
    const { store } = await open();
    assert.deepEqual(store.snapshot(), { ...memory.store.snapshot(), nextId: 2 });
    assert.deepEqual(store.get(1), mitigation);
    assert.deepEqual(logged, []);
    assert.equal(statSync(file()).mode & 0o777, 0o600);
  });

  test("an id that was used never comes back, however the daemon ended", async () => {
    const first = await open();
    assert.deepEqual([first.store.newId(), first.store.newId()], [1, 2]); // killed here
    const second = await open();
    const id = second.store.newId();
    assert.ok(id > 2 && id < 20, String(id));
    second.close();
    assert.equal((await open()).store.newId(), id + 1, "stopped properly, none is skipped");
    rmSync(file());
    assert.equal((await open([70])).store.newId(), 71, "not even those that only the kernel knows");
  });

  test("giving out an id does not wait for the disk: some are in stock, and it is filled up afterwards", async () => {
    const memory = await open();
    memory.begin();
    assert.equal(reserved(), 9);
    const ids = [1, 2, 3, 4, 5, 6].map(() => memory.store.newId());
    assert.equal(reserved(), 9, "no write while they are given out");
    assert.equal(timers.length, 1);
    timers[0]?.callback();
    assert.equal(reserved(), Math.max(...ids) + 17);
    memory.close();
    assert.deepEqual([reserved(), saved().nextId], [7, 7]);
  });

  for (
    const [what, damage] of [["damaged", () => {
      writeFileSync(file(), "{");
    }], ["gone", () => {
      rmSync(file());
    }]] as const
  ) {
    test(`an id that was used does not come back where the state file is ${what}`, async () => {
      const memory = await open();
      memory.begin();
      const last = [1, 2, 3].map(() => memory.store.newId()).at(-1) ?? 0;
      damage(); // and killed
      const next = (await open()).store.newId();
      assert.ok(next > last && next < 20, String(next));
    });
  }

  test("the counter's own file is damaged: it is kept aside, and they go on from the state file", async () => {
    const memory = await open();
    memory.begin();
    const last = memory.store.newId();
    memory.save();
    writeFileSync(join(folder, "ids.json"), "noise");
    assert.ok((await open()).store.newId() > last);
    assert.match(logged.join("\n"),
      /ids\.json is damaged \(not complete JSON\): it is kept as .*ids\.json\.kept-1, and numbers of mitigations go on from those in .*state\.json$/);
  });

  test("a thousand requests write the counter a few times", async () => {
    const memory = await open();
    memory.begin();
    const writes = new Set([reserved()]);
    for (let request = 0; request < 1000; request++) {
      memory.store.newId();
      for (const timer of timers.splice(0)) timer.callback();
      writes.add(reserved());
    }
    assert.ok(writes.size <= 9, `${writes.size} writes`);
  });

  test("a decision is in the file when it is acknowledged, however much was written of late", async () => {
    const memory = await open();
    for (let request = 1; request <= 100; request++) {
      memory.store.put({ ...sampleMitigation, id: request });
      memory.save();
    }
    assert.ok(saved().mitigations.length < 100, "requests without a decision wait when there are many");
    assert.equal(timers.length, 1);
    memory.saveNow();
    assert.equal(saved().mitigations.length, 100);
    assert.equal(timers.length, 0);
  });

  test("writes that nobody decided on are few, and none is lost for longer than half a minute", async () => {
    const memory = await open();
    let writes = 0;
    let before = "";
    for (let second = 0; second < 600; second++) {
      now += 1000;
      for (const timer of timers.filter(({ at }) => at <= now)) timer.callback();
      memory.store.put({ ...sampleMitigation, id: 1, expiresAt: wallInstant(now) });
      memory.save();
      const after = readFileSync(file(), "utf8");
      if (after !== before) writes++;
      before = after;
    }
    assert.ok(writes <= 45, `${writes} writes in ten minutes`);
  });

  test("counters alone cause no write; the same state none either", async () => {
    const memory = await open();
    memory.store.put(sampleMitigation);
    memory.save();
    const { ino } = statSync(file());
    memory.store.put({ ...sampleMitigation }); // as `counted` leaves it when nothing says remember
    memory.saveNow();
    assert.equal(statSync(file()).ino, ino);
  });

  const damages: readonly (readonly [string, string | ((good: string) => string), RegExp])[] = [
    ["cut off", (good) => good.slice(0, -20), /is damaged \(not complete JSON\)/],
    ["empty", "", /is damaged \(not complete JSON\)/],
    ["noise", "\0\0\0\0", /is damaged \(not complete JSON\)/],
    ["of a newer version", '{"format":2,"nextId":1}', /was written by a newer version \(format 2, this one reads 1\)/],
    ["of an older version", '{"format":0,"nextId":1}', /was written by a version that is too old/],
    ["without a counter", (good) => good.replace(/"nextId":\d+/, '"nextId":"x"'), /no valid nextId/],
    ["with a mitigation that is none", (good) => good.replace('"state":"pending"', '"state":"asleep"'), /is damaged: 1 of its mitigations cannot be used/],
    ["with a prefix that is none", (good) => good.replace("198.51.100.9/32", "198.51.100.999/32"), /is damaged: 1 of its mitigations cannot be used/],
    ["an array", "[]", /names no format/],
  ];
  for (const [what, content, warning] of damages) {
    test(`a file that is ${what} is kept aside, said, and the daemon starts`, async () => {
      const good = writeRemembered({ nextId: 18, mitigations: [sampleMitigation], devices: [], history: [], nos: [] });
      const bad = typeof content === "string" ? content : content(good);
      assert.notEqual(bad, good);
      writeFileSync(file(), bad);
      const memory = await open();
      assert.deepEqual(memory.store.all(), []);
      assert.match(logged[0] ?? "", warning);
      assert.match(logged[0] ?? "", /it is kept as .*state\.json\.kept-1/);
      assert.deepEqual(memory.warnings().length, 1);
      assert.equal(readFileSync(`${file()}.kept-1`, "utf8"), bad);
      memory.saveNow();
      assert.ok(!("problem" in readRemembered(readFileSync(file(), "utf8"))));
    });
  }

  test("at most five damaged files are kept", async () => {
    for (let time = 0; time < 8; time++) {
      writeFileSync(file(), `damage ${time}`);
      await open();
    }
    assert.equal(readdirSync(folder).length, 5);
    assert.equal(readFileSync(`${file()}.kept-1`, "utf8"), "damage 0");
  });

  test("a history of before the person was recorded is read", () => {
    const good = writeRemembered({ nextId: 1, mitigations: [], devices: [], history: [], nos: [] });
    const entry = {
      at: 1,
      event: "policy",
      by: "owner",
      mitigation: null,
      upstream: null,
      outcome: null,
      action: null,
      devices: [],
      target: [],
      dropped: null,
      reason: "x",
    };
    const read = readRemembered(good.replace('"history":[]', `"history":[${JSON.stringify(entry)}]`));
    assert.ok(!("problem" in read));
    assert.deepEqual([read.remembered.history[0]?.who, read.remembered.history[0]?.via], [null, null]);
  });

  test("a disk that takes nothing is said once, the daemon goes on in memory, and says when it is over", async () => {
    symlinkSync("/dev/full", `${file()}.new`); // every write fails as on a full disk
    const memory = await open();
    const id = memory.store.newId();
    memory.store.put({ ...sampleMitigation, id });
    // The draft is removed after a failure, so it is made anew for each.
    for (let time = 0; time < 3; time++) {
      if (!existsSync(`${file()}.new`)) symlinkSync("/dev/full", `${file()}.new`);
      memory.saveNow();
    }
    assert.equal(memory.store.get(id)?.id, id);
    assert.equal(logged.length, 1, logged.join("\n"));
    assert.match(logged[0] ?? "", /^error: decisions are kept in memory only and lost at a restart: .*ENOSPC/);
    assert.match(memory.warnings()[0] ?? "", /ENOSPC/);
    memory.saveNow();
    assert.deepEqual(memory.warnings(), []);
    assert.match(logged[1] ?? "", /can be written again/);
    assert.equal(saved().mitigations[0]?.id, id);
  });

  test("a folder that cannot be made is said", () => {
    writeFileSync(join(folder, "file"), "");
    const memory = openMemory(filesIn(join(folder, "file/state")), {
      clock,
      filter: { readCounters: () => Promise.resolve(new Map()) },
      log: (level, message) => logged.push(`${level}: ${message}`),
    });
    memory.store.newId();
    assert.match(logged.join("\n"), /ENOTDIR/);
  });
});
