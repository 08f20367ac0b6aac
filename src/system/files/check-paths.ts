import { lstatSync, readdirSync, realpathSync, statSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";

/** What is wrong with a path of the configuration; `message` goes behind the name of the option. */
export interface PathProblem {
  readonly option: "state_dir" | "control_socket";
  readonly message: string;
}

/** Ours by its name. */
const ownFolder = "/etc/dots-callhome";
const roots = ["/var", "/run", "/tmp"];
/** Where a client looks that knows nothing of the configuration; in a folder of others, and named after us. */
const defaultSocket = "/var/run/dots-callhome.sock";
const expectedFolder = `expected a folder below ${ownFolder}, /var, /run or /tmp that is ours alone: new, empty, or this daemon's already`;

/**
 * Root's init script hands these folders over to the daemon's user, and the removal of the package deletes what lies there: so both must
 * lie, links resolved, where nothing of others can be. Read at each check; changes nothing.
 */
export function checkPaths({ stateDir, controlSocket }: { readonly stateDir: string; readonly controlSocket: string }): readonly PathProblem[] {
  const socketName = basename(controlSocket);
  const state = problemOfFolder(stateDir, socketName);
  const socket = problemOfSocket(controlSocket, socketName);
  return [
    ...(state === undefined ? [] : [{ option: "state_dir", message: `'${stateDir}' ${state}` } as const]),
    ...(socket === undefined ? [] : [{ option: "control_socket", message: `'${controlSocket}' ${socket}` } as const]),
  ];
}

function problemOfSocket(path: string, name: string): string | undefined {
  const found = statOf(path);
  if (found && !found.isSocket()) return "exists and is not a socket, expected a path for a socket of its own";
  const real = resolvePath(path);
  if (real === undefined) return `is a link that leads nowhere, ${expectedFolder}`;
  if (path === defaultSocket && !isLink(path)) return undefined;
  return problemOfFolder(dirname(real), name);
}

function problemOfFolder(path: string, socketName: string): string | undefined {
  const real = resolvePath(path);
  if (real === undefined) return `is a link that leads nowhere, ${expectedFolder}`;
  const where = real === path ? "lies" : `leads to ${real}, which lies`;
  if (isBelow(real, ownFolder) || real === ownFolder) return problemOfKind(real);
  const isAllowed = [...roots, ...roots.flatMap((root) => resolvePath(root) ?? [])].some((root) => isBelow(real, root))
    && !roots.some((root) => resolvePath(root) === real);
  if (!isAllowed) return `${where} elsewhere, ${expectedFolder}`;
  return problemOfKind(real)
    ?? (isOurs(real, socketName) ? undefined : `${real === path ? "" : `leads to ${real}, which `}holds what is not this daemon's, ${expectedFolder}`);
}

function problemOfKind(path: string): string | undefined {
  const found = statOf(path);
  return found && !found.isDirectory() ? `is not a folder, ${expectedFolder}` : undefined;
}

/** Not there yet, empty, with what this daemon keeps, named after us, or closed to all but the user that we run as. */
function isOurs(folder: string, socketName: string): boolean {
  const found = statOf(folder);
  if (!found || basename(folder) === "dots-callhome") return true;
  if (found.uid === process.geteuid?.() && (found.mode & 0o077) === 0) return true;
  const names = readdirSync(folder);
  const isKept = (name: string): boolean => /^(state|owner|ids)\.json(\..+)?$/.test(name);
  return names.some((name) => name === "state.json" || name === "owner.json")
    || names.every((name) => isKept(name) || name === socketName || /^\.dc\d+$/.test(name));
}

/** With all links resolved, as far as it exists; undefined if a link on the way leads nowhere. */
function resolvePath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    if (isLink(path)) return undefined;
    const above = dirname(path);
    const real = above === path ? path : resolvePath(above);
    return real === undefined ? undefined : join(real, basename(path));
  }
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a file stands where a folder should be: it is told when that is made
  }
}
