import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startUbusd, socketPath } from "../../packages/ubus-ts/test/start-ubusd.ts";
import { labAddresses } from "../lab/lab.ts";
import { startAttack } from "../lab/scene-attack.ts";
import { playScene, type Scene } from "../lab/scene.ts";
import { daemonProgram, labPsk } from "../lab/start-daemon.ts";
import { suiteLimit } from "../patience.ts";
import { daemonBackend } from "./daemon-backend.ts";
import { scriptedHome } from "./scripted-home.ts";
import { browserMissing, openTab, phone, startBrowser } from "./start-browser.ts";
import { startRouter } from "./start-router.ts";

/** A router on which nothing is set up: no provider, no key, no daemon. What runs its commands is the real program. */
async function onFreshRouter(browser: Browser, act: (at: { scene: Scene; page: Page; configFile: string; heard: string[] }) => Promise<void>): Promise<void> {
  const socket = socketPath();
  const ubusd = await startUbusd(socket.path);
  try {
    await playScene({ without: ["daemon"] }, async (scene) => {
      const { folder, leases } = scene.lab.files;
      const configFile = `${folder}/config`;
      const program = `${folder}/bin`;
      mkdirSync(program);
      writeFileSync(`${program}/dots-callhome`, `#!/bin/sh\nexec ${process.execPath} ${daemonProgram} "$@" --config ${configFile}\n`);
      chmodSync(`${program}/dots-callhome`, 0o755);
      writeFileSync(configFile,
        `config globals 'globals'\n\toption state_dir '${folder}/state'\n\toption control_socket '${folder}/control.sock'\n\toption ubus_socket '${socket.path}'\n\tlist lan_device 'br-lan'\n\tlist wan_device 'wan'\n\tlist lease_file '${leases}'\n`);
      const backend = daemonBackend(`${folder}/control.sock`, socket.path);
      let isStarted = false;
      // What procd does at its reload trigger.
      const applied = (): void => {
        if (!isStarted) scene.startDaemon({ configFile });
        isStarted = true;
      };
      const router = await startRouter({ backend, configFile, applied, program });
      const { page, context, faults } = await openTab(browser, { viewport: phone });
      const heard: string[] = [];
      page.on("response", (response) => {
        response.text().then((text) => heard.push(text), () => undefined);
      });
      try {
        await page.goto(router.url("overview"));
        await act({ scene, page, configFile, heard });
        assert.deepEqual(faults, []);
      } finally {
        await context.close();
        await router.stop();
        backend.close();
      }
    });
  } finally {
    await ubusd.stop();
    socket.remove();
  }
}

