// Packs what `make build` left into packages for OpenWrt, without its SDK:
//   node scripts/build-packages.mjs [--out FOLDER]     default: dist
// .ipk for opkg (OpenWrt 24.10 and earlier), and .apk (25.12 and later). The same input gives the same bytes: sorted names, owner 0:0,
// and the time of SOURCE_DATE_EPOCH or of the last commit everywhere.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { dependenciesOf, readFeedMakefile, translationsOf } from "./read-feed-makefile.mjs";
import { apkOf } from "./write-apk.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const outAt = process.argv.indexOf("--out");
const out = resolve(outAt < 0 ? join(root, "dist") : process.argv[outAt + 1] ?? fail("--out needs a folder"));
const time = sourceTime();

mkdirSync(out, { recursive: true });
for (const name of ["dots-callhome", "luci-app-dots-callhome"]) {
  const folder = join(root, "openwrt", name);
  if (!existsSync(join(folder, "Makefile"))) continue;
  const feed = readFeedMakefile(folder, name);
  for (const each of [feed, ...translationsOf(folder, feed)]) {
    console.log(writeIpk(each));
    console.log(writeApk(each));
  }
}

function fail(message) {
  console.error(`build-packages: ${message}`);
  process.exit(1);
}

/** Seconds since 1970. */
function sourceTime() {
  const set = process.env["SOURCE_DATE_EPOCH"];
  if (set !== undefined) return /^\d+$/.test(set) ? Number(set) : fail("SOURCE_DATE_EPOCH is not a number of seconds");
  const commit = spawnSync("git", ["-C", root, "log", "-1", "--format=%ct"], { encoding: "utf8" });
  if (commit.status === 0 && commit.stdout.trim() !== "") return Number(commit.stdout);
  console.error("build-packages: no git commit to take the time from, so files are dated 1980-01-01; SOURCE_DATE_EPOCH sets another");
  return 315_532_800;
}

/** A gzipped tar of ./debian-binary, ./control.tar.gz and ./data.tar.gz: opkg's form. (`ar`, as in Debian, is refused.) */
function writeIpk(feed) {
  const file = join(out, `${feed.name}_${feed.version}_${feed.architecture}.ipk`);
  const data = gzip(tar([...withFolders(feed.files)]));
  const script = (name, content) => ({ path: `./${name}`, mode: 0o755, content: Buffer.from(content) });
  const control = [
    { path: "./", mode: 0o755 },
    { path: "./control", mode: 0o644, content: Buffer.from(controlFile(feed)) },
    ...(feed.conffiles.length > 0 ? [{ path: "./conffiles", mode: 0o644, content: Buffer.from(`${feed.conffiles.join("\n")}\n`) }] : []),
    script("postinst",
      `#!/bin/sh\n[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0\n. "\${IPKG_INSTROOT}/lib/functions.sh"\ndefault_postinst "$0" "$@"\n`),
    script("prerm", `#!/bin/sh\n[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0\n. "\${IPKG_INSTROOT}/lib/functions.sh"\ndefault_prerm "$0" "$@"\n`),
    // default_postinst and default_prerm run those of the package.
    ...(feed.scripts.postinst ? [script("postinst-pkg", feed.scripts.postinst)] : []),
    ...(feed.scripts.prerm ? [script("prerm-pkg", feed.scripts.prerm)] : []),
    ...["preinst", "postrm"].flatMap((name) => feed.scripts[name] ? [script(name, feed.scripts[name])] : []),
  ];
  const package_ = gzip(tar([
    { path: "./debian-binary", mode: 0o644, content: Buffer.from("2.0\n") },
    { path: "./control.tar.gz", mode: 0o644, content: gzip(tar(control.sort(byPath))) },
    { path: "./data.tar.gz", mode: 0o644, content: data },
  ]));
  writeFileSync(file, package_);
  return `${file}: ${package_.length} bytes, sha256 ${createHash("sha256").update(package_).digest("hex")}`;
}

function controlFile(feed) {
  const [first = "", ...more] = feed.description;
  const fields = {
    Package: feed.name,
    Version: feed.version,
    Depends: dependenciesOf(feed).join(", "),
    Source: `openwrt/${feed.name}`,
    SourceName: feed.name,
    License: feed.license,
    Section: feed.section,
    "Require-User": feed.user,
    SourceDateEpoch: String(time),
    URL: feed.url,
    Maintainer: feed.maintainer,
    Architecture: feed.architecture,
    "Installed-Size": String(feed.files.reduce((sum, { content }) => sum + (content?.length ?? 0), 0)),
    Description: [first, ...more.map((line) => ` ${line}`)].join("\n"),
  };
  return Object.entries(fields).flatMap(([name, value]) => value ? [`${name}: ${value}\n`] : []).join("");
}

