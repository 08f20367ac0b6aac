import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { lmoOf } from "./write-lmo.mjs";

/** Modes of the install macros of OpenWrt's rules.mk. */
const installModes = { INSTALL_BIN: 0o755, INSTALL_DATA: 0o644, INSTALL_CONF: 0o600 };

/**
 * Reads a package from its Makefile in OpenWrt's feed format: fields, scripts, and the files that its install section names, with
 * their modes. Knows as much of make as these Makefiles use; anything else is an error, so that nothing is left out silently.
 */
export function readFeedMakefile(folder, name) {
  const text = readFileSync(join(folder, "Makefile"), "utf8");
  const { variables, defines } = parse(text, folder);
  if (/^include .*\/luci\.mk$/m.test(text)) return readLuciApp(folder, name, variables);
  const expand = (text) => text.replace(/\$\((\w+)\)/g, (_whole, key) => variables[key] ?? unknown(folder, `$(${key})`));
  const section = parse(defines[`Package/${name}`] ?? unknown(folder, `Package/${name}`), folder).variables;
  const lines = (define) => (defines[define] ?? "").split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const scripts = {};
  for (const script of ["preinst", "postinst", "prerm", "postrm"]) {
    const text = defines[`Package/${name}/${script}`];
    if (text !== undefined) scripts[script] = `${text.replaceAll("$$", "$").trim()}\n`;
  }
  return {
    name,
    version: `${variables["PKG_VERSION"]}-r${variables["PKG_RELEASE"]}`,
    license: variables["PKG_LICENSE"],
    maintainer: variables["PKG_MAINTAINER"],
    section: section["SECTION"],
    title: section["TITLE"],
    url: section["URL"],
    depends: expand(section["DEPENDS"] ?? "").split(/\s+/).filter((word) => word !== ""),
    user: section["USERID"],
    architecture: section["PKGARCH"],
    description: lines(`Package/${name}/description`),
    conffiles: lines(`Package/${name}/conffiles`),
    scripts,
    files: lines(`Package/${name}/install`).flatMap((line) => installed(folder, line, expand)),
  };
}

/** LuCI's names (luci.mk): of the language, in itself; in packages and files, where that is another than the folder under po/. */
const languages = {
  de: { name: "Deutsch (German)" },
  es: { name: "Español (Spanish)" },
  ja: { name: "日本語 (Japanese)" },
  zh_Hans: { name: "简体中文 (Simplified Chinese)", code: "zh-cn" },
};

/** The packages luci-i18n-* that luci.mk makes of an app's po/, a language each. */
export function translationsOf(folder, app) {
  const name = app.name.replace(/^luci-app-/, "");
  return !existsSync(join(folder, "po")) ? [] : readdirSync(join(folder, "po")).filter((each) => each !== "templates").sort().map((language) => {
    const { name: title, code = language } = languages[language] ?? unknown(folder, `po/${language}: LuCI's name of that language`);
    const setting = `uci set luci.languages.${code.replace("-", "_")}='${title}'; uci commit luci\n`;
    return {
      ...app,
      name: `luci-i18n-${name}-${code}`,
      title: `${app.name} - ${code} translation`,
      description: [`Translation for ${app.name} - ${title}`],
      depends: [app.name],
      scripts: {},
      files: [
        { path: `./etc/uci-defaults/luci-i18n-${name}-${code}`, mode: 0o644, content: Buffer.from(setting) },
        ...readdirSync(join(folder, "po", language)).filter((file) => file.endsWith(".po")).map((file) => ({
          path: `./usr/lib/lua/luci/i18n/${basename(file, ".po")}.${code}.lmo`,
          mode: 0o644,
          content: lmoOf(readFileSync(join(folder, "po", language, file), "utf8")),
        })),
      ],
    };
  });
}

/** What LuCI's luci.mk makes of an app's folder, but for minified scripts. */
function readLuciApp(folder, name, variables) {
  const under = (from, to) =>
    !existsSync(join(folder, from)) ? [] : readdirSync(join(folder, from), { recursive: true }).map(String)
      .filter((path) => statSync(join(folder, from, path)).isFile())
      .map((path) => ({
        path: `${to}${path}`,
        mode: statSync(join(folder, from, path)).mode & 0o100 ? 0o755 : 0o644,
        content: readFileSync(join(folder, from, path)),
      }));
  return {
    name,
    version: `${variables["PKG_VERSION"]}-r${variables["PKG_RELEASE"]}`,
    license: variables["PKG_LICENSE"],
    maintainer: variables["PKG_MAINTAINER"],
    section: "luci",
    title: variables["LUCI_TITLE"],
    depends: (variables["LUCI_DEPENDS"] ?? "").split(/\s+/).filter((word) => word !== ""),
    architecture: variables["LUCI_PKGARCH"] ?? "all",
    description: [variables["LUCI_DESCRIPTION"] ?? variables["LUCI_TITLE"] ?? name],
    conffiles: [],
    // LuCI keeps an index of menus, rpcd the access lists.
    scripts: {
      postinst: '#!/bin/sh\n[ -n "${IPKG_INSTROOT}" ] || { rm -rf /tmp/luci-indexcache.* /tmp/luci-modulecache; /etc/init.d/rpcd reload; }\nexit 0\n',
    },
    files: [...under("htdocs", "./www/"), ...under("root", "./")],
  };
}

/** `+node` -> `node`; conditions (`@IPV6`) are for menuconfig alone. */
export function dependenciesOf({ depends }) {
  return depends.filter((word) => !word.startsWith("@")).map((word) => word.replace(/^\+/, ""));
}

function parse(text, folder) {
  const variables = { CURDIR: folder };
  const defines = {};
  const lines = text.replaceAll("\\\n", " ").split("\n");
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    const define = /^define (\S+)$/.exec(line);
    if (define) {
      const end = lines.indexOf("endef", at);
      defines[define[1]] = lines.slice(at + 1, end).join("\n");
      at = end;
      continue;
    }
    const assigned = /^\s*(\w+):=(.*)$/.exec(line);
    if (assigned) variables[assigned[1]] = assigned[2].trim().replace("$(CURDIR)", folder);
  }
  return { variables, defines };
}

/** A line of the install section, as the files that it makes. */
function installed(folder, line, expand) {
  const [, optional = "", macro = "", rest = ""] = /^(-?)\$\((\w+)\) (.*)$/.exec(line) ?? unknown(folder, line);
  const words = rest.split(/\s+/).map((word) => expand(word.replaceAll("$(1)", ".")));
  const [from = "", to = ""] = words;
  if (macro === "INSTALL_DIR") return []; // folders follow from the files
  if (macro === "LN") return [{ path: to, mode: 0o777, link: from }];
  const mode = installModes[macro] ?? unknown(folder, line);
  const source = resolve(folder, from);
  if (!existsSync(source)) return optional === "-" ? [] : unknown(folder, `${source}, which is not there (make build?)`);
  return [{ path: to, mode, content: readFileSync(source) }];
}

function unknown(folder, what) {
  throw new Error(`${folder}/Makefile: cannot read ${what}`);
}
