import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HomeAddresses } from "../../../src/model/home.ts";
import { openFlowJournal, type FlowJournal } from "../../../src/system/flows/flow-journal.ts";
import type { FollowCommand, FollowEnd, FollowListeners } from "../../../src/system/process/follow-command.ts";
import { fakeClock, type FakeClock } from "../../fake-clock.ts";
import { asking, macs, prefixes, recordedBorders } from "../../nat-lookup/asking.ts";
import { sinceEpoch } from "../../../src/model/time.ts";

const home: HomeAddresses = { ...recordedBorders, outside: prefixes("203.0.113.7"), wans: [], resolvers: [] };
const asked = asking({ fromPorts: "14000-14100", toPorts: "443", protocols: [17] });

function flow(event: "NEW" | "DESTROY" | "", port: number, { from = "192.168.1.21", more = "" } = {}): string {
  return `${
    event === "" ? "" : `    [${event}] `
  }udp      17 30 src=${from} dst=198.51.100.9 sport=40000 dport=443 src=198.51.100.9 dst=203.0.113.7 sport=443 dport=${port}${more}\n`;
}

interface Running {
  readonly args: string;
  readonly says: FollowListeners;
  paused: boolean;
  stopped: boolean;
}

interface Played {
  readonly journal: FlowJournal;
  readonly clock: FakeClock;
  readonly runs: Running[];
  readonly log: string[];
  readonly solicited: string[];
  /** What is running `conntrack -E`, or was last. */
  readonly events: () => Running;
  /** Ends the listings that run, with these lines in the first. */
  readonly endListing: (lines?: string, end?: Partial<FollowEnd>) => Promise<void>;
}

async function play({ sysctls = {}, busy = 0 }: { sysctls?: Record<string, number>; busy?: number } = {}): Promise<Played> {
  const clock = fakeClock();
  const runs: Running[] = [];
  const log: string[] = [];
  const solicited: string[] = [];
  let watch = 0;
  const follow: FollowCommand = (tool, args, says) => {
    const running: Running = { args: [tool, ...args].join(" "), says, paused: false, stopped: false };
    runs.push(running);
    return {
      pause: () => {
        running.paused = true;
      },
      resume: () => {
        running.paused = false;
      },
      stop: () => {
        running.stopped = true;
      },
    };
  };
  const journal = openFlowJournal({
    follow,
    clock: clock.steady,
    wallTime: () => clock.now(),
    log: (level, message) => {
      log.push(`${level}: ${message}`);
    },
    directory: {
      neighbours: () => Promise.resolve([{ address: "192.168.1.21", mac: macs.camera, device: "br-lan" }]),
      names: () => Promise.resolve(new Map()),
      port: () => Promise.resolve(null),
    },
    network: { addresses: () => Promise.resolve(home) },
    settings: { read: (name) => sysctls[name], write: () => false, widenSockets: () => () => undefined },
    solicit: (address) => {
      solicited.push(address);
    },
    stopwatch: () => {
      watch += busy;
      return watch + sinceEpoch(clock.now());
    },
  });
  await clock.advance(0);
  return {
    journal,
    clock,
    runs,
    log,
    solicited,
    events: () => runs.filter(({ args }) => args.includes(" -E ")).at(-1) ?? assert.fail("nothing runs"),
    async endListing(lines = "", end = {}) {
      for (const family of ["ipv4", "ipv6"]) {
        const listing = runs.at(-1);
        assert.equal(listing?.args, `conntrack -L -f ${family} -o id`);
        if (family === "ipv4") listing.says.onData(Buffer.from(lines));
        listing.says.onEnd({ status: 0, isMissing: false, reason: "", ...end });
        await clock.advance(0);
        if (end.status !== undefined && end.status !== 0) return;
      }
    },
  };
}

