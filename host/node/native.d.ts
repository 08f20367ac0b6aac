/**
 * What host/src offers. A number below 0 is an error number, negated: the system refused. What is handed over with the wrong type throws.
 */
declare const native: {
  /** The program's name first. */
  readonly arguments: readonly string[];
  exitCode?: number;
  /** Gets the promises that were rejected without a handler, with their reasons, and empties the map. */
  onUnhandled: ((rejected: Map<Promise<unknown>, unknown>) => void) | null;

  /** Calls back, each time, with what the descriptor is ready for: 1 reading, 2 writing. */
  watch(fd: number, events: number, callback: (ready: number) => void): number;
  unwatch(fd: number): void;
  /** The loop ends when nothing is held any more. */
  hold(by: 1 | -1): void;
  /** Asked before the loop waits: milliseconds until it is to be asked again, -1 never, -2 at once. */
  onTurn(callback: () => number): void;
  onSignal(callback: (signal: number) => void): void;
  signal(signal: number, isWanted: boolean): number;
  /** Milliseconds, monotonic. */
  now(): number;

  /** Null: it is fatal that this is not UTF-8. */
  decodeUtf8(bytes: Uint8Array, offset: number, length: number, isFatal: boolean): string | null;
  encodeUtf8(text: string): Uint8Array<ArrayBuffer>;
  decodeLatin1(bytes: Uint8Array, offset: number, length: number): string;

  open(path: string | Uint8Array, flags: number, mode: number): number;
  close(fd: number): number;
  sync(fd: number): number;
  /** Position -1: where the last reading ended. */
  read(fd: number, into: Uint8Array, offset: number, length: number, position: number): number;
  write(fd: number, from: Uint8Array, offset: number, length: number): number;
  /** Mode, size, ino, uid, gid, dev, mtimeMs, ctimeMs, nlink. */
  stat(file: string | Uint8Array | number, followsLinks: boolean): readonly number[] | number;
  rename(from: string, to: string): number;
  readFolder(path: string | Uint8Array): Uint8Array[] | number;
  /** A descriptor that can be read when something in the folder has changed. */
  watchFolder(path: string): number;
  realPath(path: string): string | number;
  unlink(path: string | Uint8Array): number;
  removeFolder(path: string | Uint8Array): number;
  makeFolder(path: string, mode: number): number;
  changeMode(path: string, mode: number): number;

  /** Family 4, 6, or 1 for UNIX. */
  socket(family: number, isStream: boolean): number;
  bind(fd: number, address: string, port: number): number;
  connect(fd: number, address: string, port: number): number;
  listen(fd: number, backlog: number): number;
  accept(fd: number): number;
  address(fd: number, isPeer: boolean): [address: string, port: number] | number;
  send(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  sendTo(fd: number, bytes: Uint8Array, address: string, port: number): number;
  /** An empty array is the end of a stream. */
  receive(fd: number, most: number): Uint8Array<ArrayBuffer> | number;
  pendingError(fd: number): number;
  shutDown(fd: number): number;
  setOption(fd: number, option: "noDelay" | "reuseAddress" | "onlyIpv6", isOn: boolean): number;
  /** 4, 6, or 0 for what is none. */
  isAddress(text: string): 0 | 4 | 6;

  /** Of each standard stream: 0 nothing, 1 a pipe, 2 ours. */
  spawn(file: string, args: readonly string[], environment: readonly string[], streams: readonly [number, number, number]): [
    pid: number,
    stdin: number,
    stdout: number,
    stderr: number,
  ] | number;
  /** Null while it runs; else the exit code or -1, and the signal or 0. */
  wait(pid: number): [code: number, signal: number] | null;
  kill(pid: number, signal: number): number;

  /** `NAME=value` */
  environment(): string[];
  identity(): [pid: number, uid: number, effectiveUid: number];
  end(code: number): never;
  changeMask(mask: number): number;
  isTerminal(fd: number): boolean;
  error(number: number): [name: string, text: string];

  interfaces(): [name: string, address: string, family: 4 | 6, isLoopback: boolean][] | number;
  /** Calls back with addresses, or the name of an error. */
  lookup(name: string, callback: (result: string[] | string) => void): number;

  random(into: Uint8Array): void;
  /** The hash, or with a key the HMAC. */
  digest(algorithm: string, bytes: Uint8Array, key?: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Its dates as milliseconds; null if it cannot be read. */
  certificate(pem: Uint8Array): [from: number, until: number] | null;
  keyKind(pem: Uint8Array): "rsa" | "ec" | null;
  isPair(certificate: Uint8Array, key: Uint8Array): boolean;

  /** The exports of a new instance of dtls.wasm. */
  dtls(host: import("../../packages/dtls-wasm/src/dtls-module.ts").ShimHost): import("../../packages/dtls-wasm/src/dtls-module.ts").Shim;
};
