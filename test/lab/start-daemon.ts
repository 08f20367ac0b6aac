import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { patience } from "../patience.ts";
import type { Lab } from "./lab.ts";
import { labAddresses } from "./lab.ts";
import { toolPath, type Finished } from "./namespace.ts";
import { watchLines } from "./watch-lines.ts";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
/** The bundle, for Node. */
export const daemonProgram = `${dist}dots-callhome.js`;
/** What runs the daemon and its command line, before their arguments; `native` is built by `make native`. */
export const runtimes = { node: [process.execPath, daemonProgram], native: [`${dist}dots-callhome`] } as const;
type Runtime = keyof typeof runtimes;
/** That of the environment's RUNTIME, or Node. */
export const chosenRuntime = readRuntime(process.env["RUNTIME"] ?? "node");
export const labPsk = { identity: "cpe-0001", key: "a shared secret of the lab" };

export interface DaemonOptions {
  /** Options of `config globals`, beside what the lab needs; of a list its entries. */
  readonly globals?: Readonly<Record<string, string | readonly string[]>>;
  /** Options of `config upstream 'isp'`, beside or instead of the lab's. */
  readonly upstream?: Readonly<Record<string, string>>;
  /** Further sections, as UCI text. */
  readonly more?: string;
  readonly psk?: string;
  /** A configuration that is there already, instead of all that. */
  readonly configFile?: string;
  readonly runtime?: Runtime;
  /** Options of Node, where it is Node that runs it. */
  readonly node?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A folder whose tools come before the system's. */
  readonly path?: string;
}

export interface Daemon {
  readonly log: readonly string[];
  readonly configFile: string;
  readonly stateFolder: string;
  readonly pid: number;
  logged(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** Runs the command line in the router. */
  cli(...args: readonly string[]): Promise<Finished>;
  /** The parsed output of a command with --json. */
  json(...args: readonly string[]): Promise<unknown>;
  signal(signal: "SIGTERM" | "SIGKILL" | "SIGHUP"): void;
  /** Its exit code, once it has ended. */
  ended: Promise<number | null>;
}

/** Writes the configuration of the lab's router into `lab.files.folder`. */
export function writeLabConfig(lab: Lab, options: DaemonOptions = {}): string {
  const folder = lab.files.folder;
  const psk = `${folder}/isp.psk`;
  writeFileSync(psk, `${options.psk ?? labPsk.key}\n`);
  chmodSync(psk, 0o600);
  mkdirSync(`${folder}/state`, { recursive: true });
  const globals = {
    consent: "auto",
    state_dir: `${folder}/state`,
    control_socket: `${folder}/control.sock`,
    ubus_socket: "",
    lan_device: "br-lan",
    wan_device: "wan",
    lease_file: lab.files.leases,
    log_level: "debug",
    ...options.globals,
  };
  const upstream = { host: labAddresses.isp.v4, transport: "udp", auth: "psk", psk_identity: labPsk.identity, psk_file: psk, ...options.upstream };
  const isList = (name: string): boolean => ["lan_device", "wan_device", "lease_file", "never_block", "source_scope"].includes(name);
  const lines = (values: Readonly<Record<string, string | readonly string[]>>): string =>
    Object.entries(values).flatMap(([name, value]) => [value].flat().map((each) => `\t${isList(name) ? "list" : "option"} ${name} '${each}'\n`)).join("");
  const file = `${folder}/config`;
  writeFileSync(file, `config globals 'globals'\n${lines(globals)}\nconfig upstream 'isp'\n${lines(upstream)}\n${options.more ?? ""}`);
  return file;
}

/** Runs the bundle as the router's daemon. */
export function startDaemon(lab: Lab, options: DaemonOptions = {}): Daemon {
  const configFile = options.configFile ?? writeLabConfig(lab, options);
  const before = [...Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(options.path === undefined ? [] : [`PATH=${options.path}:${toolPath}`])];
  const runtime = options.runtime ?? chosenRuntime;
  const [program, ...bundle] = runtimes[runtime];
  const child = lab.router.spawn("env", [...before, program, ...runtime === "node" ? options.node ?? [] : [], ...bundle, "run", "--config", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines = watchLines<string>();
  if (child.stderr)
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.add(line);
    });
  const ended = new Promise<number | null>((resolve) =>
    child.once("close", (code) => {
      lines.end(() => `the daemon has ended: ${lines.all.slice(-5).join("\n")}`);
      resolve(code);
    })
  );
  const cli: Daemon["cli"] = (...args) => lab.router.run(program, [...bundle, ...args, "--config", configFile]);
  return {
    log: lines.all,
    configFile,
    stateFolder: `${lab.files.folder}/state`,
    pid: child.pid ?? 0,
    logged: (pattern, timeoutMs = patience) => lines.until(`${String(pattern)} in the log`, (line) => pattern.test(line), { timeoutMs }),
    cli,
    async json(...args) {
      const { code, stdout, stderr } = await cli(...args, "--json");
      if (code !== 0) throw new Error(`${args.join(" ")}: exit ${code}: ${stderr}`);
      return JSON.parse(stdout) as unknown;
    },
    signal: (signal) => {
      child.kill(signal);
    },
    ended,
  };
}

function readRuntime(name: string): Runtime {
  if (name in runtimes) return name as Runtime;
  throw new Error(`RUNTIME is ${Object.keys(runtimes).join(" or ")}, not ${name}`);
}
