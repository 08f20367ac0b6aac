import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { openUciFile } from "./uci-file.ts";
import { readPo } from "./read-po.ts";

/** What stands behind the object `dots-callhome`: the real daemon by ubus, or a script. */
export interface Backend {
  /** The answer as uhttpd passes it on: a ubus status, and data if there is any; undefined = there is no such object. */
  call(method: string, params: Readonly<Record<string, unknown>>): Promise<{ readonly status: number; readonly data?: object } | undefined>;
  /** Notifications of the object; returns how to end it. */
  subscribe(notified: (event: string, data: object) => void): () => void;
}

export interface RouterOptions {
  readonly backend: Backend;
  readonly configFile?: string;
  /** Without a file: nothing is set up yet. */
  readonly isFresh?: true;
  /** After the configuration was applied: what procd's reload trigger does. */
  readonly applied?: () => void;
  /** Instead of the stand-in's own theme. */
  readonly theme?: "bare";
  /** The folder of a program `dots-callhome`, for rpcd's plugin. */
  readonly program?: string;
  /** What procd says of the service. */
  readonly isRunning?: () => boolean;
  readonly language?: "de" | "es" | "zh_Hans" | "ja";
  /** No server-sent events, so that the page falls back to polling. */
  readonly withoutEvents?: boolean;
}

/** A stand-in for uhttpd, rpcd and LuCI's templates: serves the page and /ubus, with the ACL of the app. */
export interface Router {
  readonly url: (view: string) => string;
  /** What the browser asked for, in order. */
  readonly requests: readonly string[];
  setSession(session: "write" | "read" | "ended"): void;
  stop(): Promise<void>;
}

const here = fileURLToPath(new URL(".", import.meta.url));
const app = fileURLToPath(new URL("../../openwrt/luci-app-dots-callhome/", import.meta.url));
/** A checkout of LuCI: its own runtime and theme instead of the stand-in's. */
const luci = process.env["LUCI"];
const sessionId = "0123456789abcdef0123456789abcdef";
const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".json": "application/json",
};

/** What uci says where a test has no file: a provider is entered. */
const entered = {
  globals: { ".name": "globals", ".type": "globals", ".anonymous": false },
  isp: { ".name": "isp", ".type": "upstream", ".anonymous": false, host: "dots.isp.example" },
};

interface Acl {
  readonly ubus?: Readonly<Record<string, readonly string[]>>;
  readonly uci?: readonly string[];
}
const acl = (JSON.parse(readFileSync(join(app, "root/usr/share/rpcd/acl.d/luci-app-dots-callhome.json"), "utf8")) as Record<string, { read: Acl; write: Acl }>)[
  "luci-app-dots-callhome"
];
const menu = JSON.parse(readFileSync(join(app, "root/usr/share/luci/menu.d/luci-app-dots-callhome.json"), "utf8")) as Record<
  string,
  { title: string; action: { type: string; path?: string } }
>;

