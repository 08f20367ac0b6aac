import assert from "node:assert/strict";
import { it } from "node:test";
import { createStore, nothingRemembered } from "../../src/memory/store.ts";
import type { Device } from "../../src/model/device.ts";
import { createIdentify } from "../../src/pipeline/identify.ts";
import type { MitigationEvent } from "../../src/policy/mitigation-step.ts";
import { fakeClock, settle } from "../fake-clock.ts";
import { camera, laptop, unattributed } from "../policy/samples.ts";

/** Two looks for the device of one request: at connection tracking, which names the laptop, and at the packets, which come from the camera. */
for (const first of ["flows", "packets"] as const)
  it(`two looks under way at once: the one that names a device first, by ${first}, is not undone by the other`, async () => {
    const answers = new Map<string, (devices: readonly Device[]) => void>();
    const clock = fakeClock();
    const store = createStore(nothingRemembered);
    store.put(unattributed);
    const identify = createIdentify({
      clock,
      steady: clock.steady,
      log: () => undefined,
      store,
      filter: { readWitness: () => Promise.resolve([{ mac: camera.mac ?? "", address: "192.168.1.22", packets: 5, bytes: 300 }]) },
      schedule: { once: () => undefined, cancel: () => undefined, stop: () => undefined },
      lookup: {
        lookup: (_, { witnessed = [] } = {}) =>
          new Promise((resolve) => {
            answers.set(witnessed.length > 0 ? "packets" : "flows", (devices) => {
              resolve({ devices, routerItself: false, witnesses: [], why: [] });
            });
          }),
      },
      decideAbout: (devices) => Promise.resolve({ is: "act", action: "block", devices }),
      apply: (id, event: MitigationEvent) => {
        const before = store.get(id);
        if (event.is === "found" && before) store.put({ ...before, devices: event.devices });
        return Promise.resolve();
      },
      weighing: { weighLater: () => undefined, cutFlows: () => undefined },
    });
    void identify.asked(unattributed.id);
    void identify.counted(unattributed.id, 5);
    await settle();
    const named = { flows: { ...laptop, certainty: "likely" }, packets: camera } as const;
    answers.get(first)?.([named[first]]);
    answers.get(first === "flows" ? "packets" : "flows")?.([named[first === "flows" ? "packets" : "flows"]]);
    await settle();
    assert.deepEqual(store.get(unattributed.id)?.devices, [named[first]]);
  });
