import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NotifyConfig } from "../../../src/config/config.ts";

const script = fileURLToPath(new URL("notifier-under-abuse.ts", import.meta.url));

export interface NotifierUnderTest {
  /** What it logs, so far. */
  readonly lines: string[];
  until(line: RegExp): Promise<void>;
  /** Megabytes, at the most since it began. */
  peak(): number;
  stop(): void;
}

/** A notifier alone in a process. Resolves once its memory has been read. */
export async function startNotifier(config: Partial<NotifyConfig> & Pick<NotifyConfig, "type" | "url">): Promise<NotifierUnderTest> {
  const whole: NotifyConfig = {
    name: "phone",
    username: null,
    passwordFile: null,
    caFile: null,
    topicPrefix: "dots",
    homeassistant: false,
    commands: false,
    language: "en",
    page: null,
    events: ["request", "blocked", "ended", "upstream_down", "upstream_up"],
    ...config,
  };
  const child = spawn(process.execPath, ["--import", "tsx", script, JSON.stringify(whole)], { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let peak = 0;
  let heard = (): void => undefined;
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    heard();
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      peak = Number(line) / 1e6;
      resolve();
    });
    child.once("exit", () => {
      reject(new Error(`the notifier has ended: ${lines.join("\n")}`));
    });
  });
  return {
    lines,
    peak: () => peak,
    stop: () => {
      child.kill("SIGKILL");
    },
    until: (wanted) =>
      new Promise((resolve) => {
        heard = () => {
          if (lines.some((line) => wanted.test(line))) resolve();
        };
        heard();
      }),
  };
}
