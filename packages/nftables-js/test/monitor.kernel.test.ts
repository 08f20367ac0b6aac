import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { monitorNft } from "../src/monitor-nft.ts";
import { until } from "../../../test/until.ts";

const namespace = `dch-${String(process.pid)}-nft-mon`;
const command = ["ip", "netns", "exec", namespace, "nft"] as const;
const nft = (text: string): void => {
  execFileSync("ip", ["netns", "exec", namespace, "nft", text]);
};
before(() => execFileSync("ip", ["netns", "add", namespace]));
after(() => execFileSync("ip", ["netns", "delete", namespace]));

const ours = { family: "inet", name: "guard" } as const;

test("tells of each transaction that touches the table, and of no other", async () => {
  let changes = 0;
  const stop = monitorNft([ours], {
    command,
    changed: () => {
      changes += 1;
    },
    missed: () => undefined,
  });
  // Until it listens.
  await until("it listens", () => {
    nft("add table inet guard; add counter inet guard c; delete table inet guard");
    return changes > 0;
  });
  let before: number;
  do {
    before = changes;
    await delay(500);
  } while (changes !== before);
  nft("add table inet other; add table ip guard; add chain inet other guard");
  nft("add table inet guard; add set inet guard s { type ipv4_addr; }; add element inet guard s { 192.0.2.1, 192.0.2.2 }");
  await until("the table is heard", () => changes > before);
  nft("delete element inet guard s { 192.0.2.1 }");
  await until("the element is heard", () => changes > before + 1);
  nft("flush ruleset");
  await until("the flush is heard", () => changes > before + 2);
  await delay(300);
  assert.equal(changes, before + 3, "a transaction is one change");
  stop();
});

test("one that has seen much is followed by another, and no transaction is missed or heard twice", async () => {
  let changes = 0;
  let missed = 0;
  const monitors = (): string => execFileSync("ip", ["netns", "pids", namespace], { encoding: "utf8" }).trim();
  const stop = monitorNft([ours], {
    command,
    mostLines: 20,
    changed: () => {
      changes += 1;
    },
    missed: () => {
      missed += 1;
    },
  });
  await until("it listens", () => {
    nft("add table inet guard; add counter inet guard c; delete table inet guard");
    return changes > 0;
  });
  const first = monitors();
  let heard = changes;
  do {
    heard = changes;
    await delay(500);
  } while (changes !== heard);
  let made = 0;
  const change = async (): Promise<void> => {
    nft("add table inet guard; add counter inet guard c; delete table inet guard");
    made += 1;
    await until("the transaction is heard", () => changes >= heard + made);
  };
  await until("another is started beside it", async () => {
    await change();
    return monitors().includes("\n");
  });
  await change();
  // Without changes of which so many may be heard meanwhile that the next is due, too.
  await until("it has taken over", () => /^\d+$/.test(monitors()) && monitors() !== first);
  nft("add table inet guard; delete table inet guard");
  await until("the last is heard", () => changes >= heard + made + 1);
  await delay(300);
  assert.deepEqual([changes, missed], [heard + made + 1, 0]);
  stop();
});

test("is started again when it dies, and says so; a program that is missing is no reason to stop", async () => {
  const failures: string[] = [];
  let missed = 0;
  const stop = monitorNft([ours], {
    command: ["/bin/false"],
    changed: () => undefined,
    missed: () => {
      missed += 1;
    },
    failed: (reason, startsIn) => failures.push(`${reason}, ${String(startsIn)}`),
  });
  await until("two failures", () => missed >= 1 && failures.length >= 2);
  assert.deepEqual(failures.slice(0, 2), ["nft monitor ended: exit code 1, 200", "nft monitor ended: exit code 1, 1000"]);
  stop();
  const stopMissing = monitorNft([ours], {
    command: ["/nowhere/nft"],
    changed: () => undefined,
    missed: () => undefined,
    failed: (reason) => failures.push(reason),
  });
  await until("it is missing", () => failures.some((reason) => reason.includes("ENOENT")));
  stopMissing();
});
