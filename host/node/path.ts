/** node:path of POSIX. */
export function normalize(path: string): string {
  const isAbsolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push("..");
  }
  const plain = `${isAbsolute ? "/" : ""}${parts.join("/")}`;
  return plain === "" ? "." : plain !== "/" && path.endsWith("/") ? `${plain}/` : plain;
}

export function join(...parts: readonly string[]): string {
  const whole = parts.filter((part) => part !== "").join("/");
  return whole === "" ? "." : normalize(whole);
}

export function dirname(path: string): string {
  const bare = path.replace(/(?<=[^/])\/+$/, "");
  const at = bare.lastIndexOf("/");
  return at < 0 ? "." : bare.slice(0, at).replace(/\/+$/, "") || "/";
}

export function basename(path: string, suffix = ""): string {
  const name = path.replace(/\/+$/, "").replace(/^.*\//s, "");
  return suffix !== "" && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

export const resolve = (...parts: readonly string[]): string => {
  const absolute = parts.findLastIndex((part) => part.startsWith("/"));
  if (absolute < 0) throw new Error("this runtime resolves no path without a beginning");
  return normalize(parts.slice(absolute).join("/")).replace(/(?<=.)\/$/, "");
};
export default { normalize, join, dirname, basename, resolve };
