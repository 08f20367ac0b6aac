import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { ago, kitchenCamera, question, scriptedHome } from "./scripted-home.ts";
import { browserMissing, desktop, openTab, phone, startBrowser } from "./start-browser.ts";
import { startNotice } from "./start-notice.ts";
import { startRouter, type RouterOptions } from "./start-router.ts";

/** Writes docs/pictures: the page in the stand-in for LuCI (or in LuCI itself, with LUCI=), with a scripted daemon. */
const folder = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));
mkdirSync(folder, { recursive: true });
const missing = browserMissing();
if (missing !== undefined) throw new Error(`${missing} is needed`);

const asking = scriptedHome();
asking.mitigations = [question(17)];
asking.traffic = { 17: [[180, 1_240, 1_240]] };
const alone = scriptedHome();
alone.mitigations = [question(17, { state: "ended", outcome: "released", left_alone: { why: "undone", until: ago(-3_000) } })];
alone.traffic = { 17: [[130, 1_240, 1_240], [90, 1_210, 0], [60, 1_200, 1_200]] };
const blocked = scriptedHome();
blocked.traffic = { 17: [[150, 1_240, 1_240], [80, 1_210, 0]] };
blocked.mitigations = [question(17, { state: "active", status: 2, dropped: { packets: 74_511, bytes: 40_000_000 } })];
const quiet = scriptedHome();
const down = scriptedHome();
down.upstreams = [{
  name: "isp",
  state: "backing-off",
  transport: null,
  peer: null,
  since: ago(600),
  last_error: "connect ECONNREFUSED 203.0.113.1:4647",
  sessions: 3,
}];
const lived = scriptedHome();
lived.devices = [
  {
    mac: "00:1d:c0:4f:7a:23",
    name: "Kitchen camera",
    vendor: null,
    addresses: ["192.168.1.23"],
    port: "lan1",
    policy: "ask",
    policy_from: "default",
    requests: 3,
    last_request_at: ago(7200),
    stopped_by: [17],
  },
  {
    mac: "b8:27:eb:12:34:56",
    name: "Doorbell",
    vendor: "Raspberry Pi Foundation",
    addresses: ["192.168.1.31"],
    port: 'Wi-Fi "home"',
    policy: "never",
    policy_from: "owner",
    requests: 1,
    last_request_at: ago(90_000),
    stopped_by: [],
  },
];
const entry = {
  by: "owner",
  who: "root",
  via: "ubus",
  mitigation: 16,
  upstream: "isp",
  outcome: null,
  action: "block",
  devices: [{ mac: kitchenCamera.mac, name: "Kitchen camera" }],
  target: ["198.51.100.9/32"],
  dropped: null,
  reason: "",
} as const;
lived.history = [
  { ...entry, at: ago(300), event: "ended", by: "upstream", who: null, via: null, outcome: "withdrawn", dropped: { packets: 74_511, bytes: 40_000_000 } },
  { ...entry, at: ago(3_000), event: "approved" },
  { ...entry, at: ago(90_000), event: "denied", devices: [{ mac: null, name: "Doorbell" }], mitigation: 12 },
];

const config = mkdtempSync(join(tmpdir(), "dch-pictures-"));
const configFile = join(config, "dots-callhome");
writeFileSync(configFile,
  "config globals 'globals'\n\toption enabled '1'\n\toption consent 'ask'\n\nconfig upstream 'isp'\n\toption enabled '1'\n\toption host 'dots.isp.example'\n\toption psk_identity 'cpe-0001'\n\toption psk_file '/etc/dots-callhome/isp.psk'\n");

interface Picture {
  readonly name: string;
  readonly view: string;
  readonly router: RouterOptions;
  readonly phone?: true;
  readonly dark?: true;
  readonly locale?: string;
  readonly act?: (page: Page) => Promise<void>;
  readonly height?: number;
}
const openMore = async (page: Page): Promise<void> => {
  await page.locator("summary").first().click();
};
const pictures: readonly Picture[] = [
  { name: "overview-quiet", view: "overview", router: { backend: quiet } },
  { name: "overview-question", view: "overview", router: { backend: asking } },
  { name: "overview-question-dark", view: "overview", router: { backend: asking }, dark: true },
  { name: "overview-blocked", view: "overview", router: { backend: blocked }, height: 480 },
  { name: "overview-left-alone", view: "overview", router: { backend: alone }, height: 520 },
  { name: "overview-provider-down", view: "overview", router: { backend: down } },
  { name: "phone-question", view: "approvals", router: { backend: asking }, phone: true },
  { name: "phone-question-dark", view: "approvals", router: { backend: asking }, phone: true, dark: true },
  { name: "phone-more", view: "approvals", router: { backend: asking }, phone: true, act: openMore, height: 1500 },
  { name: "devices", view: "devices", router: { backend: lived } },
  { name: "history", view: "history", router: { backend: lived } },
  { name: "first-run", view: "overview", router: { backend: { ...quiet, call: () => Promise.resolve(undefined) }, isFresh: true }, height: 640 },
  { name: "settings", view: "settings", router: { backend: quiet, configFile } },
  ...(["de", "es", "zh_Hans", "ja"] as const).map((language): Picture => ({
    name: `phone-question-${language}`,
    view: "approvals",
    router: { backend: asking, language },
    phone: true,
    locale: language.replace("_", "-"),
  })),
];

const only = process.argv.slice(2);
const browser = await startBrowser();
try {
  await Promise.all([0, 1].map(async (lane) => {
    for (const [at, picture] of pictures.entries()) {
      if (at % 2 !== lane || (only.length > 0 && !only.includes(picture.name))) continue;
      const router = await startRouter(picture.router);
      const size = picture.phone ? phone : { ...desktop, width: 900, height: 560 };
      const { page, context, faults } = await openTab(browser, {
        viewport: { ...size, height: picture.height ?? size.height },
        dark: picture.dark === true,
        locale: picture.locale ?? "en-GB",
      });
      await page.goto(router.url(picture.view));
      await page.locator(".dch-card:visible, .dch-line:visible, .dch-list > li, .cbi-map input").first().waitFor();
      await picture.act?.(page);
      await page.waitForTimeout(200);
      const file = join(folder, `${picture.name}.png`);
      await page.screenshot({ path: file });
      console.log(`${file} ${Math.round(statSync(file).size / 1024)} KB${faults.length > 0 ? ` FAULTS ${faults.join("; ")}` : ""}`);
      await context.close();
      await router.stop();
    }
  }));
  if (only.length === 0 || only.includes("notice")) {
    const notice = await startNotice();
    const { page, context } = await openTab(browser, { viewport: phone });
    await page.goto(notice.url);
    await page.screenshot({ path: join(folder, "notice.png") });
    await context.close();
    await notice.stop();
  }
} finally {
  await browser.close();
  rmSync(config, { recursive: true });
}
