import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { patience } from "../patience.ts";

const program = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** What the browser tests lack here, in words; undefined if they can run. */
export function browserMissing(): string | undefined {
  return existsSync(program) ? undefined : `${program} (Debian: chromium)`;
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync"],
  });
}

export const desktop = { width: 1100, height: 780 };
export const phone = { width: 360, height: 740 };

export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, and requests that left the router: there are to be none. */
  readonly faults: readonly string[];
}

export async function openTab(browser: Browser,
  options: { readonly viewport?: { width: number; height: number }; readonly dark?: boolean; readonly locale?: string } = {}): Promise<Tab> {
  const context = await browser.newContext({
    viewport: options.viewport ?? desktop,
    colorScheme: options.dark ? "dark" : "light",
    locale: options.locale ?? "en-GB",
    timezoneId: "Europe/Berlin",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!/^(http:\/\/127\.0\.0\.1|data:)/.test(request.url())) faults.push(`asks ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, context, faults };
}
