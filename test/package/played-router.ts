import { execFile, execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const stubs = fileURLToPath(new URL("stub/", import.meta.url));
const builder = fileURLToPath(new URL("../../scripts/build-packages.mjs", import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that is the root of a router's disk, with the package unpacked; BusyBox is its shell and tools. */
export interface PlayedRouter {
  readonly root: string;
  /** Runs a script in it, in a network namespace of its own. */
  run(script: string): Promise<Ran>;
  read(path: string): string;
  write(path: string, text: string, mode?: number): void;
  /** What was logged since the last time. */
  log(): string[];
  /** What the init script told procd since the last time, a list of words a line. */
  procd(): string[][];
  remove(): void;
}

/** Builds the package into a folder; returns the file's path. */
export function buildPackage(folder: string, env: Readonly<Record<string, string>> = {}): string {
  execFileSync(process.execPath, [builder, "--out", folder], { env: { ...process.env, ...env }, stdio: "pipe" });
  const [file] = readdirSync(folder).filter((name) => /^dots-callhome_.*\.ipk$/.test(name));
  if (file === undefined) throw new Error("no package was built");
  return join(folder, file);
}

let built: string | undefined;

/** The package, built once for all routers of a test file. */
function packageOfAll(): string {
  if (built === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "dch-built-"));
    process.once("exit", () => {
      rmSync(folder, { recursive: true, force: true });
    });
    built = buildPackage(folder);
  }
  return built;
}

/** Unpacks a package with tar; returns the folders of its data and of its control files. */
export function unpackPackage(file: string, folder: string): { data: string; control: string; parts: string } {
  const at = { data: join(folder, "data"), control: join(folder, "control"), parts: join(folder, "parts") };
  for (const each of Object.values(at)) mkdirSync(each, { recursive: true });
  execFileSync("tar", ["xzf", file, "-C", at.parts]);
  execFileSync("tar", ["xzpf", join(at.parts, "data.tar.gz"), "-C", at.data]);
  execFileSync("tar", ["xzpf", join(at.parts, "control.tar.gz"), "-C", at.control]);
  return at;
}

export function playRouter({ jail = false }: { jail?: boolean } = {}): PlayedRouter {
  const work = mkdtempSync(join(tmpdir(), "dch-router-"));
  const { data: root } = unpackPackage(packageOfAll(), work);
  const write = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  };
  for (const folder of ["bin", "sbin", "usr/bin", "usr/sbin", "tmp/run", "proc", "dev", "host", "root"]) mkdirSync(join(root, folder), { recursive: true });
  symlinkSync("tmp", join(root, "var"));
  write("etc/passwd", `root:x:0:0:root:/root:/bin/ash\n${jail ? "dots-callhome:x:32768:32768::/var/run/dots-callhome:/bin/false\n" : ""}`);
  write("etc/group", `root:x:0:\n${jail ? "dots-callhome:x:32768:\n" : ""}`);
  write("etc/hosts", "127.0.0.1 localhost\n");
  for (const stub of ["uci", "logger"]) cpSync(join(stubs, stub), join(root, "sbin", stub));
  cpSync(join(stubs, "rc.common"), join(root, "etc/rc.common"));
  cpSync(join(stubs, "stub-config.sh"), join(root, "lib/stub-config.sh"));
  if (jail) cpSync(join(stubs, "ujail"), join(root, "sbin/ujail"));
  // The machine's own programs, through /host, where its disk is mounted while a script runs.
  for (const library of ["lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"]) {
    symlinkSync(`/host/${library}`, join(root, library));
  }
  for (const [tool, at] of [["nft", "usr/sbin"], ["conntrack", "usr/sbin"], ["setpriv", "usr/bin"], ["ip", "sbin"], ["bridge", "sbin"]] as const) {
    const found = execFileSync("sh", ["-c", `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`], { encoding: "utf8" }).trim();
    symlinkSync(`/host${realpathSync(found)}`, join(root, at, tool));
  }
  symlinkSync(`/host${realpathSync(process.execPath)}`, join(root, "usr/bin/node"));
  symlinkSync("/host/bin/busybox", join(root, "bin/busybox"));
  symlinkSync("/bin/busybox", join(root, "usr/bin/env"));
  for (const applet of execFileSync("busybox", ["--list"], { encoding: "utf8" }).trim().split("\n")) {
    if (!["ip", "logger", "uci"].includes(applet)) symlinkSync("/bin/busybox", join(root, "bin", applet));
  }

  const taken = (path: string): string[] => {
    let text = "";
    try {
      text = readFileSync(join(root, path), "utf8");
      rmSync(join(root, path));
    } catch { /* nothing was written */ }
    return text.split("\n").filter((line) => line !== "");
  };
  return {
    root,
    write,
    read: (path) => readFileSync(join(root, path), "utf8"),
    log: () => taken("log"),
    procd: () => taken("procd/message").map((line) => line.split("\t")),
    run: (script) =>
      new Promise((resolve) => {
        const enter = `mount --make-rprivate / && mount --rbind / ${root}/host && mount --rbind /proc ${root}/proc && mount --rbind /dev ${root}/dev
        exec chroot ${root} /bin/busybox ash -c "$1"`;
        execFile("unshare", ["--mount", "--net", "sh", "-c", enter, "sh", script], {
          env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
          timeout: 60_000,
        }, (error, stdout, stderr) => {
          resolve({ code: error ? typeof error.code === "number" ? error.code : 1 : 0, stdout, stderr });
        });
      }),
    remove: () => {
      rmSync(work, { recursive: true, force: true });
    },
  };
}

/** A provider in the configuration, and its key, as an owner would set it up. */
export function addProvider(router: PlayedRouter, options: Readonly<Record<string, string>> = {}): void {
  const values = { enabled: "1", host: "192.0.2.1", psk_identity: "cpe-0001", psk_file: "/etc/dots-callhome/isp.psk", ...options };
  const config = router.read("etc/config/dots-callhome").replace(/config upstream 'isp'[^]*?(?=\n\n)/,
    `config upstream 'isp'\n${Object.entries(values).map(([name, value]) => `\toption ${name} '${value}'\n`).join("")}`);
  router.write("etc/config/dots-callhome", config, 0o600);
  router.write("etc/dots-callhome/isp.psk", "a key that nobody else has\n", 0o600);
}
