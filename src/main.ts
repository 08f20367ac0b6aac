import { readFileSync } from "node:fs";
import manifest from "../package.json" with { type: "json" };
import { parseArguments, type CallCommand } from "./cli/parse-arguments.ts";
import { render } from "./cli/render.ts";
import { findControlSocket } from "./config/config.ts";
import { escapeLines } from "./text/escape-text.ts";
import type { LoadedConfig } from "./daemon/loaded-config.ts";
import { thisRouter } from "./daemon/router.ts";
import { loadConfig } from "./daemon/load-config.ts";
import { setUp } from "./daemon/set-up.ts";
import { runDaemon } from "./daemon/run-daemon.ts";
import { loadDtls } from "./system/dial/load-dtls.ts";
import { absentDevices } from "./system/home/absent-devices.ts";
import { callDaemon } from "./system/operator/control-client.ts";
import { ControlSocketError } from "./system/operator/control-socket.ts";
import { openLog, type LogLevel } from "./system/process/log.ts";
import { steadyClock, systemClock as clock } from "./system/process/system-clock.ts";
import { errorText } from "./text/error-text.ts";
import { milliseconds } from "./model/time.ts";

const exit = { fine: 0, failed: 1, wrong: 2 } as const;
/** A lookup walks the whole connection table of a small router. */
const callTimeout = milliseconds(30_000);
/** procd kills after 10 s. */
const longestStop = 5_000; // milliseconds

async function main(argv: readonly string[]): Promise<number> {
  const command = parseArguments(argv);
  switch (command.is) {
    case "usage-error":
      return complain([command.message], exit.wrong);
    case "help":
      return print(command.text);
    case "version":
      return print(manifest.version);
    case "check":
      return check(command.configFile);
    case "setup":
      return print(JSON.stringify(setUp(readFileSync(0, "utf8"), command.configFile, clock.now())));
    case "run":
      return run(command.configFile);
    case "call":
      return call(command);
  }
}

/** Reads the configuration and every file that it names. */
function load(file: string): LoadedConfig | { readonly problems: readonly string[] } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { problems: [`${file}: cannot be read (${errorText(error)}); give another one with --config FILE`] };
  }
  const loaded = loadConfig(text, file, clock.now());
  return "problems" in loaded ? { problems: loaded.problems.map(({ line }) => line) } : loaded;
}

function check(file: string): number {
  const loaded = load(file);
  if ("problems" in loaded) return complain(loaded.problems, exit.wrong);
  const { wanDevices, lanDevices, upstreams } = loaded.config;
  const bound = upstreams.flatMap(({ bindDevice }) => bindDevice ?? []);
  const absent = [["wan_device", wanDevices] as const, ["lan_device", lanDevices] as const, ["bind_device", bound] as const].flatMap(([option, names]) =>
    absentDevices(names).map((name) => `${file}: ${option} '${name}' does not exist on this router`)
  );
  for (const warning of [...loaded.warnings, ...absent]) process.stderr.write(`warning: ${warning}\n`);
  return print(`${file}: fine, ${loaded.config.upstreams.length} upstream${loaded.config.upstreams.length === 1 ? "" : "s"}`);
}

async function run(file: string): Promise<number> {
  const dtls = loadDtls(); // compiled by another thread, while the configuration is read
  dtls.catch(() => undefined); // told below
  // From the first moment on: as process 1 of a jail this hears no signal without a handler, and elsewhere SIGHUP would be its end.
  const stopping = new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, resolve);
  });
  const hangUp = {
    early: false,
    answer: (): void => {
      hangUp.early = true;
    },
  };
  process.on("SIGHUP", () => {
    hangUp.answer();
  });
  const loaded = load(file);
  if ("problems" in loaded) return complain(loaded.problems, exit.wrong);
  let level: LogLevel = loaded.config.logLevel;
  const log = openLog(process.stderr, clock, () => level);
  for (const warning of loaded.warnings) log("warn", warning);
  // What slips through everywhere else must not end the protection of the home.
  process.on("unhandledRejection", (error) => {
    log("error", `internal: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  });
  try {
    const daemon = runDaemon({ version: manifest.version, first: loaded, router: thisRouter(await dtls), log });
    hangUp.answer = () => {
      const next = load(file);
      if ("problems" in next) {
        for (const problem of next.problems) log("error", `not reloaded: ${problem}`);
        return;
      }
      for (const warning of next.warnings) log("warn", warning);
      daemon.reload(next).then(() => {
        level = next.config.logLevel;
      }, (error: unknown) => {
        log("error", `not reloaded: ${errorText(error)}`);
      });
    };
    if (hangUp.early) hangUp.answer();
    await Promise.race([stopping, daemon.started]); // one that cannot start says so
    await stopping;
    // Whatever still keeps this process, procd is not to have to kill it.
    setTimeout(() => {
      process.exit(exit.fine);
    }, longestStop).unref();
    await daemon.stop();
    log("info", "stopped; existing blocks stay until they expire");
    return exit.fine;
  } catch (error) {
    return complain([error instanceof ControlSocketError ? error.message : `cannot run: ${errorText(error)}`], exit.failed);
  }
}

async function call(command: CallCommand): Promise<number> {
  let text = "";
  try {
    text = readFileSync(command.configFile, "utf8");
  } catch { /* the default socket then: the daemon has the last word on who may */ }
  const path = findControlSocket(text);
  const reply = await callDaemon(path, command.method, command.params, { clock: steadyClock, timeout: callTimeout, who: currentUser() });
  if ("error" in reply) return complain([escapeLines(reply.error.message)], reply.error.code === "bad-params" ? exit.wrong : exit.failed);
  print(render(command, reply.result, clock.now()));
  return command.name === "test" && "delivered" in reply.result && reply.result.delivered === false ? exit.failed : exit.fine;
}

/** For the log and the history: `root`, or `alice (as root)` through sudo. */
function currentUser(): string {
  const { SUDO_USER: before, USER: name } = process.env;
  const user = process.getuid?.() === 0 ? "root" : name ?? `uid ${process.getuid?.() ?? "?"}`;
  return before === undefined || before === user ? user : `${before} (as ${user})`;
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return exit.fine;
}

function complain(messages: readonly string[], code: number): number {
  for (const message of messages) process.stderr.write(`dots-callhome: ${message}\n`);
  return code;
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
}, (error: unknown) => {
  process.exitCode = complain([errorText(error)], exit.failed);
});
