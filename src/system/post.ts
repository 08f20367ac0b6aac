import { RefusedDelivery } from "./outbox.ts";

const patience = 10_000; // milliseconds

/** POSTs a body. Rejects with RefusedDelivery where the receiver will never take it. Follows no redirection. */
export async function post(url: string, body: string, headers: Readonly<Record<string, string>>, ca: string | undefined): Promise<void> {
  // Only where there is somebody to tell: each takes memory.
  const { request: requestHttp } = await import("node:http");
  const { request: requestHttps } = await import("node:https");
  await new Promise<void>((resolve, reject) => {
    const options = {
      method: "POST", signal: AbortSignal.timeout(patience), agent: false as const,
      headers: { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(body)), "User-Agent": "dots-callhome", ...headers },
    };
    const request = new URL(url).protocol === "https:" ? requestHttps(url, { ...options, ...(ca === undefined ? {} : { ca }) }) : requestHttp(url, options);
    request.on("error", (error) => { reject(error.name === "AbortError" || error.name === "TimeoutError" ? new Error(`no answer within ${patience / 1000} s`) : error); });
    request.on("response", (response) => {
      const { statusCode = 0 } = response;
      response.on("error", reject);
      response.destroy(); // the body is of no interest
      if (statusCode >= 200 && statusCode < 300) resolve();
      else {
        const problem = `the server answers HTTP ${statusCode}`;
        reject(statusCode >= 300 && statusCode < 500 && statusCode !== 408 && statusCode !== 429 ? new RefusedDelivery(problem) : new Error(problem));
      }
    });
    request.end(body);
  });
}
