import type { Caller } from "../../operator/caller.ts";
import type { Reply } from "../../operator/dispatch.ts";
import { methods, type Method, type OperatorErrorCode } from "../../operator/methods.ts";
import type { OwnerEvent } from "../../operator/owner-events.ts";
import type { Parameter } from "../../operator/parameters.ts";
import type { Log } from "../../model/ports.ts";
import { type BlobmsgType, openUbus, type Ubus, type UbusCaller, UbusError, ubusStatus, type UbusTable } from "ubus-ts";

export interface OperatorOnUbus {
  /** The connection, for other questions to the same ubusd. */
  readonly ubus: Ubus;
  tell(event: OwnerEvent): void;
  /** Why ubus has nothing of us, where it once had, or refuses it; for `status`. */
  warnings(): readonly string[];
  close(): void;
}

type Answerer = (caller: Caller, method: string, params: unknown) => Promise<Reply>;

const objectPath = "dots-callhome";

/** Parameters as `ubus -v list` shows them. */
const wireTypes = { number: "int32", text: "string", texts: "array" } as const satisfies Record<Parameter<unknown>["wire"], BlobmsgType>;

/** ubus has numbers only: `error {code, message}` goes along as data. */
const statusOf: Readonly<Record<OperatorErrorCode, number>> = {
  "bad-request": ubusStatus.invalidArgument,
  "bad-params": ubusStatus.invalidArgument,
  "unknown-method": ubusStatus.methodNotFound,
  "not-found": ubusStatus.notFound,
  "wrong-state": ubusStatus.notSupported,
  forbidden: ubusStatus.permissionDenied,
  busy: ubusStatus.noMemory,
  internal: ubusStatus.systemError,
  unreachable: ubusStatus.connectionFailed,
  timeout: ubusStatus.timeout,
};

/** Publishes the control methods as the ubus object `dots-callhome`. A ubusd that is not there is waited for, quietly. */
export function openOperatorOnUbus(path: string, answer: Answerer, log: Log, connected: () => void = () => undefined): OperatorOnUbus {
  /** Why it is not there any more; undefined as long as it never was. */
  let lost: string | undefined;
  let hasBeenThere = false;
  let refusal: string | undefined;
  const ubus = openUbus({
    path,
    onConnection: (isConnected, reason) => {
      if (!isConnected) {
        lost = hasBeenThere ? reason : undefined;
        log(hasBeenThere ? "warn" : "debug", `ubus: ${reason}; tried again every 10 s at least`);
        return;
      }
      hasBeenThere = true;
      lost = undefined;
      log("info", `ubus: connected at ${path}`);
      connected();
    },
    onProblem: once((message) => {
      refusal = message;
      log("warn", `ubus: ${message}; not as root, /usr/share/acl.d/dots-callhome.json must allow it`);
    }),
  });
  const publication = ubus.publish({
    path: objectPath,
    methods: Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, {
      signature: signatureOf(method),
      async answer(args: UbusTable, caller: UbusCaller) {
        const reply = await answer(callerOf(args, caller), name, args);
        if ("error" in reply) throw new UbusError(statusOf[reply.error.code], reply.error.message, { error: { ...reply.error } });
        return reply.result as UbusTable; // views are plain JSON
      },
    }])),
  });
  return {
    ubus,
    tell: ({ event, about }) => {
      publication.notify(event, about as unknown as UbusTable);
    },
    warnings() {
      if (lost !== undefined) return [`ubus: ${lost}`];
      return refusal === undefined || !ubus.isConnected || publication.isPublished ? [] : [`ubus: ${refusal}`];
    },
    close: () => {
      ubus.close();
    },
  };
}

/**
 * ubusd decided who may invoke a method here (acl.d), and for a browser rpcd did, by the session's ACL. The session's
 * token is a secret and is not logged.
 */
function callerOf(args: UbusTable, { user }: UbusCaller): Caller {
  return { via: "ubus", who: "ubus_rpc_session" in args ? `${user ?? "somebody"} (web session)` : user, mayChange: true };
}

function signatureOf(method: Method): Record<string, BlobmsgType> {
  return Object.fromEntries(Object.entries(method.params).map(([name, parameter]) => [name, wireTypes[parameter.wire]]));
}

/** The same message is passed on the first time only, until another one comes. */
function once(say: (message: string) => void): (message: string) => void {
  let last: string | undefined;
  return (message) => {
    if (message !== last) say(message);
    last = message;
  };
}
