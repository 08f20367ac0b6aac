import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mitigation } from "../../src/model/mitigation.ts";
import { admitRequest, grantLifetime, scopesOverlap } from "../../src/policy/admit-request.ts";
import { start, startPlus } from "../fake-clock.ts";
import { active, autoPolicy, dropping, ended, pending, requested, terminating } from "./samples.ts";
import { seconds } from "../../src/model/time.ts";

type Words = NonNullable<Parameters<typeof requested>[0]>;
interface Case {
  readonly asked?: Words;
  readonly lifetime?: number | null;
  readonly ifMatch?: boolean;
  readonly known?: readonly Mitigation[];
  readonly most?: number;
  readonly after?: number;
}

/** What becomes of it, in short: `new 3600 over 1,2`, `refresh 17 3600`, `4.00 …`, `4.09 cause 1 mid 9`, `5.03 60`, `ignored`. */
function admit({ asked = {}, lifetime = 3600, ifMatch = false, known = [], most = 256, after = 0 }: Case): string {
  const result = admitRequest(requested(asked), lifetime === null ? null : seconds(lifetime), ifMatch, known, { ...autoPolicy, maxMitigations: most },
    startPlus(after * 1000));
  switch (result.is) {
    case "ignored":
      return "ignored";
    case "new":
      return `new ${result.lifetime} over ${result.overrides.map(({ id }) => id).join(",") || "none"}`;
    case "refresh":
      return `refresh ${result.mitigation.id} ${result.lifetime ?? "as before"}`;
    case "refused": {
      const { refusal } = result;
      if (refusal.code === "4.09") return `4.09 cause ${refusal.conflict.cause} mid ${refusal.conflict.mid ?? "none"}`;
      return refusal.code === "5.03" ? `5.03 ${refusal.retryAfter}` : `${refusal.code} ${refusal.diagnostic}`;
    }
  }
}

/** A known mitigation with other words. */
const known = (id: number, words: Words, more: Partial<Mitigation> = {}): Mitigation => ({ ...active, id, request: requested(words), ...more });
const denied: Partial<Mitigation> = { state: "ended", outcome: "denied", status: 7 };

