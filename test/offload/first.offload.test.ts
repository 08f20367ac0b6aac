import assert from "node:assert/strict";
import { it } from "node:test";
import { createLab } from "../lab/lab.ts";
it("boots", async () => {
  const lab = await createLab();
  const ping = await lab.camera.run("ping", ["-c", "1", "198.51.100.9"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
  console.log(ping.stdout);
  await lab.destroy();
});
