import type { Socket } from "node:net";
import { noticeLimits } from "./notice-limits.ts";
import type { Visitors } from "./visitors.ts";

/** The connections with the notice page. */
export interface ConnectionGuard {
  /** A new one: takes it, makes room for it, or ends it at once. */
  readonly welcome: (socket: Socket) => void;
  endAll(): void;
}

/** Stands for all who are not in the neighbour table yet. */
const nobodyKnows = "nobody knows";

/** Bounds how many connections there are, of one device and in all, how often they come, and how long they last. */
export function guardConnections(visitors: Visitors): ConnectionGuard {
  const open = new Map<Socket, string>();
  const isTooOften = createRate(noticeLimits.aSecond, noticeLimits.aSecondOfOne);
  const countOf = (who: string): number => [...open.values()].filter((each) => each === who).length;
  /** Who holds most, and for longest, makes room: a request takes milliseconds, who holds a connection open does not ask for anything. */
  const makeRoom = (): void => {
    const most = Math.max(...[...open.values()].map(countOf));
    // Never by resetAndDestroy: behind an answer that is just being closed, Node 20 leaves its socket open for good.
    [...open].find(([, who]) => countOf(who) === most)?.[0].destroy();
  };

  const welcome = (socket: Socket): void => {
    const from = socket.remoteAddress ?? "";
    const who = visitors.seenAs(from) ?? nobodyKnows;
    socket.on("error", () => undefined);
    if (isTooOften(who) || countOf(who) >= noticeLimits.connectionsOfOne) {
      socket.destroy();
      return;
    }
    if (open.size >= noticeLimits.connections) makeRoom();
    open.set(socket, who);
    const end = setTimeout(() => {
      socket.destroy();
    }, noticeLimits.life);
    socket.once("close", () => {
      clearTimeout(end);
      open.delete(socket);
    });
    // A device may have any number of addresses, but few MAC addresses: as soon as that is known it is what counts.
    if (who === nobodyKnows)
      visitors.identify(from).then(() => {
        const known = visitors.seenAs(from);
        if (known === undefined || !open.has(socket)) return;
        if (countOf(known) >= noticeLimits.connectionsOfOne) socket.destroy();
        else open.set(socket, known);
      }, () => undefined);
  };

  return {
    welcome,
    endAll() {
      for (const socket of open.keys()) socket.destroy();
    },
  };
}

/** Whether there have been too many this second, in all or of one. */
function createRate(most: number, mostOfOne: number): (from: string) => boolean {
  let second = -1;
  let all = 0;
  const of = new Map<string, number>();
  return (from) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      second = now;
      all = 0;
      of.clear();
    }
    const count = (of.get(from) ?? 0) + 1;
    if (count > mostOfOne || all >= most) return true;
    of.set(from, count);
    all++;
    return false;
  };
}
