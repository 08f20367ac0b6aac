import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import type { Caller } from "../../../src/operator/caller.ts";
import { fail, methods } from "../../../src/operator/methods.ts";
import { openOperatorOnUbus, type OperatorOnUbus } from "../../../src/system/operator/operator-on-ubus.ts";
import { openUbus, type Ubus, UbusError, ubusStatus } from "ubus-ts";
import { describeMitigation } from "../../../src/operator/describe-mitigation.ts";
import { sampleMitigation } from "../../operator/sample-mitigation.ts";
import { socketPath, startUbusd } from "../../../packages/ubus-ts/test/start-ubusd.ts";
import type { TestUbusd } from "../../../packages/ubus-ts/test/ubusd.ts";
import { until } from "../../until.ts";

const place = socketPath();
let ubusd: TestUbusd | undefined;
let client: Ubus;
let object: OperatorOnUbus | undefined;
const asked: unknown[] = [];
const logged: string[] = [];

function publish(): void {
  object = openOperatorOnUbus(place.path, (caller: Caller, method, params) => {
    asked.push({ caller, method, params });
    return Promise.resolve(method === "deny" ? fail("not-found", "there is no mitigation 9") : { result: { method } });
  }, (level, message) => {
    logged.push(`${level}: ${message}`);
  });
}

suite("the ubus object dots-callhome", () => {
  before(async () => {
    ubusd = await startUbusd(place.path);
    client = openUbus({ path: place.path });
    await until("connected", () => client.isConnected);
  });
  afterEach(() => {
    object?.close();
    asked.length = 0;
    logged.length = 0;
  });
  after(async () => {
    client.close();
    await ubusd?.stop();
    place.remove();
  });

  test("has every method of the table, with its parameters", async () => {
    publish();
    await until("published", async () => (await client.lookup("dots-callhome")).length === 1);
    const [found] = await client.lookup("dots-callhome");
    assert.deepEqual(Object.keys(found?.methods ?? {}), Object.keys(methods));
    assert.deepEqual(found?.methods["approve"], { id: 5, action: 3, seconds: 5 });
    assert.deepEqual(found.methods["lookup"], { source: 1, source_port: 1, target: 1, target_port: 1, protocol: 1 });
  });

  test("answers, knows who asks, and never repeats a session's token", async () => {
    publish();
    await until("published", async () => (await client.lookup("dots-callhome")).length === 1);
    assert.deepEqual(await client.invoke("dots-callhome", "approve", { id: 17, seconds: 60 }), { method: "approve" });
    await client.invoke("dots-callhome", "list", { ubus_rpc_session: "5ecret" });
    assert.deepEqual(asked.map((each) => (each as { caller: Caller }).caller), [
      { via: "ubus", who: "root", mayChange: true },
      { via: "ubus", who: "root (web session)", mayChange: true },
    ]);
    assert.equal(logged.some((line) => line.includes("5ecret")), false);
    await assert.rejects(client.invoke("dots-callhome", "deny", { id: 9 }), (error) => error instanceof UbusError && error.status === ubusStatus.notFound);
  });

  test("tells its subscribers", async () => {
    const heard: unknown[] = [];
    const stop = client.subscribe("dots-callhome", (type, data) => {
      heard.push([type, data]);
    });
    publish();
    const about = describeMitigation(sampleMitigation);
    await until("subscribed and told", () => {
      object?.tell({ event: "request", about });
      return heard.length > 0;
    });
    assert.deepEqual(heard[0], ["request", JSON.parse(JSON.stringify(about))]);
    stop();
  });

  test("waits for a ubusd that is not there without a storm of warnings", async () => {
    await ubusd?.stop();
    ubusd = undefined;
    publish();
    object?.tell({ event: "request", about: describeMitigation(sampleMitigation) });
    await until("said once, for who debugs", () => logged.length === 1);
    assert.match(logged[0] ?? "", /^debug: ubus: .*(ENOENT|ECONNREFUSED)/);
    ubusd = await startUbusd(place.path);
    await until("published when it comes", async () => client.isConnected && (await client.lookup("dots-callhome")).length === 1);
    assert.deepEqual(logged.slice(1), [`info: ubus: connected at ${place.path}`]);
    assert.deepEqual(object?.warnings(), []);
    await ubusd.stop();
    ubusd = undefined;
    await until("a connection that is lost is a warning, and it is said that it is tried again",
      () => /^warn: ubus: .*; tried again every 10 s/.test(logged.at(-1) ?? ""));
    assert.equal(object.warnings().length, 1);
    ubusd = await startUbusd(place.path);
    await until("and it is over when ubusd is back", () => object?.warnings().length === 0);
  });

  test("an object that ubusd refuses is a warning, offered again until it is taken", async () => {
    const holder = client.publish({ path: "dots-callhome", methods: {} });
    await until("the path is taken", () => holder.isPublished);
    publish();
    await until("it is refused", () => object?.warnings().length === 1);
    assert.match(object?.warnings()[0] ?? "", /^ubus: object 'dots-callhome': .*; offered again in 5 s$/);
    assert.equal(logged.filter((line) => line.startsWith("warn")).length, 1);
    holder.remove();
    await until("it is taken", () => object?.warnings().length === 0);
  });
});
