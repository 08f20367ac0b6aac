import { openNoticePage } from "../../src/system/notice/notice-page.ts";
import { ask, freePort } from "../system/notice/notice-client.ts";
import { until } from "../until.ts";
import { seconds } from "../../src/model/time.ts";

/** The router's notice page, on loopback, for a device that is cut off or for one that is not. */
export async function startNotice(isCutOff = true): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const mac = "02:00:00:00:0a:01";
  const page = openNoticePage({
    visitors: { seenAs: () => mac, identify: (address) => Promise.resolve({ address, macs: isCutOff ? [mac] : [] }) },
    language: () => "en",
    log: () => undefined,
    port,
  });
  page.show([{ mac, addresses: [], timeout: seconds(600) }]);
  await until("it listens", () => ask(port).then(() => true, () => false));
  return { url: `http://127.0.0.1:${port}/`, stop: () => page.close() };
}