const cases: readonly [what: string, given: Case, expected: string][] = [
  ["the first", {}, "new 3600 over none"],
  ["without end: the cap", { lifetime: -1 }, "new 86400 over none"],
  ["without lifetime", { lifetime: null }, "4.00 lifetime is missing"],
  ["the same again, pending", { known: [pending] }, "refresh 17 3600"],
  ["the same again, terminating: asked for again (§4.4.4)", { known: [terminating] }, "refresh 17 3600"],
  ["the same again, terminating, without lifetime", { known: [terminating], lifetime: null }, "4.00 lifetime is missing"],
  ["an efficacy update that comes after the DELETE (§4.4.3)", { known: [terminating], ifMatch: true }, "ignored"],
  ["the same mid of one that was withdrawn, another target", { known: [terminating], asked: { to: "198.51.100.10" } }, "new 3600 over 17"],
  ["the same again, without lifetime", { known: [dropping], lifetime: null }, "refresh 17 as before"],
  ["the same again, with another lifetime", { known: [dropping], lifetime: 60 }, "refresh 17 60"],
  ["the same again, conditionally", { known: [dropping], ifMatch: true }, "refresh 17 3600"],
  ["lists in another order", {
    known: [known(1, { to: "198.51.100.9 198.51.100.10", protocols: [6, 17], toPorts: "1 2-3" })],
    asked: { to: "198.51.100.10 198.51.100.9", protocols: [17, 6], toPorts: "2-3 1" },
  }, "refresh 1 3600"],
  ["the same mid, another target", { known: [active], asked: { to: "198.51.100.10" } }, "4.00 a mitigation with this mid has other parameters"],
  ["the same mid, another port", { known: [active], asked: { toPorts: "443" } }, "4.00 a mitigation with this mid has other parameters"],
  ["the same mid, another source port", { known: [active], asked: { fromPorts: "443" } }, "4.00 a mitigation with this mid has other parameters"],
  ["the same mid, another protocol, conditionally", { known: [active], asked: { protocols: [6] }, ifMatch: true },
    "4.00 a mitigation with this mid has other parameters"],
  ["the same mid of one that has ended", { known: [ended] }, "new 3600 over none"],
  ["the same mid of another cuid", { known: [known(1, { cuid: "else" })] }, "new 3600 over none"],
  ["the same cuid of another upstream: another client", { known: [known(1, { upstream: "other", mid: 9 })] }, "new 3600 over none"],
  ["the same cuid and a higher mid of another upstream", { known: [known(1, { upstream: "other", mid: 99 })] }, "new 3600 over none"],
  ["the same cuid of another upstream, whose requests have ended", { known: [known(1, { upstream: "other" }, { state: "ended", outcome: "expired" })] },
    "new 3600 over none"],
  ["the same mid of another upstream", { known: [known(1, { upstream: "other", cuid: "else" })] }, "new 3600 over none"],
  ["conditionally, but there is none", { ifMatch: true }, "ignored"],
  ["conditionally, but it has ended", { ifMatch: true, known: [ended] }, "ignored"],
  ["conditionally, of one that was denied", { ifMatch: true, known: [known(1, {}, denied)] }, "ignored"],
  ["a higher mid overrides", { known: [known(1, { mid: 55 })] }, "new 3600 over 1"],
  ["a higher mid overrides all that it overlaps", {
    known: [known(1, { mid: 5 }), known(2, { mid: 6, to: "198.51.100.0/28" }), known(3, { mid: 7, to: "192.0.2.1" })],
  }, "new 3600 over 1,2"],
  ["a lower mid is refused", { known: [known(1, { mid: 57 })] }, "4.09 cause 1 mid 57"],
  ["a lower mid that overlaps in part", { known: [known(1, { mid: 57, to: "198.51.100.0/24" })] }, "4.09 cause 1 mid 57"],
  ["between a lower and a higher one", { known: [known(1, { mid: 55 }), known(2, { mid: 57 })] }, "4.09 cause 1 mid 57"],
  ["a lower mid, but that has ended", { known: [known(1, { mid: 57 }, { state: "ended", outcome: "expired" })] }, "new 3600 over none"],
  ["a lower mid, another target", { known: [known(1, { mid: 57, to: "192.0.2.1" })] }, "new 3600 over none"],
  ["a lower mid, the same target, another source", { known: [known(1, { mid: 57, from: "203.0.113.8" })] }, "new 3600 over none"],
  ["a lower mid, but the higher one was withdrawn (mid rollover)", { known: [{ ...terminating, request: requested({ mid: 57 }) }] }, "new 3600 over 17"],
  ["a lower mid, other source ports of the shared address", { known: [known(1, { mid: 57, fromPorts: "1-2" })], asked: { fromPorts: "3" } },
    "new 3600 over none"],
  ["target ports do not matter: a common address does", { known: [known(1, { mid: 57, toPorts: "80" })], asked: { toPorts: "443" } }, "4.09 cause 1 mid 57"],
  ["the owner said no to this mid, about another target", { known: [known(1, { to: "198.51.100.10" }, denied)] }, "new 3600 over none"],
  ["the owner said no to it", { known: [known(1, {}, denied)] }, "4.09 cause 4 mid none"],
  ["the owner said no to another target under this mid", { known: [known(1, { to: "198.51.100.10" }, denied)] }, "new 3600 over none"],
  ["the owner said no to the same under another mid", { known: [known(1, { mid: 3 }, denied)] }, "4.09 cause 4 mid none"],
  ["the owner released it", { known: [known(1, { mid: 3 }, { ...denied, outcome: "released" })] }, "4.09 cause 4 mid none"],
  ["the owner said no, but that request would be over", { known: [known(1, {}, denied)], after: 3600 }, "new 3600 over none"],
  ["the owner said no to a request without end", { known: [known(1, {}, { ...denied, expiresAt: null })], after: 1e9 }, "4.09 cause 4 mid none"],
  ["the owner said no to something else", { known: [known(1, { mid: 3, to: "198.51.100.10" }, denied)] }, "new 3600 over none"],
  ["the owner said no to another upstream", { known: [known(1, { upstream: "other" }, denied)] }, "new 3600 over none"],
  ["no room", { known: [known(1, { mid: 1, to: "192.0.2.1" }), known(2, { mid: 2, to: "192.0.2.2" })], most: 2 }, "5.03 60"],
  ["another upstream's take no room of ours", { known: [known(1, { upstream: "other", cuid: "else" })], most: 1 }, "new 3600 over none"],
  ["what is overridden makes room", { known: [known(1, { mid: 1 })], most: 1 }, "new 3600 over 1"],
  ["what has ended takes none", { known: [ended], most: 1 }, "new 3600 over none"],
];
for (const [what, given, expected] of cases)
  test(`${what}: ${expected}`, () => {
    assert.equal(admit(given), expected);
  });

