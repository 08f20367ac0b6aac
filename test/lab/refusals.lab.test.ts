import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encode } from "cborg";
import { suiteLimit } from "../patience.ts";
import { eventually } from "../until.ts";
import { labAddresses } from "./lab.ts";
import { cuid, playScene, type Scene } from "./scene.ts";
import { startAttack } from "./scene-attack.ts";
import type { PeerEvent } from "./start-peer.ts";

const { wan, target, camera, lan } = labAddresses;
const mitigate = [".well-known", "dots", "mitigate", `cuid=${cuid}`, "mid=5"];

/** Keys of RFC 9132 §6 and RFC 9066 §6.2, for messages that the peer would not write. */
const key = { mitigationScope: 1, scope: 2, targetPrefix: 6, lifetime: 14, sourcePrefix: 32768 };
type Key = number | string;
const fine: readonly (readonly [Key, unknown])[] = [[key.sourcePrefix, [`${wan.v4}/32`]], [key.targetPrefix, [`${target.v4}/32`]], [key.lifetime, 60]];
const instead = (changed: Key, value: unknown): [Key, unknown][] =>
  [...fine.filter(([each]) => each !== changed), [changed, value]].map(([each, content]) => [each as Key, content]);

for (const library of ["openssl", "gnutls"] as const)
  describe(`what is refused, with an upstream on ${library}`, { timeout: suiteLimit }, () => {
    it("refuses with 4.00 and says why, enforces nothing, and stays in session", () =>
      playScene({ library, globals: { request_rate: "1000" } }, async (scene) => {
        const attack = await startAttack(scene.lab);
        const scope = await attack.reported() as Record<string, unknown>;
        const without = (name: string): object => Object.fromEntries(Object.entries(scope).filter(([each]) => each !== name));
        const scopes: readonly (readonly [object, RegExp])[] = [
          [{ ...scope, "source-prefix": ["203.0.113.8/32"] }, /source-prefix is not ours/],
          [{ ...scope, "source-prefix": [`${wan.v4}/31`] }, /source-prefix is not ours/],
          [{ ...scope, "source-prefix": [`${wan.v4}/32`, "203.0.113.8/32"] }, /source-prefix is not ours/],
          [{ ...scope, "source-prefix": [`${camera.v4}/32`] }, /source-prefix is not ours/],
          [{ ...scope, "source-prefix": [lan.prefix4] }, /source-prefix is not ours/],
          [{ ...scope, "source-prefix": [] }, /source-prefix/],
          [without("source-prefix"), /source-prefix is missing/],
          [without("target-prefix"), /target-prefix is missing/],
          [{ ...scope, "target-prefix": ["198.51.100.0/23"] }, /target-prefix is wider than \/24/],
          [{ ...scope, "target-prefix": ["0.0.0.0/0"] }, /target-prefix|includes/],
          [{ ...scope, "target-prefix": [`${target.v4}/32`, "2001:db8:c000::/47"] }, /target-prefix is wider than \/48/],
          [{ ...scope, "target-prefix": ["2001:db8:c000::/48"] }, /no address family in common/],
          [{ ...scope, "target-prefix": ["224.0.0.1/32"] }, /multicast/],
          [{ ...scope, "target-prefix": ["198.51.100.300/32"] }, /target-prefix: not an IP prefix/],
          [{ ...scope, "target-port-range": [{ "lower-port": 444, "upper-port": 443 }] }, /range/],
          [{ ...scope, "target-port-range": [{ "lower-port": 65_536 }] }, /lower-port/],
          [{ ...scope, "target-protocol": [256] }, /target-protocol/],
          [{ ...scope, "trigger-mitigation": false }, /trigger-mitigation/],
          [{ ...scope, "lifetime": 0 }, /lifetime 0/],
          [{ ...scope, "lifetime": -2 }, /lifetime/],
          [without("lifetime"), /lifetime is missing/],
          [{ ...scope, "alias-name": ["my-servers"] }, /alias-name/],
          [{ ...scope, "#99": 1 }, /comprehension-required key 99/],
        ];
        for (const [asked, why] of scopes) await refuses(scene, why, { do: "put", mid: 5, scope: asked });
        await refuses(scene, /exactly one entry/, { do: "put", mid: 5, scopes: [scope, scope] });

        const bodies: Readonly<Record<string, readonly [Uint8Array | string, RegExp]>> = {
          "an empty body": ["", /empty/],
          "no CBOR": ["ff", /./],
          "half a message": [body(fine).slice(0, -3), /./],
          "more behind the message": [Buffer.concat([body(fine), Buffer.from([0])]), /./],
          "a key twice": [duplicateLifetime(), /./],
          "an array in place of the map": [encode([1, 2]), /not a map/],
          "an integer in place of the scope": [encode(new Map([[key.mitigationScope, 7]])), /not a map/],
          "a text in place of a list": [body(instead(key.targetPrefix, `${target.v4}/32`)), /target-prefix: not an array/],
          "bytes in place of a text": [body(instead(key.targetPrefix, [Buffer.from([198, 51, 100, 9])])), /target-prefix/],
          "a text in place of a number": [body(instead(key.lifetime, "60")), /lifetime/],
          "a fraction in place of a number": [body(instead(key.lifetime, 60.5)), /a value that no attribute has/],
          "a text for a key": [body([...fine, ["lifetime", 60]]), /keys must be integers/],
          "more prefixes than 64": [body(instead(key.targetPrefix, Array.from({ length: 65 }, () => "::/128"))), /target-prefix: 1 to 64/],
          "nested too deep": ["81".repeat(500) + "80", /deep/],
          "nested too deep in a map": ["a101".repeat(300) + "80", /deep/],
          "an array that claims to be endless": ["a1019b7fffffffffffffff", /./],
          "a text that claims to be huge": ["a1017affffffff", /./],
          "an unknown tag": ["a101c6a0", /./],
        };
        for (const [what, [bytes, why]] of Object.entries(bodies))
          await refuses(scene, why, { do: "request", method: "PUT", path: mitigate, "payload-hex": hex(bytes) }, what);
        // Larger than a datagram: whether libcoap cuts it into blocks or gives up, it is not accepted.
        const large = await scene.peer.ask({
          do: "request",
          method: "PUT",
          path: mitigate,
          "payload-hex": hex(body(instead(key.targetPrefix, Array.from({ length: 2000 }, (_, at) => `198.51.100.${at % 256}/32`)))),
          timeout: 5,
        });
        assert.ok(large.event === "failed" || large.code?.startsWith("4."), JSON.stringify(large));

        await refuses(scene, /mid/, { do: "request", method: "PUT", path: mitigate.slice(0, -1), "payload-hex": hex(body(fine)) });
        await refuses(scene, /mid/, { do: "request", method: "PUT", path: [...mitigate.slice(0, -1), "mid=x"], "payload-hex": hex(body(fine)) });
        await refuses(scene, /mid/, { do: "request", method: "PUT", path: [...mitigate.slice(0, -1), "mid=4294967296"], "payload-hex": hex(body(fine)) });

        assert.deepEqual(await scene.daemon.json("list"), []);
        assert.equal(await scene.ruleset(), "");
        await attack.arrives();
        // The same message as in all those, but right: it was the fault that was refused.
        assert.equal((await scene.peer.ask({ do: "request", method: "PUT", path: mitigate, "payload-hex": hex(body(fine)) })).code, "2.01");
        await attack.stops(300);
        await attack.end();
        assert.deepEqual(scene.peer.events.filter(({ event }) => event === "session").map(({ is }) => is), ["up"]);
      }));

    it("answers what is no request of DOTS as CoAP has it", () =>
      playScene({ library }, async (scene) => {
        const ask = (command: object): Promise<PeerEvent> =>
          scene.peer.ask({ do: "request", method: "PUT", path: mitigate, "payload-hex": hex(body(fine)), ...command });
        assert.equal((await ask({ path: [".well-known", "dots", "nothing"] })).code, "4.04");
        assert.equal((await ask({ path: ["mitigate"] })).code, "4.04");
        assert.equal((await ask({ path: [".well-known", "core"], method: "GET", "payload-hex": "" })).code, "4.04");
        assert.equal((await ask({ method: "POST" })).code, "4.05");
        assert.equal((await ask({ method: "DELETE", path: [".well-known", "dots", "hb"], "payload-hex": "" })).code, "4.05");
        assert.equal((await ask({ "content-format": 0 })).code, "4.15");
        assert.equal((await ask({ "content-format": 60 })).code, "4.15");
        assert.equal((await ask({ confirmable: true, options: [{ number: 2049, hex: "01" }] })).code, "4.02");
        assert.equal((await scene.peer.ask({ do: "get", mid: 5 })).code, "4.04");
        assert.equal((await scene.delete(5)).code, "2.02", "RFC 9132 §4.4.4: also if there is nothing to withdraw");
        assert.deepEqual(await scene.daemon.json("list"), []);
        // An elective option and a comprehension-optional key are ignored.
        const optional = await ask({ options: [{ number: 2050, hex: "01" }], "payload-hex": hex(body([...fine, [16_400, "whatever"]])) });
        assert.equal(optional.code, "2.01");
      }));

    it("answers 5.03 to more requests than the owner allows, and serves on afterwards", () =>
      playScene({ library, globals: { request_rate: "5" } }, async (scene) => {
        const from = scene.peer.events.length;
        for (let n = 0; n < 40; n++) scene.peer.send({ do: "get", mid: 5, wait: false });
        const answers = (): PeerEvent[] => scene.peer.events.slice(from).filter(({ event }) => event === "answer");
        await scene.peer.until("40 answers", () => answers().length === 40, { from });
        const codes = answers().map(({ code }) => code);
        assert.ok(codes.includes("5.03") && codes.includes("4.04"), codes.join(" "));
        assert.ok((answers().find(({ code }) => code === "5.03")?.["max-age"] ?? 0) > 0, "says when to come again");
        assert.equal((await retried(() => scene.peer.ask({ do: "heartbeat", "peer-hb-status": true }))).code, "2.04");
      }));
  });

