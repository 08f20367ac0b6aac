import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pageModules } from "./page-modules.ts";

const { words, load, baseclass } = pageModules();

describe("a device without a name", () => {
  const mac = "24:0a:c4:00:00:01";
  for (
    const [device, expected] of [
      [{ mac, name: "Lamp", vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }, "Lamp"],
      [{ mac, name: null, vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }, "A device by Espressif Inc. on Wi-Fi “home”"],
      [{ mac, name: null, vendor: "Espressif Inc.", port: "lan1" }, "A device by Espressif Inc. plugged into lan1"],
      [{ mac, name: null, vendor: "Espressif Inc.", port: null }, "A device by Espressif Inc."],
      [{ mac, name: null, vendor: null, port: "Wi-Fi" }, "A device without a name on Wi-Fi"],
      [{ mac, name: null, vendor: "\u202e", port: 'Wi-Fi "\u202e"' }, "A device without a name on Wi-Fi"],
      [{ mac, name: null, port: 'Wi-Fi "a"b"' }, 'A device without a name on Wi-Fi “a"b”'],
      [{ mac, name: null, port: "phy0-ap0" }, "A device without a name on Wi-Fi (phy0-ap0)"],
    ] as const
  )
    it(`is called ${expected}`, () => {
      assert.equal(words["deviceName"]?.(device), expected);
    });

  it("is joined with what is known of devices, which is asked for only then, and need not answer", async () => {
    const asked: string[] = [];
    const devices = [{ mac, name: null, port: null }, { mac: null, name: null }, { mac: "00:1d:c0:00:00:01", name: "Camera", port: "lan1" }];
    const answers: Record<string, unknown> = { list: { mitigations: [{ id: 1, devices: devices.slice(1) }] }, devices: {}, approve: { id: 2, devices } };
    const rpc = {
      declare: ({ method }: { method: string }) => () => {
        asked.push(method);
        return Promise.resolve(answers[method]);
      },
    };
    const daemon = load("daemon", { baseclass, rpc, poll: {}, window: {}, _: (text: string) => text });
    const now = "2026-11-21T20:20:00.000Z", traffic = { id: 2, sent: 99 };
    assert.deepEqual(await daemon["mitigations"]?.(), { now: null, mitigations: [{ id: 1, devices: devices.slice(1), traffic: null }] },
      "an older daemon counts nothing");
    answers["traffic"] = { now, mitigations: [traffic] };
    answers["list"] = { mitigations: [{ id: 2, devices }] };
    assert.deepEqual(await daemon["mitigations"]?.(), { now, mitigations: [{ id: 2, devices, traffic }] }, "an odd answer");
    answers["devices"] = { devices: [{ mac, name: null, vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }] };
    const introduced = { id: 2, devices: [{ ...devices[0], vendor: "Espressif Inc.", port: 'Wi-Fi "home"' }, ...devices.slice(1)] };
    const listed = { now, mitigations: [{ ...introduced, traffic }] };
    assert.deepEqual([await daemon["mitigations"]?.(), await daemon["mitigations"]?.(), await daemon["ask"]?.("approve", 2)], [listed, listed, introduced]);
    assert.deepEqual(asked.filter((method) => method !== "traffic"), ["list", "list", "devices", "list", "devices", "list", "approve"]);
  });
});
