import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { toolPath } from "../lab/namespace.ts";
import { writeCpio, type Entry } from "./write-cpio.ts";

/** What runs in the machine, from this one. */
const tools = ["ip", "bridge", "nft", "conntrack", "sysctl", "ping", "modprobe", "busybox"];
/** Of busybox. */
const applets = ["sh", "cat", "dmesg", "env", "false", "ls", "mkdir", "mount", "poweroff", "rm", "sleep", "stty", "tail", "true", "uname"];
/** What the lab would build with them was built before. */
const builders = ["make", "cc"];
/** The lab's programs, the daemon, and the rules that the lab loads, at the same places as in this tree. */
const partsOfTree = ["dist", "build/lab", "build/peer", "test/lab", "test/offload", "test/golden"];
const isPart = /\.(js|json|wasm|txt|nft)$|\/build\/(lab|peer)\/[a-z-]+$/;
/** Modules that a router's network needs; what they depend on comes along. */
const isWanted = /^kernel\/(net\/(netfilter|ipv4|ipv6|bridge|8021q|packet|sched)\/|drivers\/net\/(veth|dummy|ppp\/))/;

/**
 * Writes an initramfs with the kernel's modules, the tools and tests, and all that they load: the machine needs no disk, and sees
 * nothing of this one. Returns where the tests lie in it.
 */
export async function writeLabImage(image: string,
  { root, kernel, tests }: { readonly root: string; readonly kernel: string; readonly tests: readonly string[] }): Promise<string[]> {
  const entries = new Map<string, Entry>();
  const programs = [...tools.map(findTool), process.execPath, ...["openssl", "gnutls"].map((library) => join(root, `build/peer/peer-${library}`))];
  for (const program of [...tools.map(findTool), process.execPath]) entries.set(`usr/bin/${basename(program)}`, { is: "file", from: program, mode: 0o755 });
  for (const applet of applets) entries.set(`usr/bin/${applet}`, { is: "link", to: "busybox" });
  for (const builder of builders) entries.set(`usr/bin/${builder}`, { is: "text", text: "#!/bin/sh\nexit 0\n", mode: 0o755 });
  for (const folder of ["bin", "sbin"]) entries.set(folder, { is: "link", to: "usr/bin" });
  for (const library of new Set(programs.flatMap(librariesOf))) entries.set(library.slice(1), { is: "file", from: library, mode: 0o755 });
  for (const file of ["/etc/protocols", "/etc/services"]) if (existsSync(file)) entries.set(file.slice(1), { is: "file", from: file });
  for (const folder of ["dev", "proc", "sys", "run", "tmp"]) entries.set(folder, { is: "folder" });
  entries.set("init", { is: "file", from: join(root, "test/offload/init.sh"), mode: 0o755 });
  for (const [path, from] of modulesOf(kernel)) entries.set(path, { is: "file", from });
  for (const folder of partsOfTree)
    for (const name of readdirSync(join(root, folder))) {
      const from = join(root, folder, name);
      if (isPart.test(from)) entries.set(`lab/${folder}/${name}`, { is: "file", from, mode: 0o755 });
    }
  const bundled = await bundleTests(root, tests);
  for (const [path, text] of bundled) entries.set(`lab/${path}`, { is: "text", text });
  entries.set("lab/package.json", { is: "text", text: '{ "type": "module" }\n' });
  writeCpio(image, entries);
  return [...bundled.keys()].map((path) => `/lab/${path}`);
}

/**
 * Each in one file, for plain Node: an emulated machine takes long to compile TypeScript. All lie in test/lab, for that is where the
 * lab looks for its rules.
 */
async function bundleTests(root: string, tests: readonly string[]): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [...tests],
    outdir: join(root, "test/lab"),
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return new Map(outputFiles.map(({ path, text }) => [path.slice(root.length + 1), text]));
}

function findTool(name: string): string {
  const found = toolPath.split(":").map((folder) => join(folder || ".", name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not installed here`);
  return found;
}

/** The loader among them. Of a program that loads none, ldd fails. */
function librariesOf(program: string): string[] {
  try {
    const output = execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return output.split("\n").flatMap((line) => /(?:=> |^\s*)(\/\S+) \(/.exec(line)?.[1] ?? []);
  } catch {
    return [];
  }
}

function* modulesOf(kernel: string): Generator<[path: string, from: string]> {
  const [version = ""] = readdirSync(join(kernel, "lib/modules"));
  const folder = join(kernel, "lib/modules", version);
  for (const name of readdirSync(folder)) if (name.startsWith("modules.")) yield [`lib/modules/${version}/${name}`, join(folder, name)];
  // Each line: a module, a colon, and all that it depends on.
  const lines = readFileSync(join(folder, "modules.dep"), "utf8").split("\n").filter((line) => isWanted.test(line));
  for (const path of new Set(lines.flatMap((line) => line.replace(":", "").split(" ")))) yield [`lib/modules/${version}/${path}`, join(folder, path)];
}