async function refuses(scene: Scene, why: RegExp, command: object, what = JSON.stringify(command).slice(0, 200)): Promise<void> {
  const answer = await scene.peer.ask(command);
  assert.equal(answer.code, "4.00", `${what}: ${JSON.stringify(answer)}`);
  assert.match(answer.diagnostic ?? "", why, what);
}

/** Until it is not 5.03 any more: the allowance grows with time alone. */
async function retried(ask: () => Promise<PeerEvent>): Promise<PeerEvent> {
  return eventually("served", async () => {
    const answer = await ask();
    return answer.code === "5.03" ? undefined : answer;
  });
}

function body(scope: readonly (readonly [Key, unknown])[]): Uint8Array {
  return encode(new Map([[key.mitigationScope, new Map([[key.scope, [new Map(scope)]]])]]));
}

/** {1: {2: [{…, 14: 60, 14: 61}]}}: the map's head counts one more. */
function duplicateLifetime(): Uint8Array {
  const bytes = Buffer.from(body(fine));
  const head = bytes.indexOf(0xa0 | fine.length, 4);
  bytes[head] = 0xa0 | (fine.length + 1);
  return Buffer.concat([bytes, Buffer.from([key.lifetime, 24, 61])]);
}

function hex(bytes: Uint8Array | string): string {
  return typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("hex");
}
