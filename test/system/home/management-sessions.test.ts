import assert from "node:assert/strict";
import { test } from "node:test";
import { readManagementSessions } from "../../../src/system/home/management-sessions.ts";

// As a little-endian kernel prints them; the columns that follow are cut.
const tcp = `  sl  local_address rem_address   st
   0: 0101A8C0:0016 1701A8C0:D431 01
   1: 0101A8C0:01BB 2A01A8C0:D432 06
   2: 0101A8C0:0035 3001A8C0:D433 01
   3: 00000000:0016 00000000:0000 0A
   4: garbage
`;
const tcp6 = `  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000101A8C0:0050 0000000000000000FFFF00003101A8C0:C001 01
   1: B80D0120000001000000000001000000:01BB B80D0120000001000000000023000000:C002 01
`;

test("who manages the router: over SSH and LuCI, now or a moment ago", async () => {
  const sessions = await readManagementSessions((path) => Promise.resolve(path.endsWith("6") ? tcp6 : tcp));
  assert.deepEqual([...sessions], ["192.168.1.23", "192.168.1.42", "192.168.1.49", "2001:db8:1::23"]);
});
test("a kernel that does not tell", async () => {
  assert.deepEqual([...await readManagementSessions(() => Promise.reject(new Error("ENOENT")))], []);
});
