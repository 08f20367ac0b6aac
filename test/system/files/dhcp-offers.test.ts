import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openDhcpOffers } from "../../../src/system/files/dhcp-offers.ts";
import { until } from "../../until.ts";

const work = mkdtempSync(join(tmpdir(), "dch-offers-"));
after(() => {
  rmSync(work, { recursive: true, force: true });
});
const folder = join(work, "offers");
const offers = openDhcpOffers(folder);
const write = (file: string, text: string): void => {
  writeFileSync(join(folder, file), text);
};

test("the folder is made, watched, and read anew each time", async () => {
  assert.deepEqual(await offers.read(["wan"]), []);
  let heard = 0;
  const stop = offers.follow(() => {
    heard++;
  });
  write(".wan.4.new", "name 04646f747303697370076578616d706c6500\naddresses cb007101\n");
  renameSync(join(folder, ".wan.4.new"), join(folder, "wan.4"));
  await until("the change is heard", () => heard > 0);
  assert.deepEqual(await offers.read(["wan"]), [{ device: "wan", name: "dots.isp.example", addresses: ["203.0.113.1"] }]);
  rmSync(join(folder, "wan.4"));
  assert.deepEqual(await offers.read(["wan"]), []);
  stop();
});

test("both families of the devices that are asked for, and of no other", async () => {
  write("wan.6", "addresses 20010db8000000000000000000000001\n");
  write("wan.4", "addresses cb007101\n");
  write("wan2.4", "addresses cb007102\n");
  assert.deepEqual((await offers.read(["wan"])).map(({ addresses }) => addresses[0]), ["2001:db8::1", "203.0.113.1"]);
  assert.deepEqual((await offers.read(["../offers/wan2", "", "a b", "wan2"])).map(({ device, addresses }) => [device, addresses[0]]), [["wan2",
    "203.0.113.2"]]);
});

test("whatever lies there: not more than its beginning is read, and what is no line of ours says nothing", async () => {
  write("big.4", `${"x".repeat(5_000)}\naddresses cb007101\n`);
  write("odd.4", "addresses cb0071\nname zz\naddresses: cb007101\nname 04\n");
  symlinkSync("/dev/zero", join(folder, "zero.4"));
  const said = await offers.read(["big", "odd", "zero", "gone"]);
  assert.deepEqual(said.map(({ device, name, addresses }) => [device, name, addresses]), [["big", null, []], ["odd", null, []], ["zero", null, []]]);
});
