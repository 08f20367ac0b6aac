import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";

export interface Path {
  /** The address that a session sends from. */
  readonly local: string;
  readonly peer: string;
  readonly port: number;
  /** Whether the session was bound to its address, so that it goes on from there whatever the routes say. */
  readonly isBound: boolean;
}

/** Errors of a send that say something about this router, and not about the peer. */
export const unsendable: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENETUNREACH", "EADDRNOTAVAIL", "ENETDOWN", "ENODEV"]);

/**
 * Why a session cannot go on: its own address is gone, there is no way to its peer, or the way leads out by another device now. Undefined if
 * nothing is wrong. Asks the kernel for its choice by connecting a UDP socket, which sends nothing.
 */
export async function pathProblem({ local, peer, port, isBound }: Path): Promise<string | undefined> {
  const device = deviceOf(local);
  if (device === undefined) return "the address that it was dialled from is gone";
  const chosen = await chooseSource(peer, port, isBound ? local : undefined);
  if ("problem" in chosen) return `there is no way to the provider any more (${chosen.problem})`;
  const now = deviceOf(chosen.address);
  return now === undefined || now === device ? undefined : `the way to the provider leads through ${now} now, no longer through ${device}`;
}

function deviceOf(address: string): string | undefined {
  return Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some((each) => each.address === address))?.[0];
}

function chooseSource(peer: string, port: number, from: string | undefined): Promise<{ readonly address: string } | { readonly problem: string }> {
  return new Promise((resolve) => {
    const socket = createSocket(peer.includes(":") ? "udp6" : "udp4");
    const settle = (result: { readonly address: string } | { readonly problem: string }): void => {
      resolve(result);
      socket.close();
    };
    socket.on("error", (error: NodeJS.ErrnoException) => {
      settle({ problem: error.code ?? error.message });
    });
    const connect = (): void => {
      socket.connect(port, peer, ((error?: NodeJS.ErrnoException) => {
        settle(error ? { problem: error.code ?? error.message } : { address: socket.address().address });
      }) as () => void);
    };
    if (from === undefined) connect();
    else socket.bind({ address: from, exclusive: true }, connect);
  });
}