export async function startRouter(options: RouterOptions): Promise<Router> {
  let session: "write" | "read" | "ended" = "write";
  const requests: string[] = [];
  const uci = options.configFile === undefined ? undefined : openUciFile(options.configFile);
  const streams = new Set<ServerResponse>();
  const unsubscribe = options.backend.subscribe((event, data) => {
    for (const stream of streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  });

  const granted = (object: string, method: string): boolean => {
    if (session === "ended") return false;
    if (object === "uci") return ["get", "changes"].includes(method) || session === "write";
    if (!object.startsWith("dots-callhome")) return true;
    return [acl?.read, ...(session === "write" ? [acl?.write] : [])].some((part) => part?.ubus?.[object]?.includes(method));
  };

  const call = async (id: unknown, [sid, object, method, params]: [string, string, string, Record<string, unknown>]): Promise<object> => {
    requests.push(`${object}.${method} ${JSON.stringify(params)}`);
    const reply = (status: number, data?: object): object => ({ jsonrpc: "2.0", id, result: data === undefined ? [status] : [status, data] });
    const refuse = (code: number, message: string): object => ({ jsonrpc: "2.0", id, error: { code, message } });
    if (sid !== sessionId || !granted(object, method)) return refuse(-32002, "Access denied");
    if (object === "session") return reply(0, { access: session === "write" || params["scope"] !== "uci" || params["function"] !== "write" });
    if (object === "luci") return reply(0, { result: true });
    if (object === "service") return reply(0, options.isRunning?.() === true ? { "dots-callhome": { instances: { instance1: { running: true } } } } : {});
    if (object === "dots-callhome-setup")
      return options.program === undefined
        ? refuse(-32000, "Object not found")
        : reply(0, await runPlugin(options.program, method, params));
    if (object === "file") return reply(0, { entries: [] });
    if (object === "uci") {
      if (method === "apply") {
        uci?.apply();
        options.applied?.();
        return reply(0);
      }
      const { status, data } = uci?.call(method, params) ?? { status: 0, data: { values: options.isFresh === true ? {} : entered, changes: {} } };
      return reply(status, data);
    }
    const answer = object === "dots-callhome" ? await options.backend.call(method, params) : undefined;
    return answer ? reply(answer.status, answer.data) : refuse(-32000, "Object not found");
  };

  const rpc = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
    type Message = { id: unknown; method: string; params: [string, string, string, Record<string, unknown>] };
    const one = async (message: Message): Promise<object> =>
      message.method === "list" ? { jsonrpc: "2.0", id: message.id, result: [] } : call(message.id, message.params);
    const answer = Array.isArray(body) ? await Promise.all((body as Message[]).map(one)) : await one(body as Message);
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = decodeURIComponent((request.url ?? "/").split("?")[0] ?? "/");
    if (path === "/ubus/subscribe/dots-callhome") {
      requests.push("subscribe");
      if (options.withoutEvents || request.headers.authorization !== `Bearer ${sessionId}` || !granted("dots-callhome", ":subscribe")) {
        response.writeHead(options.withoutEvents ? 404 : 401).end();
        return;
      }
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("retry: 3000\n");
      streams.add(response);
      response.once("close", () => streams.delete(response));
    } else if (path.startsWith("/ubus")) await rpc(request, response);
    else if (path.startsWith("/luci-static/")) serveFile(path.slice("/luci-static/".length), response);
    else if (path.includes("/admin/uci/")) {
      if (path.endsWith("apply_rollback")) {
        uci?.apply();
        options.applied?.();
      }
      response.writeHead(200, { "Content-Type": "application/json" }).end("{}");
    } else response.writeHead(200, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval'",
      }).end(page(path, options, session === "read"));
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (view) => `http://127.0.0.1:${port}/cgi-bin/luci/admin/services/dots-callhome/${view}`,
    requests,
    setSession: (next) => {
      session = next;
    },
    async stop() {
      unsubscribe();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As rpcd: the app's own plugin, with the parameters on its standard input. */
async function runPlugin(program: string, method: string, params: object): Promise<object> {
  const plugin = spawn("sh", [join(app, "root/usr/libexec/rpcd/dots-callhome-setup"), "call", method], {
    env: { PATH: `${program}:${process.env["PATH"] ?? ""}` },
    stdio: ["pipe", "pipe", "inherit"],
  });
  plugin.stdin.end(JSON.stringify(params));
  const chunks: Buffer[] = [];
  for await (const chunk of plugin.stdout) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as object;
}

function serveFile(asked: string, response: ServerResponse): void {
  const relative = normalize(asked).replace(/^(\.\.\/)+/, "");
  const ours = [join(app, "htdocs/luci-static", relative), ...(luci === undefined
    ? [join(here, "runtime", relative.replace(/^(resources|bootstrap)\//, ""))]
    : [join(luci, "modules/luci-base/htdocs/luci-static", relative), join(luci, "themes/luci-theme-bootstrap/htdocs/luci-static", relative)])];
  const file = ours.find((each) => existsSync(each) && extname(each) !== "");
  if (file === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
}

function page(path: string, { language, theme }: RouterOptions, readonly: boolean): string {
  const view = path.split("/").at(-1) ?? "overview";
  const texts = language === undefined ? new Map<string, readonly string[]>() : readPo(readFileSync(join(app, `po/${language}/dots-callhome.po`), "utf8"));
  const translations = Object.fromEntries([...texts].map(([id, forms]) => [id, id.includes("\u0002") ? forms : forms[0]]));
  const titleOf = (title: string): string => String(translations[title] ?? title);
  const tabs = Object.entries(menu).filter(([, { action }]) => action.type === "view")
    .map(([to, { title, action }]) => `<li class="${action.path?.endsWith(view) ? "active" : ""}"><a href="/cgi-bin/luci/${to}">${titleOf(title)}</a></li>`)
    .join("");
  const env = {
    media: "/luci-static/bootstrap",
    resource: "/luci-static/resources",
    scriptname: "/cgi-bin/luci",
    pathinfo: path,
    documentroot: "/www",
    requestpath: path.split("/").slice(3),
    dispatchpath: path.split("/").slice(3),
    pollinterval: 5,
    ubuspath: "/ubus/",
    sessionid: sessionId,
    token: "token",
    nodespec: { satisfied: true, readonly, title: "dots-callhome" },
    apply_rollback: 90,
    apply_holdoff: 1,
    apply_timeout: 5,
    apply_display: 0.5,
    base_url: "/luci-static/resources",
  };
  return `<!DOCTYPE html><html lang="${language?.replace("_", "-") ?? "en"}"><head><meta charset="utf-8"><title>OpenWrt</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script>{const query=matchMedia("(prefers-color-scheme: dark)"),set=()=>document.documentElement.setAttribute("data-darkmode",query.matches);query.addEventListener("change",set);set();}</script>
<link rel="stylesheet" href="/luci-static/bootstrap/${theme ?? "cascade"}.css"><link rel="icon" href="data:,">
<script>window.TRANSLATIONS=${JSON.stringify(translations).replaceAll("<", "\\u003c")};</script>
${luci === undefined ? "" : '<script src="/luci-static/resources/cbi.js"></script>'}<script src="/luci-static/resources/luci.js"></script></head>
<body><header><a class="brand" href="#">OpenWrt</a><span id="indicators" class="pull-right"></span></header>
<div id="maincontent" class="container"><ul class="tabs">${tabs}</ul>
<div id="view"><div class="spinning">…</div></div></div>
<script>L=new LuCI(${JSON.stringify(env)});${
    luci === undefined ? `L.require("view.dots-callhome.${view}");` : `L.require("ui").then(ui=>ui.instantiateView("dots-callhome/${view}"));`
  }</script></body></html>`;
}
