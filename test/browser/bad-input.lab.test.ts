import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { suiteLimit } from "../patience.ts";
import { ago, kitchenCamera, question, scriptedHome, type ScriptedHome } from "./scripted-home.ts";
import { browserMissing, openTab, phone, startBrowser } from "./start-browser.ts";
import { startRouter, type Router } from "./start-router.ts";

describe("the page, in bad weather (a scripted daemon)", { skip: browserMissing(), timeout: suiteLimit }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
  });

  const play = async (view: string, home: ScriptedHome,
    act: (page: Page, router: Router, standing: { isRunning: boolean }) => Promise<void>): Promise<void> => {
    const standing = { isRunning: false };
    const router = await startRouter({ backend: home, withoutEvents: true, isRunning: () => standing.isRunning });
    const { page, context, faults } = await openTab(browser, { viewport: phone });
    try {
      await page.goto(router.url(view));
      await act(page, router, standing);
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
      await router.stop();
    }
  };

  it("calls a device without a name by its maker and its Wi-Fi", () => {
    const home = scriptedHome();
    const { mac } = kitchenCamera;
    home.mitigations = [question(1, { devices: [{ ...kitchenCamera, name: null, port: 'Wi-Fi "home"' }] })];
    home.devices = [{
      mac: mac ?? "",
      name: null,
      vendor: "Espressif Inc.",
      addresses: [],
      port: 'Wi-Fi "home"',
      policy: "ask",
      policy_from: "default",
      requests: 1,
      last_request_at: ago(1),
      stopped_by: [],
    }];
    return play("overview", home, async (page, router) => {
      await page.getByRole("heading", { name: "A device by Espressif Inc. on Wi-Fi “home” is attacking a stranger" }).waitFor();
      await page.goto(router.url("devices"));
      await page.getByRole("heading", { name: "A device by Espressif Inc. on Wi-Fi “home”" }).waitFor();
    });
  });

  it("shows 500 questions twenty at a time, and stays quick", () => {
    const home = scriptedHome();
    home.mitigations = Array.from({ length: 500 }, (_, at) =>
      question(at + 1, {
        devices: [{
          ...kitchenCamera,
          name: `Lamp ${at + 1}`,
          mac: `00:1d:c0:00:${(at >> 8).toString(16).padStart(2, "0")}:${(at & 255).toString(16).padStart(2, "0")}`,
        }],
      }));
    return play("approvals", home, async (page) => {
      await page.getByText("Lamp 1 is attacking a stranger").waitFor();
      assert.equal(await page.locator(".dch-card").count(), 20);
      const further = page.getByRole("button", { name: "Show 480 more" });
      const began = Date.now();
      await further.click();
      await page.getByText("Lamp 70 is attacking a stranger").waitFor();
      assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
      await page.locator('[data-id="3"]').getByRole("button", { name: "Block it" }).click();
      await page.locator('[data-id="3"][data-kind="holds"]').waitFor();
    });
  });

  it("takes nothing that comes from the network for markup", () => {
    const evil = `<img src=x onerror="document.title='caught'"><b>`;
    const home = scriptedHome();
    home.warnings = [evil];
    home.upstreams = [{ name: evil, state: "backing-off", transport: null, peer: null, since: null, last_error: evil, sessions: 0 }];
    home.mitigations = [1, 2].map((id) =>
      question(id, {
        state: id === 1 ? "pending" : "active",
        upstream: evil,
        cuid: evil,
        target: { prefixes: [evil], ports: [], protocols: [], fqdns: [evil], uris: [evil] },
        source: { prefixes: [evil], ports: [], icmp_types: [] },
        devices: [{ ...kitchenCamera, name: `${evil}\u202e`, addresses: [evil], port: evil, mac: "00:1d:c0:4f:7a:24" }],
      })
    );
    home.devices = [{
      mac: evil,
      name: evil,
      vendor: evil,
      addresses: [evil],
      port: evil,
      policy: "ask",
      policy_from: "owner",
      requests: 1,
      last_request_at: ago(1),
      stopped_by: [],
    }];
    home.history = [{
      at: ago(1),
      event: "approved",
      by: "owner",
      who: evil,
      via: "cli",
      mitigation: 1,
      upstream: evil,
      outcome: null,
      action: "block",
      devices: [{ mac: null, name: evil }],
      target: [evil],
      dropped: null,
      reason: evil,
    }];
    return play("overview", home, async (page, router) => {
      for (const view of ["overview", "approvals", "devices", "history"]) {
        await page.goto(router.url(view));
        await page.getByText("<img src=x", { exact: false }).first().waitFor();
        await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
        assert.equal(await page.locator("#view img, #view b").count(), 0, view);
        assert.notEqual(await page.title(), "caught");
        assert.ok(await page.evaluate<number>("document.documentElement.scrollWidth") <= phone.width, `${view} is not wider than the phone`);
      }
    });
  });

  it("says what a lost session means, what is wrong with clocks, and that no provider is set up", () => {
    const home = scriptedHome();
    home.upstreams = [{
      name: "isp",
      state: "backing-off",
      transport: null,
      peer: null,
      since: "1970-01-01T00:10:00.000Z",
      last_error: "connection refused",
      sessions: 2,
    }];
    return play("overview", home, async (page, router) => {
      await page.getByText("Your provider “isp” cannot warn you right now").waitFor();
      await page.getByText("What is blocked stays blocked.", { exact: false }).waitFor();
      await page.getByText("The clock of the router and the clock of this device differ.", { exact: false }).waitFor();
      assert.ok(!await page.locator("#dch-calm").isVisible());
      await page.getByRole("button", { name: "Try now" }).click();
      while (!router.requests.some((each) => each.startsWith("dots-callhome.reconnect"))) await page.waitForTimeout(20);
      home.upstreams = [];
      await page.getByText("No internet provider is switched on.").waitFor();
    });
  });

  it("says what to do when ubus is gone, hangs, or the router cannot be reached, and recovers", () => {
    const home = scriptedHome();
    home.answers = "nothing";
    return play("approvals", home, async (page, _router, standing) => {
      await page.getByText("The protection is not running", { exact: false }).waitFor();
      standing.isRunning = true; // ubus was restarted
      await page.getByText("The protection is running, but this page cannot reach it at the moment.", { exact: false }).waitFor();
      home.answers = "hangs";
      await page.getByText("The router did not answer in time.", { exact: false }).waitFor();
      await page.context().setOffline(true);
      await page.getByText("The router cannot be reached from here.", { exact: false }).waitFor();
      await page.context().setOffline(false);
      home.answers = "well";
      await page.getByText("No question waits for you.").waitFor();
      assert.ok(!await page.getByRole("alert").first().isVisible());
    });
  });

  it("tells devices apart that it is not sure of, and does not offer to block what it does not know", () => {
    const home = scriptedHome();
    home.mitigations = [
      question(1, {
        devices: [{ ...kitchenCamera, certainty: "ambiguous" }, {
          ...kitchenCamera,
          mac: "02:1d:c0:4f:7a:99",
          name: null,
          port: "phy0-ap0",
          certainty: "ambiguous",
        }],
      }),
      question(2, { devices: [] }),
    ];
    home.traffic = { 1: [[60, 99, 99]] };
    return play("approvals", home, async (page) => {
      await page.getByText("Kitchen camera or A device without a name on Wi-Fi (phy0-ap0) is attacking a stranger").waitFor();
      await page.getByText("It is one of these devices; we do not know which.").waitFor();
      const nameless = page.locator('[data-id="2"]');
      await nameless.getByText("we do not know yet which device it is", { exact: false }).waitFor();
      assert.equal(await nameless.getByRole("button", { name: "Block it" }).count(), 0);
    });
  });
});
