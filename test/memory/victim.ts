import { writeSync } from "node:fs";
import { openMemory } from "../../src/memory/memory.ts";
import { openStateFile } from "../../src/system/files/state-file.ts";
import { steadyClock, systemClock as clock } from "../../src/system/process/system-clock.ts";
import { sampleMitigation } from "../operator/sample-mitigation.ts";
import { wallInstant } from "../../src/model/time.ts";

/**
 * A daemon's memory at work, to be killed: `used ID` is said as soon as an id has been given out, `decided ID` when a decision about it
 * would be acknowledged. Started as: victim FOLDER
 */
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
const log = (level: string, message: string): void => {
  say(`logged ${level}: ${message}`);
};
const memory = openMemory({
  state: openStateFile(process.argv[2] ?? "", "state.json"),
  owner: openStateFile(process.argv[2] ?? "", "owner.json"),
  ids: openStateFile(process.argv[2] ?? "", "ids.json"),
}, { clock: steadyClock, log, filter: { readCounters: () => Promise.resolve(new Map()) } });
memory.begin();
const { store } = memory;
for (const left of store.all()) store.put({ ...left, state: "ended", outcome: left.outcome ?? "expired" }); // as time would
for (;;) {
  const id = store.newId();
  say(`used ${id}`);
  store.put({ ...sampleMitigation, id });
  memory.save();
  store.put({ ...sampleMitigation, id, state: "ended", outcome: "denied", decidedBy: "owner" });
  store.record({
    at: clock.now(),
    event: "denied",
    by: "owner",
    who: "root",
    via: "cli",
    mitigation: id,
    upstream: "isp",
    outcome: "denied",
    action: "block",
    devices: [],
    target: [],
    dropped: null,
    reason: "the owner says that it is not an attack",
  });
  store.keepNos([...store.nos().slice(-4), {
    mac: "02:00:00:00:0a:01",
    addresses: [],
    target: { prefixes: sampleMitigation.request.target.prefixes, ports: [], protocols: [] },
    saidAt: wallInstant(id),
    until: null,
  }]);
  memory.saveNow();
  say(`decided ${id}`);
  await new Promise(setImmediate);
}
