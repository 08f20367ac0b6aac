import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { writeLabImage } from "./lab-image.ts";

/**
 * Runs tests in a virtual machine, on a kernel with flowtables: `run-in-vm.ts [--kernel SERIES] TEST…`. The processor is
 * emulated: that works everywhere, /dev/kvm inside another virtual machine often does not. ACCEL=kvm uses it.
 */
async function main(words: readonly string[]): Promise<number> {
  const began = Date.now();
  const series = words[0] === "--kernel" ? words[1] : undefined;
  const tests = series === undefined ? words : words.slice(2);
  const kernel = execFileSync(join(root, "test/offload/fetch-kernel.sh"), series === undefined ? [] : [series], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  }).trim();
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
/**
 * One processor: of several, QEMU 7.2 lets one run code that another is just patching, which the kernel's static keys and Node's compiler
 * do: a panic, or a Node that ends without a word. Without AVX, which is slow to emulate.
 */
const processor = ["-smp", "1", "-cpu", "Westmere"];
/** Ample for an emulated processor on a busy machine. */
const timeLimit = 1_800_000;

/** The exit status of the tests; 1 if the machine ends without a word, or not in time. */
async function runMachine(folder: string, kernel: string, tests: readonly string[]): Promise<number> {
  const status = join(folder, "status");
  const machine = spawn("qemu-system-x86_64", [
    "-nodefaults",
    "-no-user-config",
    "-no-reboot",
    "-display",
    "none",
    "-m",
    "1536",
    ...processor,
    "-accel",
    process.env["ACCEL"] ?? "tcg",
    "-kernel",
    kernel,
    "-initrd",
    join(folder, "image"),
    "-append",
    ["console=ttyS0", "quiet", "panic=-1", "mitigations=off", "random.trust_cpu=on", ...tests.map((test) => `test=${test}`)].join(" "),
    "-serial",
    "stdio",
    "-serial",
    `file:${status}`,
  ], { stdio: ["ignore", "pipe", "inherit"] });
  const limit = setTimeout(() => {
    console.error(`test-offload: not finished after ${timeLimit / 1000} s`);
    machine.kill("SIGKILL");
  }, timeLimit);
  const stop = (): void => {
    machine.kill("SIGKILL");
  };
  process.once("SIGINT", stop).once("SIGTERM", stop).once("exit", stop);
  createInterface({ input: machine.stdout }).on("line", (line) => {
    console.log(line.replace(/\r$/, ""));
  });
  await new Promise((resolve, reject) => machine.once("close", resolve).once("error", reject));
  clearTimeout(limit);
  const said = /^\d+/.exec(readFileSync(status, "utf8"))?.[0];
  return said === undefined ? 1 : Number(said);
}

process.exitCode = await main(process.argv.slice(2));
