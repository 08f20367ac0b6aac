import assert from "node:assert/strict";
import { test } from "node:test";
import type { IpState, Link } from "../../../src/system/home/ip-output.ts";
import { watchDevices, type DeviceWatch } from "../../../src/system/home/watch-devices.ts";
import { fakeClock, settle, type FakeClock } from "../../fake-clock.ts";

const link = (name: string): Link => ({ name, mac: null, kind: null, master: null, below: null, filtersVlans: false, addresses: [] });

interface Stage {
  readonly watch: DeviceWatch;
  readonly clock: FakeClock;
  readonly log: string[];
  change(...links: readonly string[]): Promise<void>;
}

function open(wan: readonly string[], ...links: readonly string[]): Stage {
  const clock = fakeClock();
  const log: string[] = [];
  let ip: IpState = { links: links.map(link), defaultRoutes: [], delegations: [] };
  let changed = (): void => undefined;
  const watch = watchDevices({
    tables: {
      ip: () => Promise.resolve(ip),
      onChange: (listener) => {
        changed = listener;
      },
    },
    configured: () => ({ wan, lan: [] }),
    netifd: () => undefined,
    clock: clock.steady,
    log: (level, line) => {
      log.push(`${level}: ${line}`);
    },
  });
  return {
    watch,
    clock,
    log,
    async change(...now) {
      ip = { ...ip, links: now.map(link) };
      changed();
      await settle();
    },
  };
}
const absent = "wan_device 'eth1' does not exist: no other WAN device was found; correct it in the configuration";

test("a device that is not there is a warning in status at once, and a line in the log once it has lasted", async () => {
  const { watch, clock, log, change } = open(["eth1"], "lo");
  await settle();
  assert.deepEqual([watch.warnings(), log], [[absent], []]);
  await clock.advance(30_000);
  await change("lo", "wan");
  await clock.advance(60_000);
  assert.deepEqual(log, [`warn: ${absent}`]);
  await change("lo", "eth1");
  assert.deepEqual(watch.warnings(), []);
  watch.stop();
});

test("one that comes some time after the boot is no line in the log", async () => {
  const { watch, clock, log, change } = open(["eth1"], "lo");
  await clock.advance(10_000);
  await change("lo", "eth1");
  await clock.advance(60_000);
  assert.deepEqual([watch.warnings(), log], [[], []]);
  watch.stop();
});
