// The package as a file: what is in it, how it is owned, and that it is built the same every time.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { apkOf } from "../../scripts/write-apk.mjs";
import { buildPackage, unpackPackage } from "./played-router.ts";
import { readApk } from "./read-apk.ts";

const work = mkdtempSync(join(tmpdir(), "dch-package-"));
after(() => {
  rmSync(work, { recursive: true, force: true });
});
const inWork = (name: string): string => join(work, name);
const file = buildPackage(inWork("first"));
const { data, control, parts } = unpackPackage(file, inWork("unpacked"));
const fields = new Map(readFileSync(join(control, "control"), "utf8").split("\n").flatMap((line) => {
  const match = /^([A-Z][\w-]*): (.*)$/.exec(line);
  return match ? [[match[1], match[2]] as const] : [];
}));
const listing = (archive: string): string[][] =>
  execFileSync("tar", ["tvzf", archive, "--numeric-owner"], { encoding: "utf8" }).trim().split("\n").map((line) => line.split(/\s+/));

function filesUnder(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => entry.isDirectory() ? filesUnder(folder, join(below, entry.name)) : [`/${join(below, entry.name)}`]);
}

/** Without links: that of /usr/libexec leads to the router's Node. */
const plainFiles = filesUnder(data).filter((path) => lstatSync(join(data, path)).isFile());

test("same input, same bytes", () => {
  const sum = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  assert.equal(sum(buildPackage(inWork("second"))), sum(file));
  for (const name of readdirSync(inWork("first"))) assert.equal(sum(join(inWork("second"), name)), sum(join(inWork("first"), name)), name);
  const dated = buildPackage(inWork("dated"), { SOURCE_DATE_EPOCH: "1700000000" });
  assert.notEqual(sum(dated), sum(file));
  assert.match(execFileSync("tar", ["tvzf", dated, "--utc"], { encoding: "utf8" }), /2023-11-14 22:13/);
});

test("the outer file is a gzipped tar of the three parts that opkg knows", () => {
  const bytes = readFileSync(file);
  assert.deepEqual([...bytes.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3]); // gzip without name and time
  assert.equal(gunzipSync(bytes).toString("latin1", 257, 265), "ustar  \0");
  assert.deepEqual(listing(file).map((words) => [words[0], words[1], words.at(-1)]), [
    ["-rw-r--r--", "0/0", "./debian-binary"],
    ["-rw-r--r--", "0/0", "./control.tar.gz"],
    ["-rw-r--r--", "0/0", "./data.tar.gz"],
  ]);
  assert.equal(readFileSync(join(parts, "debian-binary"), "utf8"), "2.0\n");
});

test("control fields, and a version that is the program's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string; license: string };
  assert.deepEqual(["Package", "Version", "Architecture", "License", "Section", "Require-User"].map((name) => fields.get(name)), ["dots-callhome",
    `${manifest.version}-r1`, "all", manifest.license, "net", "dots-callhome:dots-callhome"]);
  assert.deepEqual(fields.get("Depends")?.split(", "), [
    "node",
    "nftables-json",
    "conntrack",
    "ip-full",
    "ip-bridge",
    "kmod-nft-core",
    "kmod-nft-bridge",
    "kmod-nft-netdev",
    "kmod-nf-conntrack-netlink",
  ]);
  assert.match(readFileSync(join(control, "control"), "utf8"), /^Description: \S.*\n( \S.*\n)+$/m);
  assert.equal(readFileSync(join(control, "conffiles"), "utf8"), "/etc/config/dots-callhome\n");
});

test("everything belongs to root; modes are those that rc.common, procd and sysupgrade expect", () => {
  const entries = [...listing(join(parts, "data.tar.gz")), ...listing(join(parts, "control.tar.gz"))];
  for (const [mode = "", owner, ...rest] of entries) {
    assert.equal(owner, "0/0", rest.join(" "));
    if (!mode.startsWith("l")) assert.match(mode, /^[d-]rw.(r-.r-.|------)$/, rest.join(" "));
  }
  const mode = (path: string): string => (lstatSync(join(data, path)).mode & 0o7777).toString(8);
  assert.deepEqual({
    config: mode("etc/config/dots-callhome"),
    init: mode("etc/init.d/dots-callhome"),
    defaults: mode("etc/uci-defaults/90-dots-callhome"),
    program: mode("usr/lib/dots-callhome/dots-callhome.js"),
    wasm: mode("usr/lib/dots-callhome/dtls.wasm"),
    capabilities: mode("etc/capabilities/dots-callhome.json"),
  }, { config: "600", init: "755", defaults: "755", program: "755", wasm: "644", capabilities: "644" });
  const names = listing(join(parts, "data.tar.gz")).map((words) => words[5] ?? "");
  assert.deepEqual(names, [...new Set(names)].sort());
});

