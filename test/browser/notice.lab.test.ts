import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { noticeWords } from "../../src/operator/notice-words.ts";
import { languages } from "../../src/operator/notification-words.ts";
import { suiteLimit } from "../patience.ts";
import { browserMissing, openTab, phone, startBrowser } from "./start-browser.ts";
import { startNotice } from "./start-notice.ts";

const missing = browserMissing();

describe("the notice page in a browser", { skip: missing === undefined ? false : `${missing} is needed`, timeout: suiteLimit }, () => {
  let browser: Browser;
  let notice: Awaited<ReturnType<typeof startNotice>>;
  before(async () => {
    browser = await startBrowser();
    notice = await startNotice();
  });
  after(async () => {
    await browser.close();
    await notice.stop();
  });

  for (const language of languages) {
    it(`is read in ${language}, on a small phone, without a scroll bar to the side`, async () => {
      const { page, context, faults } = await openTab(browser, {
        viewport: { width: 320, height: 568 },
        locale: language.replace("_", "-"),
        dark: language === "ja",
      });
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text())); // a style that the policy forbids is told here
      const response = await page.goto(`${notice.url}generate_204`);
      assert.equal(response?.status(), 200);
      assert.equal(await page.locator("h1").textContent(), noticeWords[language].heading);
      for (const text of [noticeWords[language].why, ...noticeWords[language].steps, noticeWords[language].trust])
        assert.ok(await page.getByText(text, { exact: true }).isVisible(), text);
      assert.ok(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"));
      assert.deepEqual([faults, complaints], [[], []]);
      await context.close();
    });
  }

  for (const [where, viewport, smallest] of [["a phone", phone, 16], ["a television", { width: 1920, height: 1080 }, 26]] as const) {
    for (const dark of [false, true]) {
      it(`can be read on ${where}, ${dark ? "dark" : "light"}: large enough, enough contrast, and all at once`, async () => {
        const { page, context } = await openTab(browser, { viewport, dark });
        await page.goto(notice.url);
        const { size, contrasts, fits } = await page.evaluate<{ size: number; contrasts: number[]; fits: boolean }>(measure);
        assert.ok(size >= smallest, `${size} px`);
        // WCAG 2.2, 1.4.3: 4.5 for text.
        assert.ok(contrasts.length > 5 && contrasts.every((each) => each >= 4.5), contrasts.join());
        assert.ok(fits, "no scrolling");
        await context.close();
      });
    }
  }

  it("says to a device that is not cut off that it is not", async () => {
    const other = await startNotice(false);
    const { page, context } = await openTab(browser, { viewport: phone });
    await page.goto(other.url);
    assert.equal(await page.locator("body").innerText(), `${noticeWords.en.notCutOff}\n\n${noticeWords.en.notCutOffText}`);
    await context.close();
    await other.stop();
  });
});

/** In the page: the size of its text, the contrast of each text to what is behind it, and whether all of it is to be seen. */
const measure = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((value) => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
  const light = (color) => { const [red, green, blue] = channels(color); return 0.2126 * red + 0.7152 * green + 0.0722 * blue; };
  const behind = light(getComputedStyle(document.querySelector("main")).backgroundColor);
  const contrasts = [...document.querySelectorAll("h1, h2, p, li")].map((each) => {
    const own = light(getComputedStyle(each).color);
    return (Math.max(own, behind) + 0.05) / (Math.min(own, behind) + 0.05);
  });
  const root = document.documentElement;
  return { size: parseFloat(getComputedStyle(document.querySelector("p")).fontSize), contrasts, fits: root.scrollHeight <= window.innerHeight };
})()`;
