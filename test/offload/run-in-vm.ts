import { execFileSync, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { writeLabImage } from "./lab-image.ts";

/**
 * Runs tests in a virtual machine, on a kernel with flowtables: `run-in-vm.ts [--kernel SERIES] TEST…`. With /dev/kvm it takes
 * seconds; without it the processor is emulated, some ten times slower. ACCEL=tcg emulates in any case.
 */
async function main(words: readonly string[]): Promise<number> {
  const began = Date.now();
  const series = words[0] === "--kernel" ? words[1] : undefined;
  const tests = series === undefined ? words : words.slice(2);
  const kernel = execFileSync(join(root, "test/offload/fetch-kernel.sh"), series === undefined ? [] : [series], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  mkdirSync(join(root, "build/offload"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/offload/run-"));
  try {
    const inside = await writeLabImage(join(folder, "image"), { root, kernel, tests });
    const status = await runMachine(folder, join(kernel, "vmlinuz"), inside);
    console.log(`test-offload: ${status === 0 ? "passed" : "FAILED"} after ${Math.round((Date.now() - began) / 1000)} s`);
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** Ample for an emulated processor on a busy machine. */
const timeLimit = 900_000;

/** The exit status of the tests; 1 if the machine ends without a word, or not in time. */
async function runMachine(folder: string, kernel: string, tests: readonly string[]): Promise<number> {
  const emulated = process.env["ACCEL"] === "tcg" || !hasKvm();
  console.log(`test-offload: a virtual machine, ${emulated ? "emulated (there is no /dev/kvm)" : "by /dev/kvm"}`);
  const status = join(folder, "status");
  const machine = spawn("qemu-system-x86_64", [
    "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-m", "1536", "-smp", "2",
    ...emulated ? ["-accel", "tcg,thread=multi"] : ["-accel", "kvm"], "-cpu", "max",
    "-kernel", kernel, "-initrd", join(folder, "image"),
    "-append", ["console=ttyS0", "quiet", "panic=-1", "mitigations=off", "random.trust_cpu=on", ...tests.map((test) => `test=${test}`)].join(" "),
    "-serial", "stdio", "-serial", `file:${status}`,
  ], { stdio: ["ignore", "pipe", "inherit"] });
  const limit = setTimeout(() => {
    console.error(`test-offload: not finished after ${timeLimit / 1000} s`);
    machine.kill("SIGKILL");
  }, timeLimit);
  const stop = (): void => { machine.kill("SIGKILL"); };
  process.once("SIGINT", stop).once("SIGTERM", stop).once("exit", stop);
  createInterface({ input: machine.stdout }).on("line", (line) => { console.log(line.replace(/\r$/, "")); });
  await new Promise((resolve, reject) => machine.once("close", resolve).once("error", reject));
  clearTimeout(limit);
  const said = /^\d+/.exec(readFileSync(status, "utf8"))?.[0];
  return said === undefined ? 1 : Number(said);
}

function hasKvm(): boolean {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

process.exitCode = await main(process.argv.slice(2));
