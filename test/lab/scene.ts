import { patience } from "../patience.ts";
import { createLab, labAddresses, type Lab } from "./lab.ts";
import { findPrivate } from "./scene-privacy.ts";
import { labPsk, startDaemon, type Daemon, type DaemonOptions } from "./start-daemon.ts";
import { scopeOf, startPeer, type Peer, type PeerEvent, type PeerLibrary, type ScopeStatus } from "./start-peer.ts";

/** The upstream's client identifier, as in RFC 9132 §4.4.1. */
export const cuid = "dz6pHjaADkaFTbjr0JGBpw";
/** Seconds after which an unanswered request is sent again (RFC 9132 §4.4): UDP may lose it. */
const repeat = 5;
const upstreamAddress = `${labAddresses.isp.v4}:4647`;

export interface SceneOptions extends DaemonOptions {
  /** Default openssl. */
  readonly library?: PeerLibrary;
  /** Of the session between peer and daemon. Default udp. */
  readonly transport?: "udp" | "tcp";
  /** What is not started at once. Default none: the scene begins with a session. */
  readonly without?: readonly ("peer" | "daemon")[];
}

/** A lab in which the router's daemon has dialled the ISP's peer. */
export interface Scene {
  readonly lab: Lab;
  /** Those that were started last. */
  readonly peer: Peer;
  readonly daemon: Daemon;
  startPeer(options?: { readonly listen?: string }): Promise<Peer>;
  /** With the scene's options, but for those that are given anew. */
  startDaemon(options?: DaemonOptions): Daemon;
  put(mid: number, scope: object, more?: object): Promise<PeerEvent>;
  /** A PUT and, without a pause behind its answer, a GET with Observe: both answers. */
  putAndObserve(mid: number, scope: object): Promise<{ readonly accepted: PeerEvent; readonly first: PeerEvent }>;
  get(mid: number): Promise<PeerEvent>;
  /** Registers for notifications, and returns the answer. */
  observe(mid: number): Promise<PeerEvent>;
  delete(mid: number): Promise<PeerEvent>;
  /** The first that the observer is told of the mitigation, past or future, that is it, and when it came; the answer to Observe counts. */
  notified(mid: number, isIt: (scope: ScopeStatus) => boolean, timeoutMs?: number): Promise<ScopeStatus & { readonly t: number }>;
  /** `nft list table inet dots_callhome`; empty if there is no such table. */
  ruleset(): Promise<string>;
}

/** Plays a scene and leaves nothing behind. What the upstream was told is searched for what is private, every time. */
export async function playScene(options: SceneOptions, play: (scene: Scene) => Promise<void>): Promise<void> {
  const lab = await createLab();
  const peers: Peer[] = [];
  const daemons: Daemon[] = [];
  const scene = sceneIn(lab, options, peers, daemons);
  try {
    if (!options.without?.includes("peer")) await scene.startPeer();
    if (!options.without?.includes("daemon")) {
      scene.startDaemon();
      if (peers.length > 0) await scene.daemon.logged(/: session with/);
    }
    await play(scene);
    const found = peers.flatMap((peer) => findPrivate(peer.events));
    if (found.length > 0) throw new Error(`the upstream was told what is private: ${found.join("; ")}`);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${lastWords(peers, daemons)}`, { cause: error });
  } finally {
    await lab.destroy();
  }
}

function sceneIn(lab: Lab, options: SceneOptions, peers: Peer[], daemons: Daemon[]): Scene {
  const scene: Scene = {
    lab,
    get peer() {
      return lastOf(peers);
    },
    get daemon() {
      return lastOf(daemons);
    },
    async startPeer({ listen = upstreamAddress } = {}) {
      const words = ["--transport", options.transport ?? "udp", "--psk", `${labPsk.identity}:${labPsk.key}`, "--cuid", cuid];
      const peer = await startPeer(lab.isp, { library: options.library ?? "openssl", listen, arguments: words });
      peers.push(peer);
      return peer;
    },
    startDaemon(other = {}) {
      const { upstream = {}, ...all } = { ...options, ...other };
      const daemon = startDaemon(lab, { ...all, upstream: { transport: options.transport ?? "udp", ...upstream } });
      daemons.push(daemon);
      return daemon;
    },
    put: (mid, scope, more) => scene.peer.ask({ do: "put", mid, scope, repeat, ...more }),
    async putAndObserve(mid, scope) {
      const from = scene.peer.events.length;
      scene.peer.send({ do: "put", mid, scope, repeat });
      scene.peer.send({ do: "get", mid, observe: 0, repeat });
      const answerTo = async (method: string): Promise<PeerEvent> => {
        const { n } = await scene.peer.until(`the ${method}`, (event) => event.event === "sent" && event.method === method, { from });
        return scene.peer.until(`the answer to the ${method}`, (event) => (event.event === "answer" || event.event === "failed") && event.n === n, { from });
      };
      return { accepted: await answerTo("PUT"), first: await answerTo("GET") };
    },
    get: (mid) => scene.peer.ask({ do: "get", mid, repeat }),
    observe: (mid) => scene.peer.ask({ do: "get", mid, observe: 0, repeat }),
    delete: (mid) => scene.peer.ask({ do: "delete", mid, repeat }),
    async notified(mid, isIt, timeoutMs = patience) {
      const isTold = ({ event, observe }: PeerEvent): boolean => event === "notification" || (event === "answer" && observe !== undefined);
      const isNews = (event: PeerEvent): boolean => isTold(event) && scopeOf(event).mid === mid && isIt(scopeOf(event));
      const news = await scene.peer.until(`a notification about mid ${mid}, ${String(isIt)},`, isNews, { timeoutMs });
      return { ...scopeOf(news), t: news.t };
    },
    ruleset: async () => (await lab.router.run("nft", ["list", "table", "inet", "dots_callhome"])).stdout,
  };
  return scene;
}

function lastOf<T>(started: readonly T[]): T {
  const last = started.at(-1);
  if (!last) throw new Error("the scene has not started it yet");
  return last;
}

function lastWords(peers: readonly Peer[], daemons: readonly Daemon[]): string {
  return [
    ...daemons.flatMap(({ log }, at) => [`the last lines of daemon ${at + 1}:`, ...log.slice(-15)]),
    ...peers.flatMap(({ events }, at) => [`the last lines of peer ${at + 1}:`, ...events.slice(-8).map((event) => JSON.stringify(event).slice(0, 300))]),
  ].join("\n  ");
}
