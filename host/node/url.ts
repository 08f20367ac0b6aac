/**
 * URLs as the configuration has them: a scheme with `//`, a host of ASCII, a path. What else the WHATWG allows (names in other scripts, numbers
 * as IPv4 addresses, data and the like) is refused.
 */
const defaultPorts: Readonly<Record<string, string>> = { "http:": "80", "https:": "443", "file:": "", "ws:": "80", "wss:": "443" };
const pattern = /^([a-z][a-z0-9+.-]*:)\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\[[0-9a-f:.]+\]|[^:/?#@[\]]*)(?::([0-9]*))?([/\\][^?#]*)?(\?[^#]*)?(#.*)?$/i;
const badHost = /[^a-z0-9._~!$&'()*+,;=[\]:-]/;

class HostUrl {
  protocol = "";
  username = "";
  password = "";
  hostname = "";
  port = "";
  pathname = "";
  search = "";
  hash = "";

  constructor(text: string | HostUrl, base?: string | HostUrl) {
    const parts = pattern.exec(absolute(String(text).trim().replaceAll(/[\t\n\r]/g, ""), base === undefined ? undefined : new HostUrl(base)));
    if (!parts) throw invalid(String(text));
    const [, protocol = "", username = "", password = "", host = "", port = "", path = "", search = "", hash = ""] = parts;
    this.protocol = protocol.toLowerCase();
    this.username = username;
    this.password = password;
    const isSpecial = Object.hasOwn(defaultPorts, this.protocol);
    this.hostname = isSpecial ? host.toLowerCase() : host;
    if ((isSpecial && this.protocol !== "file:" && host === "") || badHost.test(host.toLowerCase()) || Number(port) > 65_535) throw invalid(String(text));
    if (host.startsWith("[") && native.isAddress(host.slice(1, -1)) !== 6) throw invalid(String(text));
    this.port = port === "" || (isSpecial && String(Number(port)) === defaultPorts[this.protocol]) ? "" : String(Number(port));
    this.pathname = escape(withoutDots(path.replaceAll("\\", "/"), isSpecial), /[^\x21\x24-\x3b\x3d\x40-\x5f\x61-\x7a\x7c\x7e\x25]/g);
    this.search = search === "?" ? "" : escape(search, /[^\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e\x25]/g);
    this.hash = hash === "#" ? "" : hash;
  }

  get host(): string {
    return this.port === "" ? this.hostname : `${this.hostname}:${this.port}`;
  }
  get origin(): string {
    return `${this.protocol}//${this.host}`;
  }
  get href(): string {
    const who = this.username === "" && this.password === "" ? "" : `${this.username}${this.password === "" ? "" : `:${this.password}`}@`;
    return `${this.protocol}//${who}${this.host}${this.pathname}${this.search}${this.hash}`;
  }

  toString(): string {
    return this.href;
  }
  toJSON(): string {
    return this.href;
  }

  static canParse(text: string, base?: string): boolean {
    try {
      return new HostUrl(text, base) instanceof HostUrl;
    } catch {
      return false;
    }
  }
}

function absolute(text: string, base: HostUrl | undefined): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) || !base) return text;
  if (text.startsWith("//")) return base.protocol + text;
  const root = base.href.slice(0, base.href.length - (base.pathname + base.search + base.hash).length);
  if (text.startsWith("/")) return root + text;
  if (text.startsWith("?") || text === "") return root + base.pathname + (text === "" ? base.search : text);
  if (text.startsWith("#")) return root + base.pathname + base.search + text;
  return root + base.pathname.replace(/[^/]*$/, "") + text;
}

function withoutDots(path: string, isSpecial: boolean): string {
  const kept: string[] = [];
  const parts = path.split("/").slice(1);
  parts.forEach((part, at) => {
    const isLast = at === parts.length - 1;
    if (part === "..") kept.pop();
    else if (part !== ".") kept.push(part);
    if (isLast && (part === ".." || part === ".")) kept.push("");
  });
  return path === "" ? (isSpecial ? "/" : "") : `/${kept.join("/")}`;
}

function escape(text: string, others: RegExp): string {
  return text.replace(others, (character) => [...native.encodeUtf8(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""));
}

function invalid(input: string): TypeError {
  return Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input });
}

export { HostUrl as URL };
export const fileURLToPath = (url: string | HostUrl): string => decodeURIComponent(new HostUrl(url).pathname);
export const pathToFileURL = (path: string): HostUrl => new HostUrl(`file://${path}`);