for (
  const [asked, cap, granted] of [[60, 3600, 60], [3601, 3600, 3600], [-1, 3600, 3600], [-1, 0, -1], [99_999_999, 0, 99_999_999], [0xffff_ffff, 86_400,
    86_400]] as const
) {
  test(`of a lifetime of ${asked} with a cap of ${cap}: ${granted}`, () => {
    assert.equal(grantLifetime(seconds(asked), { maxLifetimeSeconds: seconds(cap) }), granted);
  });
}

const overlaps: readonly [a: Words, b: Words, expected: boolean][] = [
  [{}, {}, true],
  [{ to: "198.51.100.0/24" }, { to: "198.51.100.9" }, true],
  [{ to: "2001:db8::/32" }, { to: "2001:db8::1" }, true],
  [{ to: "198.51.100.9 192.0.2.1" }, { to: "192.0.2.1" }, true],
  [{ to: "198.51.100.8" }, { to: "198.51.100.9" }, false],
  [{ to: "0.0.0.0/1" }, { to: "::/1" }, false],
  [{ from: "203.0.113.0/24" }, { from: "203.0.113.7" }, true],
  [{ from: "203.0.113.6" }, { from: "203.0.113.7" }, false],
  [{ protocols: [6] }, { protocols: [17] }, true],
  [{ fromPorts: "40000-40100" }, { fromPorts: "40100 50000" }, true],
  [{ fromPorts: "40000-40100" }, { fromPorts: "40101 50000" }, false],
  [{ fromPorts: "40000-40100" }, {}, true],
  [{ from: "203.0.113.0/24", fromPorts: "1" }, { fromPorts: "2" }, false],
  [{ from: "203.0.113.7 2001:db8::7", fromPorts: "1" }, { from: "203.0.113.7", fromPorts: "2" }, false],
  [{ from: "203.0.113.7 2001:db8::7", fromPorts: "1" }, { from: "2001:db8::7", fromPorts: "2" }, true],
  [{ toPorts: "80" }, { toPorts: "443" }, true],
];
for (const [a, b, expected] of overlaps) {
  test(`${JSON.stringify(a)} and ${JSON.stringify(b)} ${expected ? "overlap" : "do not overlap"}`, () => {
    assert.deepEqual([scopesOverlap(requested(a), requested(b)), scopesOverlap(requested(b), requested(a))], [expected, expected]);
  });
}

test("a refresh repeats names and URIs too, in any order (§4.4.1.3)", () => {
  const named = (fqdns: readonly string[], uris: readonly string[]): ReturnType<typeof requested> => {
    const request = requested();
    return { ...request, target: { ...request.target, fqdns, uris } };
  };
  const before: Mitigation = { ...active, request: named(["a.example", "b.example"], ["https://a.example"]) };
  const again = (fqdns: readonly string[], uris: readonly string[]): string =>
    admitRequest(named(fqdns, uris), seconds(3600), false, [before], autoPolicy, start).is;
  assert.equal(again(["b.example", "a.example"], ["https://a.example"]), "refresh");
  for (const [fqdns, uris] of [[["a.example"], ["https://a.example"]], [["a.example", "b.example"], ["https://b.example"]], [[], []]] as const)
    assert.equal(again(fqdns, uris), "refused");
});