describe("openFlowJournal", () => {
  it("listens, then reads the table once, and then vouches for itself", async () => {
    const { journal, clock, runs, events, endListing } = await play();
    assert.equal(events().args, "conntrack -E -e NEW,DESTROY -o timestamp,id");
    assert.equal(journal.vouches(), false);
    events().says.onData(Buffer.from(flow("NEW", 14_001)));
    await clock.advance(300);
    await endListing(flow("", 14_002, { more: " [ASSURED] mark=0 use=1 id=7" }));
    assert.equal(journal.vouches(), true);
    const living = journal.search(asked).flows.filter(({ sighting }) => sighting?.endedAt === null);
    assert.deepEqual(living.map(({ reply }) => reply.dport), [14_002], "what the listing did not name has ended unheard");
    await clock.advance(600_000);
    assert.equal(runs.length, 3, "no work while nothing happens");
    assert.equal(clock.waiting(), 0);
  });

  it("joins lines that were cut in the middle, and steps over garbage", async () => {
    const { journal, events } = await play();
    const text = `${flow("NEW", 14_001)}\u0000\u00ff garbage = [\n${flow("NEW", 14_002)}${"x".repeat(20_000)}\n${
      flow("NEW", 14_003, { more: " zone=5 labels=a [OFFLOAD]" })
    }[NEW] udp 17 src=1`;
    for (let at = 0; at < text.length; at += 7) events().says.onData(Buffer.from(text.slice(at, at + 7), "latin1"));
    assert.deepEqual(journal.search(asked).flows.map(({ reply }) => reply.dport).sort(), [14_001, 14_002, 14_003]);
    assert.equal(journal.figures.unreadable, 1, "the endless line is not even looked at");
  });

  it("asks once whose a new address is, and has the kernel look for who is not known", async () => {
    const { journal, clock, events, solicited } = await play();
    events().says.onData(Buffer.from(flow("NEW", 14_001) + flow("NEW", 14_002, { from: "192.168.1.55" }) + flow("NEW", 14_003, { from: "10.9.9.9" })));
    await clock.advance(10_000);
    assert.equal(journal.search(asked).flows.find(({ reply }) => reply.dport === 14_001)?.sighting?.mac, macs.camera);
    assert.deepEqual(solicited, ["192.168.1.55"], "not who is not of the home");
  });

  it("is repaired by a listing after events were lost, at most one in 30 s", async () => {
    const { journal, clock, runs, log, events, endListing } = await play();
    await clock.advance(300);
    await endListing();
    for (let at = 0; at < 20; at += 1) {
      events().says.onComplaint(
        "WARNING: We have hit ENOBUFS! We are losing events.\nThis message means that the current netlink socket buffer size is too small.\n",
      );
      await clock.advance(1000);
    }
    assert.equal(journal.vouches(), false);
    assert.match(journal.describe(), /some events were missed/);
    assert.equal(runs.length, 3);
    await clock.advance(11_000);
    await endListing();
    assert.deepEqual([journal.vouches(), runs.length, journal.figures.losses], [true, 5, 20]);
    assert.equal(log.filter((line) => line.includes("missed events")).length, 1);
  });

  it("is repaired as soon by a wall clock that was put back by a day", async () => {
    const { journal, clock, events, endListing } = await play();
    await clock.advance(300);
    await endListing();
    clock.jump(-86_400_000);
    events().says.onComplaint("WARNING: We have hit ENOBUFS! We are losing events.\n");
    await clock.advance(31_000);
    await endListing();
    assert.equal(journal.vouches(), true);
  });

  it("stops reading for the rest of a quarter of a second when it has used up its share", async () => {
    const { journal, clock, events } = await play({ busy: 70 });
    events().says.onData(Buffer.from(flow("NEW", 14_001)));
    assert.equal(events().paused, true);
    await clock.advance(300);
    assert.equal(events().paused, false);
    assert.equal(journal.figures.pauses, 1);
  });

  it("starts conntrack again when it dies, later each time, and warns", async () => {
    const { journal, clock, runs, log, events, endListing } = await play();
    await clock.advance(300);
    await endListing();
    for (const wait of [1000, 2000, 5000]) {
      const before = runs.length;
      events().says.onEnd({ status: null, isMissing: false, reason: "conntrack was killed by SIGKILL" });
      assert.equal(journal.vouches(), false);
      assert.deepEqual(journal.warnings(), ["the flow journal is down: conntrack was killed by SIGKILL"]);
      await clock.advance(wait - 100);
      assert.equal(runs.length, before);
      await clock.advance(100);
      assert.equal(runs.length, before + 1);
    }
    assert.deepEqual(log.filter((line) => line.startsWith("warn")), ["warn: the flow journal is down: conntrack was killed by SIGKILL; next attempt in 1 s"]);
    await clock.advance(300);
    await endListing();
    assert.deepEqual([journal.vouches(), journal.warnings()], [true, []]);
  });

  it("says what to install", async () => {
    const { journal, events } = await play();
    events().says.onEnd({ status: null, isMissing: true, reason: "conntrack is not installed" });
    assert.deepEqual(journal.warnings(), ["the flow journal is down: conntrack is not installed: install the package conntrack"]);
  });

  it("does not vouch after a listing that failed", async () => {
    const { journal, clock, log, endListing } = await play();
    await clock.advance(300);
    await endListing("", { status: 1, reason: "conntrack ended with status 1" });
    assert.equal(journal.vouches(), false);
    assert.ok(log.some((line) => line.includes("cannot complete the flow journal: conntrack ended with status 1; next attempt in 30 s")), log.join("\n"));
  });

  it("warns of settings that blind it, until they are mended", async () => {
    const sysctls: Record<string, number> = { nf_conntrack_events: 0, nf_conntrack_acct: 0 };
    const { journal } = await play({ sysctls });
    assert.equal(journal.warnings().length, 2);
    assert.match(journal.warnings().join(), /nf_conntrack_events is 0 and cannot be set/);
    sysctls["nf_conntrack_acct"] = 1;
    assert.equal(journal.warnings().length, 1);
  });

  it("stops all that it started", async () => {
    const { journal, clock, runs } = await play();
    await clock.advance(300);
    journal.stop();
    assert.ok(runs.every(({ stopped }) => stopped));
    assert.equal(clock.waiting(), 0);
  });
});
