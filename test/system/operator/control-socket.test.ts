import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Reply } from "../../../src/operator/dispatch.ts";
import type { Log } from "../../../src/model/ports.ts";
import { milliseconds, type Timer } from "../../../src/model/time.ts";
import { callDaemon } from "../../../src/system/operator/control-client.ts";
import { controlLimits, ControlSocketError, openControlSocket, type ControlSocket } from "../../../src/system/operator/control-socket.ts";
import { systemClock } from "../../../src/system/process/system-clock.ts";

/** Timer that go off when the test says so. */
class HandClock implements Timer {
  timers = new Set<() => void>();
  after(_delay: number, callback: () => void): () => void {
    this.timers.add(callback);
    return () => {
      this.timers.delete(callback);
    };
  }
  fireAll(): void {
    for (const callback of [...this.timers]) {
      this.timers.delete(callback);
      callback();
    }
  }
}

let folder: string;
let path: string;
let clock: HandClock;
let opened: ControlSocket[];
let logged: string[];
const log: Log = (level, message) => logged.push(`${level}: ${message}`);

const echo = (_who: string | null, method: unknown, params: unknown): Promise<Reply> => Promise.resolve({ result: { method, params } });

async function open(answer = echo): Promise<ControlSocket> {
  const socket = await openControlSocket(path, answer, { clock, log });
  opened.push(socket);
  return socket;
}

/** A client that collects what it hears until the server ends the connection. */
function dial(): { socket: Socket; lines: () => string[]; nextLine: () => Promise<string>; closed: Promise<void> } {
  const socket = connect(path);
  let text = "";
  let taken = 0;
  let wake = (): void => undefined;
  socket.on("data", (chunk) => {
    text += chunk.toString("utf8");
    wake();
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) =>
    socket.on("close", () => {
      resolve();
    })
  );
  const lines = (): string[] => text.split("\n").slice(0, -1);
  const nextLine = async (): Promise<string> => {
    while (lines().length <= taken)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return lines()[taken++] ?? "";
  };
  return { socket, lines, nextLine, closed };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dots-control-"));
  path = join(folder, "control.sock");
  clock = new HandClock();
  opened = [];
  logged = [];
});
afterEach(async () => {
  await Promise.all(opened.map((socket) => socket.close()));
  rmSync(folder, { recursive: true });
});

