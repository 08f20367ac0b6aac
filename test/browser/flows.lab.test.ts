import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import type { DeviceView } from "../../src/operator/describe-device.ts";
import type { MitigationView } from "../../src/operator/describe-mitigation.ts";
import { labAddresses } from "../lab/lab.ts";
import { startAttack, type Attack, type AttackOptions } from "../lab/scene-attack.ts";
import { playScene, type Scene, type SceneOptions } from "../lab/scene.ts";
import { startUbusd, socketPath } from "../../packages/ubus-ts/test/start-ubusd.ts";
import { suiteLimit } from "../patience.ts";
import { until } from "../until.ts";
import { daemonBackend } from "./daemon-backend.ts";
import { browserMissing, openTab, phone, startBrowser } from "./start-browser.ts";
import { startRouter, type Router } from "./start-router.ts";

const { camera } = labAddresses;
/** Not the region for screen readers, which says the same. */
const seen = (page: Page, text: string | RegExp): Locator => page.getByText(text).and(page.locator(":not([role=status])")).first();
const hostileName = `<img src=x onerror=alert(1)>"'&`;

interface Stage {
  readonly scene: Scene;
  readonly page: Page;
  readonly router: Router;
  ask(mid: number, other?: AttackOptions): Promise<void>;
  repeat(mid: number): Promise<string>;
  stopAttacks(): Promise<void>;
  goTo(view: string): Promise<void>;
}

