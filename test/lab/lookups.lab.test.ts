import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { suiteLimit } from "../patience.ts";
import { processorTime } from "../processor-time.ts";
import { labAddresses } from "./lab.ts";
import { playScene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";

/** As many as may be connected at a time. */
const readers = 16;
const seconds = 8;
/** Of one core, while they ask: a lookup takes two at most, and three times as long as it took no other begins. */
const most = 0.65;

describe("readers who ask for lookups as fast as they can", { timeout: suiteLimit }, () => {
  for (const [what, differ] of [["the same", false], ["another each time", true]] as const)
    it(`${what}, with 65,000 flows: part of a core, and a request is answered meanwhile`, (t) =>
      playScene({}, async ({ lab, daemon, ...scene }) => {
        await lab.fillConntrack(65_000);
        const attack = await startAttack(lab);
        const scope = await attack.reported();
        let answers = 0;
        let port = 1024;
        const question = (): object => ({ source: [labAddresses.wan.v4], source_port: `${differ ? port++ : 1024}-61000`, target: ["198.51.100.9"] });
        const clients = Array.from({ length: readers }, () =>
          askOnAndOn(`${lab.files.folder}/control.sock`, question, ({ result }) => {
            answers += result?.devices.length ?? 0;
          }));
        try {
          const [began, before] = [performance.now(), processorTime(daemon.pid)];
          await delay(seconds * 1000);
          const share = (processorTime(daemon.pid) - before) / (performance.now() - began);
          t.diagnostic(`${answers} lookups in ${seconds} s took ${Math.round(share * 100)} % of a core`);
          assert.ok(answers > 1, "they are answered, with the device");
          assert.ok(share < most, `${Math.round(share * 100)} % of a core`);
          const accepted = await scene.put(1, scope);
          assert.equal(accepted.code, "2.01", accepted.diagnostic);
          await attack.stops(500);
        } finally {
          for (const client of clients) client.destroy();
        }
        await attack.end();
      }));
});

/** One connection, one question at a time. */
function askOnAndOn(path: string, question: () => object, answered: (reply: { readonly result?: { readonly devices: readonly object[] } }) => void): Socket {
  const socket = connect(path);
  const ask = (): void => {
    socket.write(`${JSON.stringify({ id: 1, method: "lookup", params: question() })}\n`);
  };
  socket.once("connect", ask).on("error", () => undefined);
  createInterface({ input: socket }).on("line", (line) => {
    answered(JSON.parse(line) as { readonly result?: { readonly devices: readonly object[] } });
    ask();
  });
  return socket;
}
