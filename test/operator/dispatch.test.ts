import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Caller } from "../../src/operator/caller.ts";
import { dispatch, type DispatchLog, type Reply } from "../../src/operator/dispatch.ts";
import { fail, methods, toAttackFlows, type OperatorActions } from "../../src/operator/methods.ts";
import { prefix } from "./sample-mitigation.ts";

/** Actions that answer with the method and the parameters that reached them. */
function echo(overrides: Partial<Record<keyof OperatorActions, (params: unknown) => unknown>> = {}): OperatorActions {
  const actions = Object.keys(methods).map((name) => [name, overrides[name as keyof OperatorActions] ?? ((params: unknown) => ({ name, params }))]);
  return Object.fromEntries(actions) as OperatorActions;
}

const root: Caller = { via: "cli", who: "root", mayChange: true };
const quiet: DispatchLog = {
  fault: () => {
    assert.fail("an action threw");
  },
  changed: () => undefined,
};

async function ask(method: unknown, params: unknown): Promise<Reply> {
  return dispatch(echo(), root, method, params, quiet);
}

describe("dispatch", () => {
  const accepted: [string, unknown, object][] = [
    ["status", undefined, {}],
    ["status", null, {}],
    ["devices", {}, {}],
    ["list", {}, {}],
    ["list", { state: "pending" }, { state: "pending" }],
    ["list", { state: null }, {}],
    ["list", { ubus_rpc_session: "0123" }, {}],
    ["approve", { id: 17 }, { id: 17 }],
    ["approve", { id: 17, action: "limit", seconds: 60 }, { id: 17, action: "limit", seconds: 60 }],
    ["deny", { id: 1 }, { id: 1 }],
    ["release", { id: 1 }, { id: 1 }],
    ["policy", { mac: "AA-BB-CC-DD-EE-FF", policy: "never" }, { mac: "aa:bb:cc:dd:ee:ff", policy: "never" }],
    ["history", { limit: 1000 }, { limit: 1000 }],
    ["reconnect", { upstream: "isp" }, { upstream: "isp" }],
    ["reconnect", {}, {}],
    ["lookup", { source: "203.0.113.7", target: ["198.51.100.0/24", "2001:db8::1"], target_port: 443, source_port: ["1-2", "3"], protocol: ["udp", 6, "47"] }, {
      source: [prefix("203.0.113.7")],
      source_port: [{ lower: 1, upper: 2 }, { lower: 3, upper: 3 }],
      target: [prefix("198.51.100.0/24"), prefix("2001:db8::1")],
      target_port: [{ lower: 443, upper: 443 }],
      protocol: [17, 6, 47],
    }],
  ];
  for (const [method, params, expected] of accepted) {
    it(`${method} ${JSON.stringify(params)}`, async () => {
      assert.deepEqual(await ask(method, params), { result: { name: method, params: expected } });
    });
  }

  const refused: [unknown, unknown, string, string][] = [
    ["reboot", {}, "unknown-method",
      "there is no method 'reboot', expected status, list, approve, deny, release, devices, policy, history, lookup, test, traffic, reconnect"],
    ["toString", {}, "unknown-method",
      "there is no method 'toString', expected status, list, approve, deny, release, devices, policy, history, lookup, test, traffic, reconnect"],
    [7, {}, "unknown-method",
      "there is no method of that kind, expected status, list, approve, deny, release, devices, policy, history, lookup, test, traffic, reconnect"],
    ["list", [], "bad-params", "the parameters are not a JSON object"],
    ["list", "x", "bad-params", "the parameters are not a JSON object"],
    ["list", { state: "asleep" }, "bad-params", "state: expected pending, active, terminating or ended"],
    ["list", { stat: "pending" }, "bad-params", "there is no parameter 'stat' here, expected state"],
    ["status", { "a\u001b": 1 }, "bad-params", "there is no parameter 'a\\u001b' here, expected none"],
    ["approve", {}, "bad-params", "id is missing: number of the mitigation, as list shows it"],
    ["approve", { id: "17" }, "bad-params", "id: expected a whole number from 1 to 9007199254740991"],
    ["approve", { id: 1.5 }, "bad-params", "id: expected a whole number from 1 to 9007199254740991"],
    ["approve", { id: 0 }, "bad-params", "id: expected a whole number from 1 to 9007199254740991"],
    ["approve", { id: 1, action: "observe" }, "bad-params", "action: expected block, limit or quarantine"],
    ["approve", { id: 1, seconds: 0 }, "bad-params", "seconds: expected a whole number from 1 to 31622400"],
    ["policy", { mac: "aa", policy: "ask" }, "bad-params", "mac: expected a MAC address such as aa:bb:cc:dd:ee:ff"],
    ["history", { limit: 1001 }, "bad-params", "limit: expected a whole number from 1 to 1000"],
    ["reconnect", { upstream: "../x" }, "bad-params", "upstream: expected a name of letters, digits and _"],
    ["lookup", { source: "203.0.113.7" }, "bad-params", "target is missing: what is attacked"],
    ["lookup", { source: [], target: "198.51.100.9" }, "bad-params", "source is empty: where the attack comes from, as seen from outside the home"],
    ["lookup", { source: "203.0.113.7", target: Array(65).fill("198.51.100.9") }, "bad-params",
      "target: expected an address or prefix such as 203.0.113.7 or 2001:db8::/56, or a list of at most 64"],
    ["lookup", { source: "203.0.113.7", target: "198.51.100.9", source_port: "9-8" }, "bad-params",
      "source_port: expected a port or a range such as 443 or 40000-40100, or a list of at most 64"],
    ["lookup", { source: "203.0.113.7", target: "198.51.100.9", target_port: 65536 }, "bad-params",
      "target_port: expected a port or a range such as 443 or 40000-40100, or a list of at most 64"],
    ["lookup", { source: "203.0.113.7", target: "198.51.100.9", protocol: 256 }, "bad-params",
      "protocol: expected an IP protocol number from 0 to 255, or icmp, tcp, udp, dccp, gre, esp, icmpv6, sctp, udplite, or a list of at most 64"],
  ];
  for (const [method, params, code, message] of refused) {
    it(`refuses ${JSON.stringify([method, params]).slice(0, 100)}`, async () => {
      assert.deepEqual(await ask(method, params), { error: { code, message } });
    });
  }

  it("passes on what an action refuses, sync or async", async () => {
    const refusal = fail("not-found", "there is no mitigation 9");
    assert.deepEqual(await dispatch(echo({ deny: () => refusal }), root, "deny", { id: 9 }, quiet), refusal);
    assert.deepEqual(await dispatch(echo({ deny: () => Promise.resolve(refusal) }), root, "deny", { id: 9 }, quiet), refusal);
  });

  it("keeps what an action throws for the log", async () => {
    for (
      const broken of [() => {
        throw new Error("secret detail");
      }, () => Promise.reject(new Error("secret detail")), () => [], () => undefined]
    ) {
      const faults: unknown[] = [];
      const reply = await dispatch(echo({ status: broken }), root, "status", {}, { ...quiet, fault: (method, error) => faults.push([method, error]) });
      assert.deepEqual(reply, fail("internal", "something went wrong inside the daemon, its log says what"));
      assert.equal(faults.length, 1);
    }
  });

  it("keeps `this` for actions that are a class", async () => {
    class Actions {
      answer = { uptime: 1 };
      status(): object {
        return this.answer;
      }
    }
    assert.deepEqual(await dispatch(new Actions() as unknown as OperatorActions, root, "status", {}, quiet), { result: { uptime: 1 } });
  });

  it("lets who may only look do nothing else, and says so in the log", async () => {
    const guest: Caller = { via: "mqtt", who: "phone", mayChange: false };
    for (const [method, { changes }] of Object.entries(methods)) {
      const lines: string[] = [];
      const reply = await dispatch(echo(), guest, method, { id: 1, mac: "aa:bb:cc:dd:ee:ff", policy: "auto", upstream: "isp" }, {
        ...quiet,
        changed: (line) => lines.push(line),
      });
      assert.equal("error" in reply && reply.error.code === "forbidden", changes, method);
      assert.equal(lines.length, changes ? 1 : 0);
      if (changes) assert.equal(lines[0], `${method} refused to phone, over MQTT: no right to change anything`);
    }
  });

  it("logs every change with who made it and how they came in, also one that was refused", async () => {
    const lines: string[] = [];
    const log: DispatchLog = { ...quiet, changed: (line) => lines.push(line) };
    await dispatch(echo(), root, "approve", { id: 17, action: "limit", seconds: 60 }, log);
    await dispatch(echo({ deny: () => fail("wrong-state", "mitigation 9 is ended") }), { via: "ubus", who: "network", mayChange: true }, "deny", { id: 9 },
      log);
    await dispatch(echo(), root, "status", {}, log);
    await dispatch(echo(), { ...root, who: null }, "reconnect", {}, log);
    assert.deepEqual(lines, [
      "approve 17 limit 60 by root, on the command line",
      "deny 9 by network, over ubus: refused, mitigation 9 is ended",
      "reconnect by somebody on the command line",
    ]);
  });

  it("answers anything with a result or an error", async () => {
    const names = fc.oneof(fc.constantFrom(...Object.keys(methods)), fc.string());
    const params = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom("id", "state", "mac", "source", "target", "__proto__", "seconds"), fc.jsonValue()));
    await fc.assert(fc.asyncProperty(names, params, async (method, given) => {
      const reply = await ask(method, given);
      assert.ok("result" in reply || ["unknown-method", "bad-params"].includes(reply.error.code));
    }), { numRuns: 2000 });
  });
});

describe("the table of methods", () => {
  it("says of each method whether it changes anything", () => {
    assert.deepEqual(Object.entries(methods).filter(([, method]) => method.changes).map(([name]) => name), ["approve", "deny", "release", "policy", "test",
      "reconnect"]);
  });

  it("makes the flows of a lookup", () => {
    assert.deepEqual(toAttackFlows({ source: [prefix("203.0.113.7")], target: [prefix("198.51.100.9")], protocol: [17] }), {
      source: { prefixes: [prefix("203.0.113.7")], ports: [], icmpTypes: [] },
      target: { prefixes: [prefix("198.51.100.9")], ports: [], protocols: [17], fqdns: [], uris: [] },
    });
  });
});
