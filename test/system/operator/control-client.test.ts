import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Reply } from "../../../src/operator/dispatch.ts";
import { milliseconds, type Timer } from "../../../src/model/time.ts";
import { callDaemon } from "../../../src/system/operator/control-client.ts";
import { systemClock } from "../../../src/system/process/system-clock.ts";

let folder: string;
let path: string;
let server: Server | undefined;

/** A daemon that does with each connection what the test wants. */
async function serve(onClient: (client: Socket) => void): Promise<void> {
  server = createServer(onClient).listen(path);
  await new Promise((resolve) => server?.once("listening", resolve));
}

function ask(clock: Timer = systemClock): Promise<Reply> {
  return callDaemon(path, "approve", { id: 17 }, { clock, timeout: milliseconds(10_000) });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dots-client-"));
  path = join(folder, "c.sock");
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

describe("the client of the control socket", () => {
  it("sends one line and returns the answer, however it is cut", async () => {
    let heard = "";
    await serve((client) =>
      client.on("data", (chunk) => {
        heard += chunk.toString();
        client.write('{"id":1,"res');
        setImmediate(() => client.write('ult":{"ok":"ü"}}\n'));
      })
    );
    assert.deepEqual(await ask(), { result: { ok: "ü" } });
    assert.equal(heard, '{"id":1,"method":"approve","params":{"id":17}}\n');
  });

  it("returns the daemon's error", async () => {
    await serve((client) => client.end('{"id":1,"error":{"code":"not-found","message":"there is no mitigation 17"}}\n'));
    assert.deepEqual(await ask(), { error: { code: "not-found", message: "there is no mitigation 17" } });
  });

  it("says that the daemon is not running", async () => {
    assert.deepEqual(await ask(), { error: { code: "unreachable", message: `the daemon is not running: no socket at ${path}` } });
    await serve(() => undefined);
    const { renameSync } = await import("node:fs");
    renameSync(path, `${path}.x`);
    server?.close();
    path = `${path}.x`;
    assert.deepEqual(await ask(), { error: { code: "unreachable", message: `the daemon is not running: nobody answers at ${path}` } });
  });

  it("says that the daemon ended the connection", async () => {
    await serve((client) => client.end());
    assert.deepEqual(await ask(), {
      error: { code: "unreachable", message: "the daemon ended the connection without an answer, it may be stopping; see its log" },
    });
  });

  it("gives up on a daemon that does not answer", async () => {
    await serve(() => undefined);
    let fire = (): void => undefined;
    const clock: Timer = {
      after: (_delay, callback) => {
        fire = callback;
        return () => undefined;
      },
    };
    const reply = ask(clock);
    fire();
    assert.deepEqual(await reply, { error: { code: "timeout", message: "the daemon did not answer within 10 s" } });
  });

  for (
    const [name, line] of [["no JSON", "hello"], ["null", "null"], ["neither result nor error", "{}"], ["a result that is no object", '{"result":7}'], [
      "null for a result",
      '{"result":null}',
    ], ["an error without words", '{"error":{}}']] as const
  ) {
    it(`does not understand ${name}`, async () => {
      await serve((client) => client.end(`${line}\n`));
      assert.deepEqual(await ask(), {
        error: { code: "internal", message: "the daemon's answer cannot be understood, it may be of another version; restart it" },
      });
    });
  }
});
