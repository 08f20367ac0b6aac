import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { StatusView } from "../../src/operator/describe-status.ts";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { labMissing } from "./lab-missing.ts";
import { playScene, type Scene } from "./scene.ts";
import { labPsk } from "./start-daemon.ts";

const sessionsOf = ({ daemon: { log } }: Scene): string[] => log.filter((line) => /: session with/.test(line));
const stateOf = async ({ daemon }: Scene): Promise<string | undefined> => (await daemon.json("status") as StatusView).upstreams[0]?.state;

describe("a key that has changed, in the same file", { skip: labMissing().length > 0 && labMissing().join(", "), timeout: suiteLimit }, () => {
  for (const transport of ["udp", "tcp"] as const)
    it(`is tried: the session ends, and no ticket of the old one is offered, over ${transport}`, () =>
      playScene({ transport }, async (scene) => {
        const { daemon, lab } = scene;
        const write = (key: string): void => {
          writeFileSync(`${lab.files.folder}/isp.psk`, `${key}\n`);
        };
        await scene.daemon.cli("reconnect");
        await until("there is a second session, with what the first has left", () => sessionsOf(scene).length === 2);
        write("a key that the provider does not know");
        daemon.signal("SIGHUP");
        await daemon.logged(/no session with .*: /);
        assert.notEqual(await stateOf(scene), "connected");
        assert.equal(sessionsOf(scene).length, 2);
        write(labPsk.key);
        daemon.signal("SIGHUP");
        await until("the right key is taken", () => sessionsOf(scene).length === 3);
        assert.doesNotMatch(sessionsOf(scene)[2] ?? "", /resumed/);
        assert.equal(await stateOf(scene), "connected");
      }));
});
