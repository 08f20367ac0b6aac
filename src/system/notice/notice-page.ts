import type { Server } from "node:http";
import { noticePort } from "../../enforcer/quarantine-chains.ts";
import type { QuarantinedDevice } from "../../model/enforcement.ts";
import type { Log, NoticePage } from "../../model/ports.ts";
import { errorText } from "../../text/error-text.ts";
import { answerVisitors, type AnswerVisitorDeps } from "./answer-visitors.ts";
import { guardConnections } from "./guard-connections.ts";
import { codeOf, listenForVisitors } from "./listen-for-visitors.ts";
import type { Visitor } from "./visitors.ts";

export interface NoticePageDeps extends Pick<AnswerVisitorDeps, "visitors" | "language"> {
  readonly log: Log;
  /** It has begun or ceased to listen. */
  readonly changed?: () => void;
  readonly port?: number;
}

export interface OpenNoticePage extends NoticePage {
  /** Why there is no page though there should be; for `status`. */
  warnings(): readonly string[];
  isOpen(): boolean;
  /** Ends listening, and all connections. */
  close(): Promise<void>;
}

/**
 * The notice page, while anybody is cut off; without, nothing listens and `node:http` is not even loaded.
 *
 * It listens on all addresses, as those of the LAN come and go with the provider's IPv6 prefix, and answers who comes from a LAN device's
 * network only: a WAN without a firewall gets not a byte.
 */
export function openNoticePage({ visitors, language, log, changed = () => undefined, port = noticePort }: NoticePageDeps): OpenNoticePage {
  let cutOff: readonly QuarantinedDevice[] = [];
  let server: Server | undefined;
  let problem: string | undefined;
  let isClosed = false;
  let turn: Promise<void> = Promise.resolve();
  const isCutOff = ({ address, macs }: Visitor): boolean =>
    cutOff.some(({ mac, addresses }) => (mac !== null && macs.includes(mac)) || addresses.includes(address));

  const guard = guardConnections(visitors);
  const answer = answerVisitors({ visitors, language, isCutOff });

  const stopListening = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (!closing) return;
    const closed = new Promise((resolve) => closing.close(resolve));
    guard.endAll();
    await closed;
  };

  const settle = async (): Promise<void> => {
    const isWanted = cutOff.length > 0 && !isClosed;
    const wasOpen = server !== undefined;
    if (!isWanted) {
      problem = undefined;
      await stopListening();
    } else if (!server) {
      try {
        server = await listenForVisitors(port, { welcome: guard.welcome, answer });
        problem = undefined;
      } catch (error) {
        const reason = codeOf(error) === "EADDRINUSE" ? "something else listens there" : errorText(error);
        const complaint = `there is no notice page for devices that are cut off: TCP port ${port}: ${reason}`;
        if (complaint !== problem) log("warn", complaint);
        problem = complaint;
      }
    }
    if (wasOpen !== (server !== undefined)) changed();
  };
  const settleInTurn = (): Promise<void> => {
    turn = turn.then(settle);
    return turn;
  };

  return {
    show(devices) {
      cutOff = devices;
      void settleInTurn();
    },
    warnings: () => (problem === undefined ? [] : [problem]),
    isOpen: () => server !== undefined && !isClosed,
    close() {
      isClosed = true;
      return settleInTurn();
    },
  };
}