/** OpenWrt's form of an apk package: lists of its files, users and conffiles lie in it, under lib/apk/packages. */
function writeApk(feed) {
  const file = join(out, `${feed.name}-${feed.version}.apk`);
  const lists = `lib/apk/packages/${feed.name}`;
  const listed = (content) => ({ mode: 0o644, content: Buffer.from(content) });
  const files = [
    ...feed.files,
    { path: `./${lists}.list`, ...listed(feed.files.map(({ path }) => `${path.slice(1)}\n`).sort().join("")) },
    ...(feed.user ? [{ path: `./${lists}.rusers`, ...listed(`${feed.user}\n`) }] : []),
    ...(feed.conffiles.length > 0
      ? [
        { path: `./${lists}.conffiles`, ...listed(`${feed.conffiles.join("\n")}\n`) },
        {
          path: `./${lists}.conffiles_static`,
          ...listed(feed.conffiles.flatMap((path) => {
            const file = feed.files.find((each) => each.path === `.${path}`);
            return file ? [`${path} ${createHash("sha256").update(file.content).digest("hex")}\n`] : [];
          }).join("")),
        },
      ]
      : []),
  ];
  const prelude =
    `[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0\n. "\${IPKG_INSTROOT}/lib/functions.sh"\nexport root="\${IPKG_INSTROOT}"\nexport pkgname="${feed.name}"\n`;
  const own = (script) => (feed.scripts[script] ?? "").replace(/^#!.*\n/, "");
  const install = `[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n${prelude}add_group_and_user\ndefault_postinst\n${own("postinst")}`;
  const package_ = apkOf({
    info: {
      name: feed.name,
      version: feed.version,
      description: feed.description.join(" "),
      arch: feed.architecture === "all" ? "noarch" : feed.architecture,
      license: feed.license,
      origin: `openwrt/${feed.name}`,
      url: feed.url,
      maintainer: feed.maintainer,
      depends: dependenciesOf(feed),
    },
    scripts: {
      "post-install": `#!/bin/sh\n${install}`,
      "post-upgrade": `#!/bin/sh\nexport PKG_UPGRADE=1\n${install}`,
      "pre-deinstall": `#!/bin/sh\n${prelude}default_prerm\n${own("prerm")}`,
    },
    entries: withFolders(files),
    time,
  });
  writeFileSync(file, package_);
  return `${file}: ${package_.length} bytes, unsigned (apk add --allow-untrusted)`;
}

/** Entries with all folders above them, sorted, folders first named. */
function withFolders(files) {
  const folders = new Set(["./"]);
  for (const { path } of files) for (let at = posix.dirname(path); at !== "."; at = posix.dirname(at)) folders.add(`${at}/`);
  return [...[...folders].map((path) => ({ path, mode: 0o755 })), ...files].sort(byPath);
}

function byPath(a, b) {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function gzip(bytes) {
  return gzipSync(bytes, { level: 9 }); // zlib writes neither name nor time
}

/** A tar archive in GNU's old format, as opkg reads it. */
function tar(entries) {
  return Buffer.concat([...entries.flatMap(({ path, mode, content, link }) => {
    const body = content ?? Buffer.alloc(0);
    const kind = path.endsWith("/") ? "5" : link === undefined ? "0" : "2";
    return [tarHeader(path, mode, body.length, kind, link ?? ""), body, Buffer.alloc((512 - body.length % 512) % 512)];
  }), Buffer.alloc(1024)]);
}

function tarHeader(path, mode, size, kind, link) {
  if (Buffer.byteLength(path) > 99 || Buffer.byteLength(link) > 99) fail(`${path}: the name is too long for a plain tar header`);
  const header = Buffer.alloc(512);
  const octal = (value, at, length) => header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
  header.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8); // owner root
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(time, 136, 12);
  header.write("        ", 148); // the checksum counts as spaces
  header.write(kind, 156);
  header.write(link, 157);
  header.write("ustar  \0", 257);
  header.write("root", 265);
  header.write("root", 297);
  octal(header.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return header;
}