test("every file of ours that the scripts, the links and keep.d name is in the package", () => {
  const inside = filesUnder(data);
  const named = filesUnder(data).filter((path) =>
    /^\/(etc\/(init\.d|uci-defaults|hotplug\.d|udhcpc\.user\.d|odhcp6c\.user\.d)|usr\/lib\/dots-callhome\/remove)/.test(path)
  ).map((path) => join(data, path));
  for (const script of [...named, join(control, "prerm-pkg")]) {
    for (
      const [path] of readFileSync(script, "utf8").matchAll(
        /(?<![\w$"}])\/(?:etc\/(?:init\.d|capabilities|config)|usr\/(?:bin|lib))\/[\w./-]*dots-callhome[\w./-]*/g,
      )
    ) {
      assert.ok(inside.includes(path) || inside.some((each) => each.startsWith(`${path}/`)), `${script} names ${path}`);
    }
  }
  assert.ok(existsSync(join(data, "usr/bin/dots-callhome"))); // follows the link
  assert.equal(readlinkSync(join(data, "usr/libexec/dots-callhome")), "../bin/node"); // which the package node brings
  assert.equal(readFileSync(join(data, "lib/upgrade/keep.d/dots-callhome"), "utf8"), "/etc/dots-callhome/\n");
});

test("no key, no password, no path of the machine that built it", () => {
  for (const path of plainFiles) {
    const text = readFileSync(join(data, path), "latin1");
    assert.doesNotMatch(text, /-----BEGIN [A-Z ]*PRIVATE KEY-----\n|\/work\/main|\/root\//, path);
  }
  const settings = readFileSync(join(data, "etc/config/dots-callhome"), "utf8").split("\n").filter((line) => /^\s*(option|list)/.test(line));
  for (const line of settings) assert.doesNotMatch(line, /identity|password|token/, line);
  assert.ok(settings.some((line) => /^\toption enabled '0'/.test(line)), "the provider of the example is off");
});

test("LuCI's page, where there is one: what its menu and access list name is there", (context) => {
  const [luci] = readdirSync(inWork("first")).filter((name) => name.startsWith("luci-app-dots-callhome_"));
  if (luci === undefined) {
    context.skip("there is no page yet");
    return;
  }
  const app = unpackPackage(join(inWork("first"), luci), inWork("luci"));
  const inside = filesUnder(app.data);
  assert.match(readFileSync(join(app.control, "control"), "utf8"),
    /^Package: luci-app-dots-callhome\nVersion: .*\nDepends: .*\bdots-callhome\b[^]*Architecture: all$/m);
  const menus = inside.filter((path) => path.startsWith("/usr/share/luci/menu.d/"));
  const lists = inside.filter((path) => path.startsWith("/usr/share/rpcd/acl.d/"));
  assert.ok(menus.length > 0 && lists.length > 0);
  assert.equal(lstatSync(join(app.data, "usr/libexec/rpcd/dots-callhome-setup")).mode & 0o777, 0o755, "rpcd runs it");
  const accessLists = lists.flatMap((path) => Object.keys(JSON.parse(readFileSync(join(app.data, path), "utf8")) as object));
  for (const menu of menus) {
    const text = readFileSync(join(app.data, menu), "utf8");
    JSON.parse(text);
    for (const [, view] of text.matchAll(/"path": *"(dots-callhome\/[^"]*)"/g))
      assert.ok(inside.includes(`/www/luci-static/resources/view/${view ?? ""}.js`), view);
    for (const [, list] of text.matchAll(/"acl": *\[ *"([^"]*)"/g)) assert.ok(accessLists.includes(list ?? ""), list);
  }
});

test("the ubus access list is root's and for the daemon's user", () => {
  const path = join(data, "usr/share/acl.d/dots-callhome.json");
  const { user, listen, access } = JSON.parse(readFileSync(path, "utf8")) as { user: string; listen: string[]; access: Record<string, { methods: string[] }> };
  assert.equal(user, "dots-callhome");
  // What src/system/home/ubus-directory.ts and hostapd-clients.ts call; hostapd can do much more, which is not allowed.
  assert.deepEqual(access["hostapd.*"]?.methods.toSorted(), ["del_client", "get_clients", "get_status", "list_bans"]);
  assert.deepEqual(listen, ["ubus.object.add"]);
  assert.equal(lstatSync(path).mode & 0o777, 0o644);
});

test("the shell scripts are clean, and BusyBox can read them", () => {
  const scripts = [...plainFiles.map((path) => join(data, path)), ...["postinst", "postinst-pkg", "prerm", "prerm-pkg"].map((name) => join(control, name))]
    .filter((path) => /^#!\/bin\/sh/.test(readFileSync(path, "latin1").slice(0, 9)));
  assert.equal(scripts.length, 12);
  for (const script of scripts) execFileSync("busybox", ["ash", "-n", script]);
  execFileSync("shellcheck", ["-s", "dash", "-e", "SC1091", ...scripts], { stdio: "pipe" });
});

test("the .apk, of our own writer: the same files as the .ipk, root's, with OpenWrt's lists, scripts for apk, hashes that are right", () => {
  // By hand, what scripts/write-apk.mjs writes was compared with `apk mkpkg` (3.0.6): the same bytes before deflation; and installed,
  // upgraded and removed with apk.
  const apk = readApk(readFileSync(join(inWork("first"), `dots-callhome-${fields.get("Version") ?? ""}.apk`)));
  const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  assert.deepEqual([1, 2, 5, 6, 7].map((field) => apk.info.get(field)), ["dots-callhome", fields.get("Version"), "noarch", "Apache-2.0",
    "openwrt/dots-callhome"]);
  assert.equal(apk.hash, sha256(apk.hashed).slice(0, 40));
  assert.deepEqual(apk.depends, (fields.get("Depends") ?? "").split(", ").sort());
  const lists = apk.files.filter(({ path }) => path.startsWith("/lib/apk/packages/dots-callhome."));
  const list = (kind: string): string | undefined => lists.find(({ path }) => path.endsWith(`.${kind}`))?.content?.toString();
  assert.equal(list("rusers"), "dots-callhome:dots-callhome\n");
  assert.deepEqual(list("list")?.trim().split("\n"), filesUnder(data).sort());
  assert.equal(list("conffiles"), "/etc/config/dots-callhome\n");
  assert.equal(list("conffiles_static"), `/etc/config/dots-callhome ${sha256(readFileSync(join(data, "etc/config/dots-callhome")))}\n`);
  const packed = apk.files.filter((each) => !lists.includes(each));
  assert.deepEqual(packed.map(({ path }) => path).sort(), filesUnder(data).sort());
  for (const { path, mode, owner, size, hash, link, content } of packed) {
    const there = lstatSync(join(data, path));
    assert.equal(owner, "root:root", path);
    if (link !== null) {
      assert.equal(link, readlinkSync(join(data, path)), path);
      continue;
    }
    assert.deepEqual([mode, size, hash], [there.mode & 0o7777, there.size, content ? sha256(content) : ""], path);
    assert.ok(content?.equals(readFileSync(join(data, path))), path);
  }
  assert.equal(new Set(apk.files.map(({ mtime }) => mtime)).size, 1);
  assert.ok(apk.folders.every(({ mode }) => mode === 0o755));
  const folders = apk.folders.map(({ path }) => path);
  assert.deepEqual(folders, [...folders].sort());
  for (const { path } of apk.files) assert.ok(folders.includes(dirname(path)), path);
  // post-install, pre-deinstall, post-upgrade.
  assert.deepEqual([...apk.scripts.keys()], [3, 4, 7]);
  assert.match(apk.scripts.get(7) ?? "", /^#!\/bin\/sh\nexport PKG_UPGRADE=1\n[^]*add_group_and_user\ndefault_postinst\n[^]*killall -HUP ubusd/);
  assert.match(apk.scripts.get(4) ?? "", /default_prerm\n[^]*remove-traces/);
  for (const script of apk.scripts.values()) execFileSync("busybox", ["ash", "-n"], { input: script });
});

test("the .apk writer: empty files, large ones, long names, links, a folder that is not everybody's", () => {
  const entries = [
    { path: "./", mode: 0o755 },
    { path: "./a/", mode: 0o700 },
    { path: "./a-b/", mode: 0o755 },
    { path: "./a/empty", mode: 0o600, content: Buffer.alloc(0) },
    { path: "./a/large", mode: 0o755, content: Buffer.alloc(70_000, 7) },
    { path: "./a-b/l", mode: 0o777, link: "../a/large" },
    { path: `./a-b/${"n".repeat(90)}`, mode: 0o644, content: Buffer.from("text") },
    { path: "./b", mode: 0o644, content: Buffer.from("text") },
  ];
  const info = { name: "x", version: "1-r1", description: "d".repeat(70_000), arch: "noarch", depends: ["b", "a"] };
  const apk = readApk(apkOf({ info, scripts: { "post-install": `#!/bin/sh\n${"# ".repeat(300)}\n` }, entries, time: 1_800_000_000 }));
  assert.deepEqual(apk.folders, [{ path: "/", mode: 0o755 }, { path: "/a", mode: 0o700 }, { path: "/a-b", mode: 0o755 }]);
  assert.deepEqual(apk.files.map(({ path, size, mtime }) => [path, size, mtime]), [
    ["/b", 4, 1_800_000_000],
    ["/a/empty", 0, 1_800_000_000],
    ["/a/large", 70_000, 1_800_000_000],
    ["/a-b/l", 10, 1_800_000_000],
    [`/a-b/${"n".repeat(90)}`, 4, 1_800_000_000],
  ]);
  assert.equal(apk.files[3]?.link, "../a/large");
  assert.deepEqual([apk.info.get(4)?.length, apk.depends], [70_000, ["a", "b"]]);
  assert.equal(readApk(apkOf({ info: { ...info, depends: [] }, scripts: {}, entries: [], time: 1 })).files.length, 0);
});