describe("the control socket", () => {
  it("answers a JSON object a line, in order, with the id that was sent", async () => {
    await open();
    const client = dial();
    client.socket.write('{"id":1,"method":"status"}\n{"id":"b","method":"list","params":{"state":"pending"}}\n\n{"method":"x"}\n');
    assert.deepEqual(JSON.parse(await client.nextLine()), { id: 1, result: { method: "status" } });
    assert.deepEqual(JSON.parse(await client.nextLine()), { id: "b", result: { method: "list", params: { state: "pending" } } });
    assert.deepEqual(JSON.parse(await client.nextLine()), { id: null, result: { method: "x" } });
    client.socket.destroy();
  });

  it("reads a request that comes in pieces, and one that ends with the connection", async () => {
    await open();
    const client = dial();
    const bytes = Buffer.from('{"id":1,"method":"ü"}\n{"id":2,"method":"last"}');
    for (const byte of bytes) {
      client.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    client.socket.end();
    await client.closed;
    assert.deepEqual(client.lines().map((line) => JSON.parse(line) as unknown), [{ id: 1, result: { method: "ü" } }, { id: 2, result: { method: "last" } }]);
  });

  it("answers one request of a client at a time", async () => {
    let running = 0;
    let most = 0;
    await open(async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      return { result: {} };
    });
    const client = dial();
    client.socket.end('{"id":1,"method":"a"}\n'.repeat(50));
    await client.closed;
    assert.deepEqual([client.lines().length, most], [50, 1]);
  });

  const bad: [string, string, string][] = [
    ["no JSON", "hello", "the line is not JSON"],
    ["an array", "[]", "the request is not a JSON object"],
    ["null", "null", "the request is not a JSON object"],
    ["no method", '{"id":1}', 'the request has no method, expected {"id":1,"method":"status"}'],
    ["an id that is an object", '{"id":{},"method":"a"}', "id is neither a number nor a text"],
    ["deep nesting", `{"id":1,"method":"a","params":${"[".repeat(30_000)}`, "the request is nested more than 8 levels deep"],
    ["brackets in a text", '{"method":"[[[[[[[[[[[[\\"[[[[","id":[]}', "id is neither a number nor a text"],
    ["no UTF-8", '{"id":1,"method":"\xff"}', "the line is not JSON"],
  ];
  for (const [name, line, message] of bad) {
    it(`refuses ${name} and goes on`, async () => {
      await open();
      const client = dial();
      client.socket.write(Buffer.from(`${line}\n{"id":9,"method":"next"}\n`, "latin1"));
      assert.deepEqual(JSON.parse(await client.nextLine()), { id: null, error: { code: "bad-request", message } });
      assert.deepEqual(JSON.parse(await client.nextLine()), { id: 9, result: { method: "next" } });
      client.socket.destroy();
    });
  }

  it("ends a client whose line is too long, ended or not", async () => {
    await open();
    const fits = `{"id":1,"method":"${"a".repeat(controlLimits.line - 20)}"}`;
    assert.equal(fits.length, controlLimits.line);
    for (const tooMuch of [`${fits} \n`, " ".repeat(controlLimits.line + 1)]) {
      const client = dial();
      client.socket.write(`${fits}\n`);
      assert.match(await client.nextLine(), /^\{"id":1,"result"/);
      client.socket.write(tooMuch);
      assert.deepEqual(JSON.parse(await client.nextLine()), { id: null, error: { code: "bad-request", message: "a request has at most 65536 bytes" } });
      await client.closed;
    }
  });

  it("refuses the seventeenth client, and takes another when one has gone", async () => {
    await open();
    const clients = Array.from({ length: controlLimits.clients }, dial);
    for (const client of clients) {
      client.socket.write('{"id":1,"method":"a"}\n');
      await client.nextLine();
    }
    const late = dial();
    assert.deepEqual(JSON.parse(await late.nextLine()), { id: null, error: { code: "busy", message: "too many clients are connected, try again later" } });
    await late.closed;
    assert.deepEqual(logged, ["warn: control socket: refused a client, 16 are connected"]);
    clients[0]?.socket.destroy();
    for (;;) {
      const next = dial();
      next.socket.write('{"id":1,"method":"a"}\n');
      const line = JSON.parse(await next.nextLine()) as object;
      next.socket.destroy();
      if ("result" in line) break;
    }
    for (const client of clients) client.socket.destroy();
  });

  it("drops a client that never reads its answers, and keeps at most one of them", async () => {
    let answers = 0;
    await open(() => {
      answers++;
      return Promise.resolve({ result: { text: "x".repeat(8_000_000) } });
    });
    const client = dial();
    client.socket.pause();
    client.socket.write('{"id":1,"method":"a"}\n'.repeat(100));
    while (answers === 0) await new Promise(setImmediate);
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    assert.equal(answers, 1);
    clock.fireAll();
    client.socket.resume();
    await client.closed;
    assert.equal(answers, 1);
  });

  it("drops a client that says nothing, but not while its request is under way", async () => {
    let finish = (): void => undefined;
    await open(() =>
      new Promise((resolve) => {
        finish = () => {
          resolve({ result: { late: true } });
        };
      })
    );
    const working = dial();
    working.socket.write('{"id":1,"method":"slow"}\n');
    await new Promise<void>((resolve) => working.socket.once("connect", resolve));
    const silent = dial();
    await new Promise<void>((resolve) => silent.socket.once("connect", resolve));
    while (clock.timers.size !== 1) await new Promise(setImmediate); // the silent one's
    clock.fireAll();
    await silent.closed;
    finish();
    assert.deepEqual(JSON.parse(await working.nextLine()), { id: 1, result: { late: true } });
    working.socket.destroy();
  });

  it("survives an answerer that breaks its promise not to reject", async () => {
    await open(() => Promise.reject(new Error("bug")));
    const client = dial();
    client.socket.write('{"id":1,"method":"a"}\n');
    await client.closed;
    assert.deepEqual(logged, ["error: control socket: bug"]);
  });

  it("is for its owner alone, leaves the process's mask, and nothing beside itself", async () => {
    const mask = process.umask(0);
    try {
      await open();
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(process.umask(0), 0);
      assert.deepEqual(readdirSync(folder), ["control.sock"]);
    } finally {
      process.umask(mask);
    }
  });

  it("refuses to start beside a daemon that answers, which goes on", async () => {
    await open();
    await assert.rejects(open(), new ControlSocketError(`another dots-callhome is running, it answers on ${path}; stop it first`));
    assert.deepEqual(await callDaemon(path, "still", {}, { clock: systemClock, timeout: milliseconds(10_000) }), { result: { method: "still", params: {} } });
  });

  it("takes over a socket that nobody answers on", async () => {
    await leaveDeadSocket(path);
    await open();
    assert.deepEqual(await callDaemon(path, "new", {}, { clock: systemClock, timeout: milliseconds(10_000) }), { result: { method: "new", params: {} } });
  });

  it("refuses a path that is a file, and one in a folder that is not there", async () => {
    writeFileSync(path, "precious");
    await assert.rejects(open(), new ControlSocketError(`${path} exists and is not a socket; remove it, or set option control_socket to another path`));
    path = join(folder, "missing", "c.sock");
    await assert.rejects(open(), /^Error: cannot open the control socket .*missing\/c\.sock: .*; check option control_socket$/);
  });

  it("removes itself when closed, ends its clients, but leaves another's socket alone", async () => {
    const first = await open();
    const client = dial();
    client.socket.write('{"id":1,"method":"a"}\n');
    await client.nextLine();
    await first.close();
    await client.closed;
    assert.ok(!existsSync(path));

    const second = await open();
    rmSync(path);
    const other = createServer().listen(path);
    await new Promise((resolve) => other.once("listening", resolve));
    await second.close();
    assert.ok(existsSync(path));
    other.close();
  });
});

/** What a killed daemon leaves behind: a socket file without a listener. */
async function leaveDeadSocket(at: string): Promise<void> {
  const { renameSync } = await import("node:fs");
  const dead = createServer().listen(`${at}.old`);
  await new Promise((resolve) => dead.once("listening", resolve));
  renameSync(`${at}.old`, at); // close() removes the old name only
  await new Promise((resolve) => dead.close(resolve));
}
