import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { app } from "./collect-strings.ts";

/** A module of the page, without LuCI: its `extend` hands the members back. */
function load(name: string, scope: Readonly<Record<string, unknown>>): Record<string, (...args: unknown[]) => unknown> {
  const text = readFileSync(join(app, `htdocs/luci-static/resources/dots-callhome/${name}.js`), "utf8");
  // LuCI loads views in the same way.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call
  return new Function(...Object.keys(scope), text)(...Object.values(scope));
}

const format = (text: string, values: readonly unknown[]): string => values.reduce((so: string, value) => so.replace(/%[sd]/, () => String(value)), text);
Object.defineProperty(String.prototype, "format", { value(this: string, ...values: unknown[]) { return format(this, values); } });
const baseclass = { extend: (members: unknown) => members };
const words = load("words", { baseclass, _: (text: string) => text, N_: (n: number, one: string, many: string) => (n === 1 ? one : many) });

describe("a device without a name", () => {
  const mac = "24:0a:c4:00:00:01";
  for (const [device, expected] of [
    [{ mac, name: "Lamp", vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }, "Lamp"],
    [{ mac, name: null, vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }, "A device by Espressif Inc. on Wi-Fi “home”"],
    [{ mac, name: null, vendor: "Espressif Inc.", port: "lan1" }, "A device by Espressif Inc. plugged into lan1"],
    [{ mac, name: null, vendor: "Espressif Inc.", port: null }, "A device by Espressif Inc."],
    [{ mac, name: null, vendor: null, port: "Wi-Fi" }, "A device without a name on Wi-Fi"],
    [{ mac, name: null, vendor: "\u202e", port: 'Wi-Fi "\u202e"' }, "A device without a name on Wi-Fi"],
    [{ mac, name: null, port: 'Wi-Fi "a"b"' }, "A device without a name on Wi-Fi “a\"b”"],
    [{ mac, name: null, port: "phy0-ap0" }, "A device without a name on Wi-Fi (phy0-ap0)"],
  ] as const) it(`is called ${expected}`, () => { assert.equal(words["deviceName"]?.(device), expected); });

  it("is joined with what is known of devices, which is asked for only then, and need not answer", async () => {
    const asked: string[] = [];
    const devices = [{ mac, name: null, port: null }, { mac: null, name: null }, { mac: "00:1d:c0:00:00:01", name: "Camera", port: "lan1" }];
    const answers: Record<string, unknown> = { list: { mitigations: [{ id: 1, devices: devices.slice(1) }] }, devices: {}, approve: { id: 2, devices } };
    const rpc = { declare: ({ method }: { method: string }) => () => {
      asked.push(method);
      return Promise.resolve(answers[method]);
    } };
    const daemon = load("daemon", { baseclass, rpc, poll: {}, window: {}, _: (text: string) => text });
    assert.deepEqual(await daemon["mitigations"]?.(), [{ id: 1, devices: devices.slice(1) }]);
    answers["list"] = { mitigations: [{ id: 2, devices }] };
    assert.deepEqual(await daemon["mitigations"]?.(), [{ id: 2, devices }], "an odd answer");
    answers["devices"] = { devices: [{ mac, name: null, vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }] };
    const introduced = { id: 2, devices: [{ ...devices[0], vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }, ...devices.slice(1)] };
    assert.deepEqual([await daemon["mitigations"]?.(), await daemon["mitigations"]?.(), await daemon["ask"]?.("approve", 2)], [[introduced], [introduced], introduced]);
    assert.deepEqual(asked, ["list", "list", "devices", "list", "devices", "list", "approve"]);
  });
});
