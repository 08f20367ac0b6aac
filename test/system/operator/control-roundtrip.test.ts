import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { parseArguments } from "../../../src/cli/parse-arguments.ts";
import { render } from "../../../src/cli/render.ts";
import { describeMitigation } from "../../../src/operator/describe-mitigation.ts";
import { dispatch } from "../../../src/operator/dispatch.ts";
import { fail, methods, type OperatorActions } from "../../../src/operator/methods.ts";
import { callDaemon } from "../../../src/system/operator/control-client.ts";
import { openControlSocket, type ControlSocket } from "../../../src/system/operator/control-socket.ts";
import { systemClock } from "../../../src/system/process/system-clock.ts";
import { requestedAt, sampleMitigation } from "../../operator/sample-mitigation.ts";
import { milliseconds, wallInstant } from "../../../src/model/time.ts";

const view = describeMitigation(sampleMitigation);

/** A pipeline with one mitigation, 17, that keeps what reached it. */
const heard: unknown[] = [];
const actions = {
  ...Object.fromEntries(Object.keys(methods).map((name) => [name, (params: object) => ({ name, params })])),
  list: () => ({ mitigations: [view] }),
  approve: (params: { id: number }) => {
    heard.push(params);
    return params.id === 17 ? { ...view, state: "active", status: 2 } : fail("not-found", `there is no mitigation ${params.id}`);
  },
} as unknown as OperatorActions;

let folder: string;
let path: string;
let socket: ControlSocket;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "dots-roundtrip-"));
  path = join(folder, "c.sock");
  const answer = (who: string | null, method: unknown, params: unknown): ReturnType<typeof dispatch> =>
    dispatch(actions, { via: "cli", who, mayChange: true }, method, params, {
      fault: (_, error) => {
        throw error;
      },
      changed: () => undefined,
    });
  socket = await openControlSocket(path, answer, { clock: systemClock, log: () => undefined });
});
after(async () => {
  await socket.close();
  rmSync(folder, { recursive: true });
});

/** What `dots-callhome …` prints, and its exit status, as main.ts puts the parts together. */
async function run(line: string): Promise<{ printed: string; status: number }> {
  const command = parseArguments(line.split(" "));
  if (command.is === "usage-error") return { printed: command.message, status: 2 };
  assert.ok(command.is === "call");
  const reply = await callDaemon(path, command.method, command.params, { clock: systemClock, timeout: milliseconds(10_000) });
  return "error" in reply ? { printed: reply.error.message, status: 1 } : { printed: render(command, reply.result, wallInstant(requestedAt)), status: 0 };
}

describe("from the command line to the actions and back", () => {
  it("carries parameters there, and the result back as text or JSON", async () => {
    assert.deepEqual(await run("approve 17 --for 1h"), {
      printed: "Blocked: Kitchen camera (sure) -> 198.51.100.9, port 443, tcp\nEnds in 1 h. To undo: dots-callhome release 17",
      status: 0,
    });
    assert.deepEqual(heard.at(-1), { id: 17, seconds: 3600 });
    assert.deepEqual(JSON.parse((await run("list --json")).printed), [view]);
  });

  it("carries errors back", async () => {
    assert.deepEqual(await run("approve 18"), { printed: "there is no mitigation 18", status: 1 });
    assert.equal((await run("approve now")).status, 2);
  });

  it("serves several callers at once, each its own answer", async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, at) => callDaemon(path, "history", { limit: at + 1 }, { clock: systemClock, timeout: milliseconds(10_000) })),
    );
    assert.deepEqual(replies, Array.from({ length: 10 }, (_, at) => ({ result: { name: "history", params: { limit: at + 1 } } })));
  });

  it("answers any JSON with one line of JSON", async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: "binary" }), fc.jsonValue(), async (method, params) => {
      const reply = await callDaemon(path, method, { params }, { clock: systemClock, timeout: milliseconds(10_000) });
      assert.ok("result" in reply || ["unknown-method", "bad-params", "bad-request"].includes(reply.error.code), JSON.stringify(reply));
    }), { numRuns: 300 });
  });
});
