// Real DTLS servers for the tests: OpenSSL's s_server and GnuTLS' gnutls-serv, each echoing lines.
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileDtls } from "../src/dtls-module.ts";
import type { DtlsModule } from "../src/dtls-module.ts";
import type { DtlsCredentials } from "../src/dtls-session.ts";

export const psk = { is: "psk", identity: "cpe-0001", key: Buffer.from("00112233445566778899aabbccddeeff", "hex") } as const satisfies DtlsCredentials;

/** The module under test: $DTLS_WASM or what `make build` leaves. */
export async function loadDtls(): Promise<DtlsModule> {
  const path = process.env["DTLS_WASM"] ?? fileURLToPath(new URL("../../../dist/dtls.wasm", import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`make build\` first`);
  return compileDtls(readFileSync(path));
}

export type Address = "127.0.0.1" | "::1";

export interface Peer {
  readonly address: Address;
  readonly port: number;
  /** What the server has written so far, for the message of a failing test. */
  output(): string;
  stop(): Promise<void>;
}

/** `openssl s_server` for DTLS 1.2. It has no echo mode for DTLS: its output is fed back to it, line by line. */
export function startOpenssl(args: readonly string[], address: Address = "127.0.0.1"): Promise<Peer> {
  const host = address === "::1" ? "[::1]" : address;
  const child = spawn("openssl", ["s_server", "-dtls1_2", "-accept", `${host}:0`, ...args]);
  let echoed = 0;
  return started(child, address, /ACCEPT \S+:(\d+)\n/, (output) => {
    for (;;) {
      const end = output.indexOf("\n", echoed);
      if (end < 0) return;
      const line = output.slice(echoed, end + 1);
      echoed = end + 1;
      if (line.startsWith("echo ")) child.stdin.write(line);
    }
  });
}

/** `gnutls-serv --udp --echo`. It serves one client after the other. */
export async function startGnutls(args: readonly string[], address: Address = "127.0.0.1"): Promise<Peer> {
  const port = await freePort(address);
  const child = spawn("gnutls-serv", ["--udp", "--echo", "-p", String(port), ...args]);
  return started(child, address, address === "::1" ? /on IPv6 .*done/ : /on IPv4 .*done/, () => undefined, port);
}

export async function freePort(address: Address): Promise<number> {
  const socket = createSocket(address === "::1" ? "udp6" : "udp4");
  await new Promise<void>((resolve) => {
    socket.bind(0, address, resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return port;
}

function started(
  child: ChildProcessWithoutNullStreams,
  address: Address,
  ready: RegExp,
  onOutput: (output: string) => void,
  fixedPort?: number,
): Promise<Peer> {
  let output = "";
  let stdout = "";
  const exited = new Promise<void>((resolve) =>
    child.once("exit", () => {
      resolve();
    })
  );
  const peer = (port: number): Peer => ({
    address,
    port,
    output: () => output,
    stop: () => {
      child.kill("SIGKILL");
      return exited;
    },
  });
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      reject(new Error(`${child.spawnfile} is not installed: ${error.message}`));
    });
    child.once("exit", (code) => {
      reject(new Error(`${child.spawnfile} ended with ${String(code)}: ${output}`));
    });
    child.stdin.on("error", () => undefined); // a server that was stopped while a line was on its way back
    const look = (): void => {
      const found = ready.exec(output);
      if (found) resolve(peer(fixedPort ?? Number(found[1])));
    };
    child.stdout.on("data", (bytes: Buffer) => {
      output += bytes.toString();
      stdout += bytes.toString();
      onOutput(stdout);
      look();
    });
    child.stderr.on("data", (bytes: Buffer) => {
      output += bytes.toString();
      look();
    });
  });
}