describe("the first ten minutes, on a phone and without a shell", { skip: browserMissing(), timeout: suiteLimit }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
  });

  it("lead from an empty configuration to the first blocked attack", () =>
    onFreshRouter(browser, async ({ scene, page, configFile, heard }) => {
      await page.getByRole("heading", { name: "Step 1 of 3: your internet provider" }).waitFor();
      assert.equal(await page.getByText("The protection is not running", { exact: false }).count(), 0, "there is nothing to run yet");
      await page.getByLabel("Find the address automatically").check();
      assert.equal(await page.getByLabel("Address", { exact: true }).isVisible(), false, "there is nothing to type then");
      await page.getByLabel("Find the address automatically").uncheck();
      await page.getByLabel("Address", { exact: true }).fill("192.0.2.256");
      await page.getByRole("button", { name: "Check and go on" }).click();
      assert.equal(await page.getByText("Your provider gave you this.").count(), 2, "identity and key are missing");
      await page.getByLabel("Identity").fill(labPsk.identity);
      await page.getByLabel("Key", { exact: true }).fill("hex:not-a-number");
      await page.getByRole("button", { name: "Check and go on" }).click();
      await page.getByText("expected pairs of hexadecimal digits after hex:").waitFor();
      await page.getByLabel("Key", { exact: true }).fill(labPsk.key);
      await page.getByRole("button", { name: "Check and go on" }).click();
      await page.getByText("'192.0.2.256' is not a host, expected a name such as dots.isp.example or an IP address").waitFor();
      await page.getByLabel("Address", { exact: true }).fill(labAddresses.isp.v4);
      await page.getByRole("button", { name: "Check and go on" }).click();

      await page.getByRole("heading", { name: "Step 2 of 3: what happens when a device is reported" }).waitFor();
      assert.ok(await page.getByLabel("Ask me. Nothing is blocked before I answer.").isChecked());
      assert.ok(await page.evaluate<number>("document.documentElement.scrollWidth") <= phone.width, "nothing is wider than the phone");
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByRole("heading", { name: "Step 3 of 3: messages to your phone" }).waitFor();
      await page.getByRole("button", { name: "Switch it on" }).click();

      await page.getByText("Connected with “isp”").waitFor();
      await page.getByText("All quiet. No device in your home is known to attack anybody.").waitFor();
      const attack = await startAttack(scene.lab, { rate: 300 });
      assert.equal((await scene.put(1, await attack.reported())).code, "2.01");
      await page.getByRole("button", { name: "Block it", exact: true }).click();
      await page.getByRole("heading", { name: `${labAddresses.camera.name} can no longer reach` }).waitFor();
      await page.getByText("and none gets through.", { exact: false }).first().waitFor();
      await attack.end();

      const key = `${scene.lab.files.folder}/state/isp.psk`;
      assert.deepEqual([readFileSync(key, "utf8"), statSync(key).mode & 0o777], [`${labPsk.key}\n`, 0o600]);
      const written = readFileSync(configFile, "utf8");
      assert.match(written, /option psk_file '.*\/state\/isp\.psk'/);
      assert.doesNotMatch(`${written}\n${heard.join("\n")}`, new RegExp(labPsk.key), "the key is in no setting, and no answer to the page");
    }));

  it("take certificates, write down where messages go, and can be gone through again", async () => {
    await onFreshRouter(browser, async ({ page, configFile }) => {
      await page.getByLabel("Address", { exact: true }).fill(labAddresses.isp.v4);
      await page.getByLabel("With certificates").check();
      const file = (name: string, text: string): { name: string; mimeType: string; buffer: Buffer } => ({
        name,
        mimeType: "application/x-pem-file",
        buffer: Buffer.from(text),
      });
      await page.getByLabel("Your provider’s authority").setInputFiles(file("ca.pem", "not PEM"));
      await page.getByLabel("The router’s certificate").setInputFiles(file("router.pem", "not PEM"));
      await page.getByLabel("The router’s private key").setInputFiles(file("router.key", "not PEM"));
      await page.getByRole("button", { name: "Check and go on" }).click();
      await page.getByText("there is no certificate in it, expected PEM with a certificate (-----BEGIN CERTIFICATE-----)").waitFor();
      await page.getByLabel("With a key").check();
      await page.getByLabel("Identity").fill(labPsk.identity);
      await page.getByLabel("Key", { exact: true }).fill(labPsk.key);
      await page.getByRole("button", { name: "Check and go on" }).click();
      await page.getByLabel("Block it at once").check();
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByRole("button", { name: "Back" }).click();
      assert.ok(await page.getByLabel("Block it at once").isChecked(), "what was chosen is kept");
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByLabel("To my phone, with the free app ntfy").check();
      const topic = await page.getByLabel("Topic").inputValue();
      assert.match(topic, /^https:\/\/ntfy\.sh\/home-[0-9a-z]{24}$/);
      await page.getByRole("button", { name: "Switch it on" }).click();
      await page.getByText("Connected with “isp”").waitFor();
      const written = readFileSync(configFile, "utf8");
      assert.match(written, new RegExp(`config notify 'phone'\n\toption type 'ntfy'\n\toption url '${topic}'\n\toption page 'http://127\\.0\\.0\\.1:\\d+'`));
      assert.match(written, /option consent 'auto'/);
    });
  });

  it("are not for a login that may only look", async () => {
    const router = await startRouter({ backend: { ...scriptedHome(), call: () => Promise.resolve(undefined) }, isFresh: true });
    router.setSession("read");
    const { page, context } = await openTab(browser, {});
    await page.goto(router.url("overview"));
    await page.getByText("No internet provider is set up yet. Log in as an administrator to do it.").waitFor();
    await context.close();
    await router.stop();
  });
});
