// What the pure folders and their tests take from Node and the web, on QuickJS' own modules std and os. For the spike only: a real
// port would have these natively, or as the few system ports of src/model/ports.ts.
import * as std from "std";
import * as os from "os";

// -- the web's globals

globalThis.TextEncoder ??= class {
  encode(text) {
    const bytes = [];
    for (const char of text) {
      let code = char.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | code >> 6, 0x80 | code & 63);
      else if (code < 0x10000) bytes.push(0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63);
      else bytes.push(0xf0 | code >> 18, 0x80 | code >> 12 & 63, 0x80 | code >> 6 & 63, 0x80 | code & 63);
    }
    return Uint8Array.from(bytes);
  }
};
globalThis.TextDecoder ??= class {
  constructor(_encoding, { fatal = false, ignoreBOM = false } = {}) { Object.assign(this, { fatal, ignoreBOM }); }
  decode(bytes = new Uint8Array()) {
    let text = "";
    const least = [0, 0x80, 0x800, 0x10000];
    for (let at = 0; at < bytes.length;) {
      const first = bytes[at++];
      const more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
      let code = more < 0 ? -1 : more === 0 ? first : first & (0x3f >> more);
      for (let n = 0; n < more && code >= 0; n++) {
        if ((bytes[at] & 0xc0) !== 0x80) code = -1;
        else code = code << 6 | bytes[at++] & 0x3f;
      }
      if (code >= 0 && (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))) code = -1;
      if (code < 0 && this.fatal) throw new TypeError("not UTF-8");
      text += code < 0 ? "\ufffd" : String.fromCodePoint(code);
    }
    return this.ignoreBOM ? text : text.replace(/^\ufeff/, "");
  }
};
globalThis.setTimeout ??= (callback, delay = 0, ...args) => os.setTimeout(() => callback(...args), delay);
globalThis.clearTimeout ??= (timer) => { if (timer) os.clearTimeout(timer); };
globalThis.setImmediate ??= (callback, ...args) => os.setTimeout(() => callback(...args), 0);
globalThis.queueMicrotask ??= (callback) => { Promise.resolve().then(callback); };
globalThis.structuredClone ??= (value) => JSON.parse(JSON.stringify(value));
globalThis.AbortSignal ??= class {
  aborted = false;
  #listeners = [];
  addEventListener(_type, listener) { this.#listeners.push(listener); }
  removeEventListener(_type, listener) { this.#listeners = this.#listeners.filter((each) => each !== listener); }
  throwIfAborted() { if (this.aborted) throw this.reason; }
  abort(reason) {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason ?? new Error("aborted");
    for (const listener of this.#listeners) listener({ type: "abort" });
  }
};
globalThis.AbortController ??= class {
  signal = new AbortSignal();
  abort(reason) { this.signal.abort(reason); }
};
/** As much of a URL as config/ and the tests' file names ask for. */
globalThis.URL ??= class {
  constructor(text, base) {
    const whole = base === undefined || /^\w+:/.test(text) ? String(text) : String(base).replace(/[^/]*$/, "") + text;
    const parts = /^([a-z][a-z0-9+.-]*:)(\/\/([^/?#]*))?([^?#]*)/.exec(whole);
    if (!parts || (parts[1] !== "file:" && !/^[^\s]+$/.test(parts[3] ?? ""))) throw new TypeError("Invalid URL");
    const [, protocol, , authority = "", path] = parts;
    const [, username = "", password = "", host] = /^(?:([^:@]*)(?::([^@]*))?@)?(.*)$/.exec(authority);
    const pathname = path.replace(/[^/]+\/\.\.\//g, "");
    Object.assign(this, { href: `${protocol}//${authority}${pathname}`, protocol, username, password, search: "", hash: "", port: /:(\d+)$/.exec(host)?.[1] ?? "", host, hostname: host.replace(/:\d+$/, ""), pathname });
  }
  static canParse(text) { try { new URL(text); return true; } catch { return false; } }
  toString() { return this.href; }
};
// browser: cborg then takes Uint8Array, as there is no real Buffer here.
globalThis.process ??= { browser: true, env: {}, argv: [], pid: os.getpid?.() ?? 0, version: "" };
globalThis.Buffer ??= class Buffer extends Uint8Array {
  static from(source, encoding) {
    if (typeof source !== "string") return new Buffer(source);
    if (encoding === "hex") return new Buffer((source.match(/../g) ?? []).map((pair) => parseInt(pair, 16)));
    return new Buffer(new TextEncoder().encode(source));
  }
  static concat(list) {
    const whole = new Buffer(list.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const each of list) { whole.set(each, at); at += each.length; }
    return whole;
  }
  static alloc(size, fill = 0) { return new Buffer(size).fill(fill); }
  static isBuffer(value) { return value instanceof Buffer; }
  toString(encoding = "utf8") {
    if (encoding === "hex") return [...this].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (encoding === "latin1") return String.fromCharCode(...this);
    return new TextDecoder().decode(this);
  }
  equals(other) { return this.length === other.length && this.every((byte, at) => byte === other[at]); }
};

// -- node:fs, node:url

export function readFileSync(path, encoding) {
  const name = String(path.pathname ?? path).replace(/^file:\/\//, "");
  const text = std.loadFile(name);
  if (text === null) throw Object.assign(new Error(`${name}: no such file`), { code: "ENOENT" });
  return encoding ? text : Buffer.from(text);
}
export function readdirSync(path) {
  return os.readdir(String(path.pathname ?? path))[0].filter((name) => name !== "." && name !== "..");
}
export function writeFileSync() { throw new Error("the spike writes nothing"); }
export const existsSync = (path) => os.stat(String(path.pathname ?? path))[1] === 0;
export const fileURLToPath = (url) => String(url.pathname ?? url).replace(/^file:\/\//, "");
export const join = (...parts) => parts.join("/").replace(/\/+/g, "/");

// -- node:assert/strict

export class AssertionError extends Error {}
const show = (value) => { try { return JSON.stringify(value, (_key, each) => typeof each === "bigint" ? `${each}n` : each)?.slice(0, 300); } catch { return String(value); } };
const fail = (message, standard) => { if (message instanceof Error) throw message; throw new AssertionError(message ?? standard); };
function isSame(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Map || a instanceof Set) {
    return a.size === b.size && [...a].every((entry) => a instanceof Map
      ? [...b].some(([key, value]) => isSame(entry[0], key) && isSame(entry[1], value)) : [...b].some((value) => isSame(entry, value)));
  }
  if (a instanceof Error && a.message !== b.message) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}
function isExpected(error, expected) {
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected === "function") return expected.prototype instanceof Error || expected === Error ? error instanceof expected : expected(error) === true;
  return Object.entries(expected).every(([key, value]) => value instanceof RegExp ? value.test(error[key]) : isSame(error[key], value));
}
const assert = (value, message) => { if (!value) fail(message, "not truthy"); };
Object.assign(assert, {
  ok: assert,
  equal: (a, b, message) => { if (!Object.is(a, b)) fail(message, `${show(a)} is not ${show(b)}`); },
  notEqual: (a, b, message) => { if (Object.is(a, b)) fail(message, `${show(a)} on both sides`); },
  deepEqual: (a, b, message) => { if (!isSame(a, b)) fail(message, `${show(a)} is not ${show(b)}`); },
  notDeepEqual: (a, b, message) => { if (isSame(a, b)) fail(message, "the same"); },
  match: (text, pattern, message) => { if (!pattern.test(text)) fail(message, `${show(text)} does not match ${pattern}`); },
  doesNotMatch: (text, pattern, message) => { if (pattern.test(text)) fail(message, `${show(text)} matches ${pattern}`); },
  fail: (message) => { fail(message, "failed"); },
  throws(run, expected, message) {
    try { run(); } catch (error) { if (!isExpected(error, expected)) throw error; return; }
    fail(typeof expected === "string" ? expected : message, "did not throw");
  },
  doesNotThrow: (run) => { run(); },
  async rejects(promise, expected) {
    try { await (typeof promise === "function" ? promise() : promise); } catch (error) { if (!isExpected(error, expected)) throw error; return; }
    fail(undefined, "did not reject");
  },
});
export default assert;

// -- node:test: one after the other, in the order of the file

const queue = [];
const outcome = { passed: 0, failed: [] };
const named = (args) => ({ name: String(args[0]), run: args.find((each) => typeof each === "function"), skip: args.some((each) => each?.skip) });
let within = "";
export function test(...args) {
  const { name, run, skip } = named(args);
  if (!skip && run) queue.push({ name: `${within}${name}`, run });
}
export const it = test;
export function describe(...args) {
  const { name, run } = named(args);
  const outer = within;
  within += `${name} > `;
  run();
  within = outer;
}
export const suite = describe;
export const [before, after, beforeEach, afterEach] = [0, 0, 0, 0].map(() => () => undefined);

async function runOne({ name, run }) {
  const nested = [];
  const context = { test: async (...args) => { const inner = named(args); await runOne({ name: `${name} > ${inner.name}`, run: inner.run }); }, after: (callback) => nested.push(callback), diagnostic() { /* quiet */ } };
  try {
    await run(context);
    for (const callback of nested) await callback();
    outcome.passed++;
  } catch (error) {
    outcome.failed.push(`${name}: ${error?.message ?? error}\n${error?.stack ?? ""}`);
  }
}

const memory = (field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(std.open("/proc/self/status", "r").readAsString())?.[1] ?? 0);
export async function runTests() {
  for (const each of queue) await runOne(each);
  console.log(JSON.stringify({ passed: outcome.passed, failed: outcome.failed, peakKb: memory("VmHWM") }));
}
export function report() {
  console.log(JSON.stringify({ residentKb: memory("VmRSS"), peakKb: memory("VmHWM") }));
}
