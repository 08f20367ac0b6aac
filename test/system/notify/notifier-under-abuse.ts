/** A notifier alone in a process, for a test that measures its memory: it prints the most that it took, four times a second. Argument: `config notify` as JSON. */
import type { NotifyConfig } from "../../../src/config/config.ts";
import { openNotifiers } from "../../../src/system/notify/open-notifiers.ts";
import { steadyClock, systemClock } from "../../../src/system/process/system-clock.ts";

const config = JSON.parse(process.argv[2] ?? "{}") as NotifyConfig;
const notifiers = openNotifiers([config], {
  clock: steadyClock,
  wallTime: () => systemClock.now(),
  log: (level, line) => {
    process.stderr.write(`${level}: ${line}\n`);
  },
  mitigations: () => [],
  isConnected: () => true,
  answer: () => Promise.resolve({ result: {} }),
});
let peak = 0;
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);
setInterval(() => {
  process.stdout.write(`${peak}\n`);
}, 250);
// Something to say, again and again.
setInterval(() => {
  notifiers.announce({
    event: "upstream_down",
    about: { name: "isp", state: "backing-off", transport: null, peer: null, since: null, last_error: null, sessions: 0 },
  });
}, 500);