describe("the page, on the real daemon", { skip: browserMissing(), timeout: suiteLimit }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
  });

  /** A home under attack, its page in a browser, and what its provider asks. */
  const play = async (options: SceneOptions & { readonly withoutEvents?: boolean; readonly viewport?: typeof phone },
    act: (stage: Stage) => Promise<void>): Promise<void> => {
    const socket = socketPath();
    const ubusd = await startUbusd(socket.path);
    try {
      await playScene({ ...options, globals: { consent: "ask", ubus_socket: socket.path, ...options.globals } }, async (scene) => {
        const { daemon } = scene;
        const backend = daemonBackend(`${scene.lab.files.folder}/control.sock`, socket.path);
        const router = await startRouter({
          backend,
          configFile: daemon.configFile,
          applied: () => {
            daemon.signal("SIGHUP");
          },
          ...(options.withoutEvents ? { withoutEvents: true } : {}),
        });
        const { page, context, faults } = await openTab(browser, options.viewport ? { viewport: options.viewport } : {});
        const attacks: Attack[] = [];
        try {
          await act({
            scene,
            page,
            router,
            async ask(mid, other = {}) {
              const attack = await startAttack(scene.lab, { rate: 300, ...other });
              attacks.push(attack);
              assert.equal((await scene.put(mid, await attack.reported())).code, "2.01");
            },
            repeat: async (mid) => String((await scene.put(mid, await (attacks.at(-1) ?? assert.fail("no attack")).reported())).code),
            async stopAttacks() {
              await Promise.all(attacks.splice(0).map((attack) => attack.end()));
            },
            async goTo(view) {
              await page.goto(router.url(view));
            },
          });
          // LuCI itself reports invalid settings as an error of the script.
          assert.deepEqual(faults.filter((fault) => !fault.includes("contains an invalid input value")), []);
          assert.equal(await page.locator("#maincontent img").count(), 0, "no markup from the network");
        } finally {
          await Promise.all(attacks.map((attack) => attack.end()));
          await context.close();
          await router.stop();
          backend.close();
        }
      });
    } finally {
      await ubusd.stop();
      socket.remove();
    }
  };
  const mitigation = async ({ daemon }: Scene): Promise<MitigationView | undefined> => (await daemon.json("list") as MitigationView[])[0];
  const device = async ({ daemon }: Scene): Promise<DeviceView | undefined> => (await daemon.json("devices") as DeviceView[])[0];
  const name = camera.name;

  it("hears of a question at once, blocks it by a click, shows what is stopped, and undoes it", () =>
    play({}, async ({ scene, page, router, ask, repeat, goTo }) => {
      // Until the question is there nothing is polled: it can come by notification only.
      await page.addInitScript(
        "const every = window.setInterval; window.isPolling = false; window.setInterval = (work, ms) => every(() => { if (window.isPolling) work(); }, ms);",
      );
      await goTo("overview");
      await seen(page, "All quiet. No device in your home is known to attack anybody.").waitFor();
      await until("the page has subscribed", () => router.requests.includes("subscribe"));
      await ask(1);
      await page.getByRole("heading", { name: `${name} is attacking a stranger` }).waitFor();
      await page.evaluate("window.isPolling = true");
      assert.equal(await page.locator("#dch-calm").isVisible(), false);
      await seen(page, "We are sure it is this device: we saw its packets.").waitFor();
      await seen(page, /It (is|has been) sending [\d,.]+ packets a second to /).waitFor();
      await page.locator('[data-kind="asks"] path.dch-passed').waitFor({ state: "attached" });
      await page.getByRole("button", { name: "Block it", exact: true }).click();
      await page.getByRole("heading", { name: `${name} can no longer reach` }).waitFor();
      assert.deepEqual([(await mitigation(scene))?.state, (await mitigation(scene))?.action], ["active", "block"]);
      assert.match(await page.evaluate("document.activeElement.textContent"), /can no longer reach/, "the focus goes to what came of it");
      await seen(page, /[1-9][\d,]* packets stopped so far\. It still sends [\d,.]+ packets a second, and none gets through\./).waitFor();
      await seen(page, "Taken care of. Nothing waits for you.").waitFor();
      await page.locator('[data-kind="holds"] path.dch-stopped').waitFor({ state: "attached" });
      assert.equal(await page.locator(".dch-card[data-kind]").count(), 1, "one card for one thing");

      await page.getByRole("button", { name: `Undo: ${name}` }).click();
      await page.getByRole("heading", { name: `You let ${name} send to` }).waitFor();
      assert.equal(await seen(page, "All quiet").count(), 0, "it is not");
      await seen(page, "You undid the block. Your provider still asks you to stop it.").waitFor();
      await seen(page, /It (is sending|has been sending|sends again)/).waitFor();
      assert.equal((await mitigation(scene))?.outcome, "released");
      assert.equal(await repeat(2), "4.09", "the provider asks again, and hears no");
      await page.getByRole("button", { name: "Block it after all" }).click();
      await page.getByRole("heading", { name: `${name} can no longer reach` }).waitFor();
      assert.equal((await mitigation(scene))?.state, "active");
      await goTo("history");
      await seen(page, `You undid the block: ${name}`).waitFor();
      await seen(page, `You blocked ${name}`).waitFor();
    }));

  it("says when an attack has stopped by itself, and is quiet once the provider has withdrawn its request", () =>
    play({}, async ({ scene, page, ask, goTo, stopAttacks }) => {
      await ask(1);
      await goTo("overview");
      await seen(page, /It (is|has been) sending [\d,.]+ packets a second to /).waitFor();
      await stopAttacks();
      await seen(page, /It stopped by itself at \d\d:\d\d\. Until then it sent to /).waitFor();
      await page.getByRole("heading", { name: `${name} has attacked a stranger` }).waitFor();
      await page.getByRole("button", { name: "This is not an attack" }).click();
      await page.getByRole("heading", { name: `You let ${name} send to` }).waitFor();
      await scene.delete(1);
      await seen(page, "All quiet. No device in your home is known to attack anybody.").waitFor();
    }));

  it("denies by a click, on a phone, with the keyboard, and without server-sent events", () =>
    play({ withoutEvents: true, viewport: phone }, async ({ scene, page, ask, goTo }) => {
      await ask(1);
      await goTo("approvals");
      const button = page.getByRole("button", { name: "This is not an attack" });
      await button.waitFor();
      assert.ok(await page.evaluate<number>("document.documentElement.scrollWidth") <= phone.width, "nothing is wider than the phone");
      await button.focus();
      await page.keyboard.press("Enter");
      await seen(page, "You said that this is not an attack. Your provider was told, and still asks you to stop it.").waitFor();
      assert.match(await page.evaluate("document.activeElement.textContent"), new RegExp(`^You let ${name} send to `), "the focus goes to what came of it");
      assert.equal((await mitigation(scene))?.outcome, "denied");
      await page.getByRole("button", { name: "Block it after all" }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: `${name} can no longer reach` }).waitFor();
      assert.deepEqual([(await mitigation(scene))?.id, (await mitigation(scene))?.state], [1, "active"]);
    }));

  it("shows a question that nobody answered, and a device that is never asked about, as what they are; both can be blocked after all", () =>
    play({ globals: { consent_timeout: "1" } }, async ({ scene, page, ask, goTo }) => {
      await goTo("overview");
      await ask(1);
      await page.getByRole("heading", { name: `${name} may go on sending to` }).waitFor();
      await seen(page, "Nobody answered in time, so it was left alone.").waitFor();
      await page.getByRole("button", { name: "Block it after all" }).click();
      await page.getByRole("heading", { name: `${name} can no longer reach` }).waitFor();
      await scene.daemon.cli("policy", camera.mac, "never");
      await seen(page, "You chose never to be asked about this device. Your provider still asks you to stop it.").waitFor();
      assert.equal((await mitigation(scene))?.outcome, "rejected");
      await page.getByRole("button", { name: "Block it after all" }).click();
      await page.getByRole("heading", { name: `${name} can no longer reach` }).waitFor();
      assert.equal((await device(scene))?.policy, "ask");
      assert.equal(await page.locator(".dch-card[data-kind]").count(), 1);
    }));

  it("slows down for an hour and always, keeps what is chosen while figures move, and says so when somebody else was faster", () =>
    play({ more: `config device\n\toption mac '${camera.mac}'\n\toption name '${hostileName.replace("'", "")}'\n` }, async ({ scene, page, ask, goTo }) => {
      await ask(1);
      await goTo("approvals");
      const hostile = hostileName.replace("'", "");
      await page.getByRole("heading", { name: `${hostile} is attacking a stranger` }).waitFor();
      await seen(page, "More: slow it down").click();
      await page.getByLabel("Slow it down: a few packets", { exact: false }).check();
      await page.getByLabel("For an hour").check();
      await page.getByLabel("Always stop this device at once, without asking").check();
      await ask(2, { family: 6, port: 444, ports: "43000-43019" }); // the card is updated under the owner's hands
      await seen(page, "Your answer also holds for 1 more target of the same device.").waitFor(); // no news of its own: the question is the same
      assert.ok(await page.getByLabel("For an hour").isChecked(), "still chosen");
      await page.getByRole("button", { name: "Do this" }).click();
      await page.getByRole("heading", { name: `${hostile} is slowed down towards` }).waitFor();
      await seen(page, "Next time it is stopped at once").waitFor();
      assert.equal((await mitigation(scene))?.action, "limit");
      assert.equal((await device(scene))?.policy, "auto");
      assert.deepEqual((await scene.daemon.json("list") as MitigationView[]).map(({ state }) => state), ["active", "active"]);

      await goTo("devices");
      await page.getByRole("combobox").selectOption("ask");
      await seen(page, "You chose this.").waitFor();
      assert.equal((await device(scene))?.policy, "ask");
      await seen(page, "Blocked now.").waitFor();
      await page.getByRole("link", { name: "Overview" }).last().click();
      await page.getByRole("button", { name: /^Undo/ }).click();
      await page.getByRole("heading", { name: `You let ${hostile} send to` }).waitFor();
      assert.deepEqual((await scene.daemon.json("list") as MitigationView[]).map(({ outcome }) => outcome), ["released", "released"], "one Undo for one thing");
      await ask(3, { from: "laptop", port: 8080, ports: "42000-42019" });
      await goTo("approvals");
      await page.getByRole("button", { name: "Block it", exact: true }).waitFor();
      await page.route("**/ubus/**", async (route) => { // held back until another admin has decided
        if (route.request().postData()?.includes('"approve"')) await scene.daemon.cli("deny", "3");
        await route.continue();
      });
      await page.getByRole("button", { name: "Block it", exact: true }).click();
      const late = seen(page, "This was decided already, here or elsewhere.");
      await late.waitFor();
      await page.waitForTimeout(500);
      assert.ok(await late.isVisible(), "it stays, though the list was refreshed");
      assert.equal((await mitigation(scene))?.outcome, "denied");
    }));

  it("never asks about a device again, and changes settings", () =>
    play({}, async ({ scene, page, ask, goTo }) => {
      await ask(1);
      await goTo("approvals");
      await seen(page, "More: slow it down").click();
      await page.getByRole("button", { name: "Never ask about this device" }).click();
      await seen(page, "Nobody is asked about this device any more.").waitFor();
      assert.equal((await device(scene))?.policy, "never");
      assert.equal((await mitigation(scene))?.outcome, "denied");

      await goTo("settings");
      const timeout = page.locator("#cbi-dots-callhome-globals-consent_timeout input").first();
      assert.equal(await timeout.getAttribute("placeholder"), "15 minutes");
      await timeout.fill("99999 days");
      await timeout.dispatchEvent("change");
      await timeout.blur();
      const apply = page.locator(".cbi-page-actions .cbi-button-apply").first();
      await apply.click();
      await page.waitForTimeout(300);
      assert.doesNotMatch(readFileSync(scene.daemon.configFile, "utf8"), /99999|consent_timeout/, "not saved");
      await timeout.fill("5 minutes");
      await timeout.dispatchEvent("change");
      await page.locator("#cbi-dots-callhome-globals-consent select").first().selectOption("auto");
      const reloaded = scene.daemon.logged(/configuration reloaded/);
      if (await page.locator(".modal button, .modal .btn").count() > 0) await page.locator(".modal button, .modal .btn").first().click();
      await apply.click();
      await reloaded;
      const written = readFileSync(scene.daemon.configFile, "utf8");
      assert.match(written, /option consent_timeout '300'/);
      assert.match(written, /option consent 'auto'/);
      assert.match(written, /option psk_file '\/.*isp\.psk'/);

      await page.locator("#cbi-dots-callhome-isp-_psk input").fill("hex:00");
      await page.locator("#cbi-dots-callhome-isp-enabled input[type=checkbox]").uncheck();
      assert.equal(await page.locator("#cbi-dots-callhome-isp-host").isVisible(), false, "an address is needed only while the provider is switched on");
      const again = scene.daemon.logged(/configuration reloaded.*$/);
      await apply.click();
      await again;
      assert.match(readFileSync(scene.daemon.configFile, "utf8"), /option host '203\.0\.113\.1'/, "it is kept");
      assert.equal(await seen(page, "a shared secret of the lab").count(), 0, "secrets are never sent to the page");
    }));

  it("says what to do when the daemon is down, when the login has ended, and goes on by itself", () =>
    play({}, async ({ scene, page, router, ask, goTo }) => {
      await ask(1);
      await goTo("overview");
      await page.getByRole("button", { name: "Block it", exact: true }).waitFor();
      scene.daemon.signal("SIGTERM");
      await scene.daemon.ended;
      await seen(page, "The protection is not running").waitFor();
      assert.equal(await seen(page, "All quiet").isVisible(), false, "nothing green while nobody watches");
      scene.startDaemon();
      await seen(page, "The protection is not running").waitFor({ state: "hidden" });
      router.setSession("ended");
      await page.getByRole("button", { name: "Block it", exact: true }).click();
      await seen(page, "Session expired").waitFor();
      router.setSession("read");
      await goTo("approvals");
      await seen(page, "This login may look, but not decide.").waitFor();
      assert.ok(await page.getByRole("button", { name: "Block it", exact: true }).isDisabled());
      assert.equal((await mitigation(scene))?.state, "pending");
    }));
});
