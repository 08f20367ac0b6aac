import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { suiteLimit } from "../patience.ts";
import { createManyUpstreams, type ManyUpstreams } from "./many-upstreams.ts";
import { labPsk, type Daemon } from "./start-daemon.ts";
import { scopeOf, startPeer, type Peer } from "./start-peer.ts";

/** Bodies as go-dots' client sent them (shared/vectors/go-dots-wire.jsonl). */
const captured = {
  callHome:
    "a101a10281a706826a312e312e322e312f333273323030323a6462383a363430313a3a2f3132380781a208191f9009191f910a83010611198000826d31302e3130302e302e312f33326d31302e3130302e302e322f333219800182a1081901bba2081901bc091901bd19800282a21980030119800402a219800303198004040e1832",
  efficacy:
    "a101a10281a7068274323030313a6462383a363430313a3a312f31323874323030313a6462383a363430313a3a322f3132380783a1081850a1081901bba108191f900a81060e1864181d02",
  config:
    "a1181ea21820a51821a1182418321825a11824031826a11824071827a1182bc4822018cd1828a1182bc482200f182ca51821a11824181e1825a11824031826a11824071827a1182bc48220189b1828a1182bc482200f",
  heartbeat: "a11831a11833f5",
} as const;
const mitigate = [".well-known", "dots", "mitigate", "cuid=dz6pHjaADkaFTbjr0JGBpw"];
/** Q-Block2 (RFC 9177), a critical option that go-dots' shipped configuration puts into every GET; without it go-dots asks as others do. */
const qBlock2 = { number: 31, hex: "09" };
const nonConfirmable = { method: "PUT", confirmable: false, "token-hex": "0123456789abcdef" };

for (const transport of ["udp", "tcp"] as const)
  describe(`requests as go-dots sends them, over ${transport}`, { timeout: suiteLimit }, () => {
    let many: ManyUpstreams;
    let daemon: Daemon;
    let peer: Peer;
    before(async () => {
      many = await createManyUpstreams();
      peer = await startPeer(many.lab.isp, {
        library: "openssl",
        listen: "203.0.113.1:4647",
        arguments: ["--transport", transport, "--psk", `${labPsk.identity}:${labPsk.key}`],
      });
      daemon = many.start([{ name: "go_dots", options: { transport } }], { source_scope: "10.100.0.0/24" });
      await daemon.logged(/: session with/);
    });
    after(() => many.destroy());
    const request = (command: object): ReturnType<Peer["ask"]> => peer.ask({ do: "request", ...command });

    it("a call home request: Non-confirmable, with a token of 8 bytes, sources and ICMP types", async () => {
      const answer = await request({ ...nonConfirmable, path: [...mitigate, "mid=123"], "payload-hex": captured.callHome });
      assert.equal(answer.code, "2.01", answer.diagnostic);
      assert.deepEqual(scopeOf(answer), { mid: 123, lifetime: 50, status: 1 });
      if (transport === "udp") assert.equal(answer.type, "NON", "RFC 7252 §5.2.3: as it was asked");
      const [mitigation] = await daemon.json("list") as { source: object; target: object }[];
      assert.deepEqual(mitigation?.source, { prefixes: ["10.100.0.1/32", "10.100.0.2/32"], ports: [[443, 443], [444, 445]], icmp_types: [[1, 2], [3, 4]] });
      assert.deepEqual(mitigation.target, {
        prefixes: ["1.1.2.1/32", "2002:db8:6401::/128"],
        ports: [[8080, 8081]],
        protocols: [1, 6, 17],
        fqdns: [],
        uris: [],
      });
    });

    it("the same request of sources that are not ours is refused", async () => {
      const elsewhere = captured.callHome.replaceAll(Buffer.from("10.100.0.").toString("hex"), Buffer.from("10.101.0.").toString("hex"));
      const answer = await request({ ...nonConfirmable, path: [...mitigate, "mid=124"], "payload-hex": elsewhere });
      assert.deepEqual([answer.code, answer.diagnostic], ["4.00", "source-prefix is not ours"]);
    });

    it("a GET with Observe; with Q-Block2 it is refused, which says that there is no Q-Block here", async () => {
      const get = (options: readonly object[]): ReturnType<Peer["ask"]> =>
        request({
          method: "GET",
          confirmable: false,
          path: [...mitigate, "mid=123"],
          options: [{ number: 6, hex: "" }, ...options],
          "token-hex": "1123456789abcdef",
          "content-format": null,
        });
      assert.equal((await get([qBlock2])).code, "4.02");
      const answer = await get([]);
      assert.equal(answer.code, "2.05", answer.diagnostic);
      assert.equal(scopeOf(answer).mid, 123);
      assert.notEqual(answer.observe, undefined);
    });

    it("an efficacy update, which in call home must name its source too", async () => {
      const update = (body: string): ReturnType<Peer["ask"]> =>
        request({ ...nonConfirmable, path: [...mitigate, "mid=123"], options: [{ number: 1, hex: "" }], "payload-hex": body, "token-hex": "2123456789abcdef" });
      // The capture announces a map of 7 pairs and has 5.
      assert.equal((await update(captured.efficacy)).code, "4.00");
      const answer = await update(captured.efficacy.replace("81a7", "81a5"));
      assert.deepEqual([answer.code, answer.diagnostic], ["4.00", "source-prefix is missing"]);
    });

    it("a configuration whose decimals have natural exponents", async () => {
      const path = [".well-known", "dots", "config", "sid=234"];
      const answer = await request({ method: "PUT", confirmable: true, path, "payload-hex": captured.config, "token-hex": "3123456789abcdef" });
      assert.equal(answer.code, "2.01", answer.diagnostic);
      const config = await request({ method: "GET", confirmable: true, path, "content-format": null });
      const sets = (config.body as { "signal-config": Record<string, Record<string, Record<string, number>>> })["signal-config"];
      assert.deepEqual(
        [sets["mitigating-config"], sets["idle-config"]].map((set) =>
          ["ack-timeout", "ack-random-factor"].map((name) => set?.[name]?.["current-value-decimal"])
        ),
        [[20.5, 1.5], [15.5, 1.5]],
      );
      assert.deepEqual(["heartbeat-interval", "missing-hb-allowed", "max-retransmit"].map((name) => sets["mitigating-config"]?.[name]?.["current-value"]), [50,
        3, 7]);
    });

    it("a heartbeat", async () => {
      const answer = await request({
        ...nonConfirmable,
        path: [".well-known", "dots", "hb"],
        "payload-hex": captured.heartbeat,
        "token-hex": "4123456789abcdef",
      });
      assert.equal(answer.code, "2.04", answer.diagnostic);
    });

    it("a withdrawal", async () => {
      const answer = await request({
        method: "DELETE",
        confirmable: false,
        path: [...mitigate, "mid=123"],
        "token-hex": "5123456789abcdef",
        "content-format": null,
      });
      assert.equal(answer.code, "2.02", answer.diagnostic);
    });
  });
