import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { suiteLimit } from "../patience.ts";
import { ago, kitchenCamera, question, scriptedHome, type ScriptedHome } from "./scripted-home.ts";
import { browserMissing, openTab, phone, startBrowser } from "./start-browser.ts";
import { startRouter, type RouterOptions } from "./start-router.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** In the browser. */
declare const getComputedStyle: (of: unknown,
  part?: string) => { readonly backgroundColor: string; readonly borderLeftWidth: string; readonly appearance: string };
interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly any: readonly { readonly message: string }[] }[];
}

/** What is wrong with the page, but for the frame that is not ours: all of axe's rules, contrast 4.5:1 and names of controls among them. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate<{ violations: Violation[] }>(
    "axe.run('#view', { resultTypes: ['violations'], rules: { region: { enabled: false }, 'page-has-heading-one': { enabled: false } } })",
  );
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => `${id}: ${html.slice(0, 160)} (${any[0]?.message ?? ""})`));
}

function busyHome(): ScriptedHome {
  const home = scriptedHome();
  const others = ["Annas laptop", "Television", "Doorbell", "Printer"].map((name, at) => ({ ...kitchenCamera, name, mac: `00:1d:c0:4f:7a:9${at}` }));
  const [laptop = kitchenCamera, tv = kitchenCamera, bell = kitchenCamera, printer = kitchenCamera] = others;
  home.mitigations = [
    question(1),
    question(2, { state: "active", status: 2, devices: [laptop], dropped: { packets: 74_511, bytes: 1 } }),
    question(3, { state: "ended", outcome: "released", devices: [tv], left_alone: { why: "undone", until: ago(-3_000) } }),
    question(4, { devices: [{ ...bell, instead_of: { mac: null, name: "Annas laptop", address: "192.168.1.7" } }] }),
    question(5, { state: "active", in_force: false, devices: [] }),
    question(6, { state: "active", action: "observe", devices: [printer] }),
  ];
  home.traffic = { 1: [[200, 1_240, 1_240]], 2: [[100, 900, 900], [100, 900, 0]], 6: [[60, 20, 20]] };
  home.warnings = ["conntrack is missing"];
  home.upstreams = [...home.upstreams, {
    name: "other",
    state: "backing-off",
    transport: null,
    peer: null,
    since: ago(600),
    last_error: "no route to host",
    sessions: 3,
  }];
  home.devices = [{
    mac: kitchenCamera.mac ?? "",
    name: "Kitchen camera",
    vendor: null,
    addresses: ["192.168.1.23"],
    port: "lan1",
    policy: "ask",
    policy_from: "default",
    requests: 3,
    last_request_at: ago(7_200),
    stopped_by: [17],
  }];
  home.history = [{
    at: ago(300),
    event: "approved",
    by: "owner",
    who: "root",
    via: "ubus",
    mitigation: 16,
    upstream: "isp",
    outcome: null,
    action: "quarantine",
    devices: [{ mac: null, name: "Doorbell" }],
    target: ["198.51.100.9/32"],
    dropped: null,
    reason: "",
  }];
  return home;
}

const opened = async (page: Page): Promise<void> => {
  await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })");
};
interface Sight {
  readonly view: string;
  readonly router: RouterOptions;
  readonly shows: string;
  readonly act?: (page: Page) => Promise<void>;
}
const sights: Readonly<Record<string, Sight>> = {
  "cards of every kind, all opened": { view: "overview", router: { backend: busyHome() }, shows: "Kitchen camera is attacking", act: opened },
  "all quiet": { view: "overview", router: { backend: scriptedHome() }, shows: "All quiet." },
  "a practice question": {
    view: "overview",
    router: { backend: scriptedHome() },
    shows: "All quiet.",
    async act(page) {
      await opened(page);
      await page.getByRole("button", { name: "Show a practice question" }).click();
    },
  },
  "the daemon is down": {
    view: "overview",
    router: { backend: { ...scriptedHome(), call: () => Promise.resolve(undefined) } },
    shows: "The protection is not running",
  },
  "step 1, with what is missing": {
    view: "overview",
    router: { backend: { ...scriptedHome(), call: () => Promise.resolve(undefined) }, isFresh: true },
    shows: "Step 1 of 3",
    async act(page) {
      await opened(page);
      await page.getByRole("button", { name: "Check and go on" }).click();
    },
  },
  "a login that may only look": { view: "approvals", router: { backend: busyHome() }, shows: "Kitchen camera is attacking" },
  "devices": { view: "devices", router: { backend: busyHome() }, shows: "Reported 3 times" },
  "history": { view: "history", router: { backend: busyHome() }, shows: "You cut off Doorbell completely" },
};
const themes: Readonly<Record<string, { readonly theme?: "bare"; readonly dark?: boolean }>> = {
  light: {},
  dark: { dark: true },
  "a bare theme": { theme: "bare" },
};

describe("the page for everybody", { skip: browserMissing(), timeout: suiteLimit }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
  });

  it("axe-core finds what is wrong: a grey text, a button without a name, a field without a label", async () => {
    const router = await startRouter({ backend: scriptedHome(), withoutEvents: true });
    const { page, context } = await openTab(browser, {});
    await page.goto(router.url("overview"));
    await page.getByText("All quiet.", { exact: false }).first().waitFor();
    await page.evaluate(
      "document.querySelector('#view').insertAdjacentHTML('beforeend', '<p style=\"color: #999; background: #fff\">grey</p><button></button><input type=\"text\">')",
    );
    assert.deepEqual((await violations(page)).map((each) => each.split(":")[0]).sort(), ["button-name", "color-contrast", "label"]);
    await context.close();
    await router.stop();
  });

  for (const [name, { theme, dark }] of Object.entries(themes)) {
    it(`axe-core finds nothing in any view: ${name}`, async () => {
      const wrong: string[] = [];
      for (const [what, { view, router: options, shows, act }] of Object.entries(sights)) {
        const router = await startRouter({ ...options, withoutEvents: true, ...(theme ? { theme } : {}) });
        if (what.includes("only look")) router.setSession("read");
        const { page, context, faults } = await openTab(browser, { viewport: phone, dark: dark === true });
        await page.goto(router.url(view));
        await page.getByText(shows, { exact: false }).first().waitFor();
        await act?.(page);
        wrong.push(...(await violations(page)).map((each) => `${what}: ${each}`), ...faults);
        await context.close();
        await router.stop();
      }
      assert.deepEqual(wrong, []);
    });

    it(`of two answers the theme does not choose: ${name}`, async () => {
      const router = await startRouter({ backend: busyHome(), withoutEvents: true, ...(theme ? { theme } : {}) });
      const { page, context } = await openTab(browser, { viewport: phone, dark: dark === true });
      await page.goto(router.url("approvals"));
      const [block, deny] = [page.getByRole("button", { name: "Block it", exact: true }).first(),
        page.getByRole("button", { name: "This is not an attack" }).first()];
      await block.waitFor();
      const ground = (at: typeof block): Promise<string> => at.evaluate((node) => getComputedStyle(node).backgroundColor);
      assert.deepEqual([/rgba\(0, 0, 0, 0\)/.test(await ground(deny)), /rgba\(0, 0, 0, 0\)/.test(await ground(block))], [true, false],
        "one is filled, the other is not");
      assert.ok(await page.locator("summary").first().evaluate((node) => getComputedStyle(node, "::before").borderLeftWidth !== "0px"), "there is a triangle");
      await opened(page);
      assert.ok(await page.locator("input[type=radio]").first().evaluate((node) => getComputedStyle(node).appearance === "auto"), "a radio button can be seen");
      await context.close();
      await router.stop();
    });
  }

  it("a question is answered with the keyboard alone", async () => {
    const home = busyHome();
    const router = await startRouter({ backend: home, withoutEvents: true });
    const { page, context } = await openTab(browser, {});
    await page.goto(router.url("approvals"));
    await page.getByRole("button", { name: "Block it", exact: true }).first().waitFor();
    for (let presses = 0; presses < 30 && !/^Block it$/.test(await page.evaluate("document.activeElement.textContent")); presses++)
      await page.keyboard.press("Tab");
    assert.notEqual(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none", "the focus can be seen");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Kitchen camera can no longer reach" }).waitFor();
    await context.close();
    await router.stop();
  });
});
