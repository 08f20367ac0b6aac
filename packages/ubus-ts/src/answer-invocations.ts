import { BlobError } from "./blob.ts";
import { decodeTable, encodeTable, type UbusTable } from "./blobmsg.ts";
import type { UbusConnection } from "./connect-ubus.ts";
import type { HostedObject } from "./hosted-object.ts";
import { messageType, ubusStatus, type UbusMessage } from "./message.ts";
import { UbusError } from "./ubus-error.ts";

export interface InvocationDeps {
  readonly connection: () => UbusConnection | undefined;
  /** A method that failed unexpectedly: for a log. */
  readonly onProblem: (message: string) => void;
}

/** Methods of ours that run at the same time; what comes beyond is answered with status 10. */
const mostInvocations = 64;

/** Runs a method of ours and sends what it answers: DATA if there is any, then STATUS; on the connection that the call came by, or not at all. */
export function answerInvocations({ connection, onProblem }: InvocationDeps): (object: HostedObject | undefined, message: UbusMessage) => void {
  let invocations = 0;
  return (object, message) => {
    const { objectId, method, data, noReply, user = null, group = null } = message.attributes;
    if (objectId === undefined) return;
    const current = connection();
    const isEvent = message.peer === 0;
    const reply = (status: number, table?: UbusTable): void => {
      if (isEvent || noReply === true || !current || current !== connection()) return;
      const { seq, peer } = message;
      const sent = table === undefined || sendData(current, message, objectId, table);
      current.send({ type: messageType.status, seq, peer, attributes: { status: sent ? status : ubusStatus.noMemory, objectId } });
    };
    if (!object) {
      reply(ubusStatus.notFound);
      return;
    }
    if (method === undefined || data === undefined) {
      reply(ubusStatus.invalidArgument);
      return;
    }
    if (invocations >= mostInvocations) {
      reply(ubusStatus.noMemory);
      return;
    }
    invocations++;
    const run = async (): Promise<UbusTable | null> => object.invoked({ method, args: decodeTable(data), caller: { user, group }, isEvent });
    run().then((table) => {
      reply(ubusStatus.ok, table ?? undefined);
    }, (error: unknown) => {
      if (error instanceof UbusError) reply(error.status, error.data);
      else if (error instanceof BlobError) reply(ubusStatus.invalidArgument);
      else {
        onProblem(`${object.name}, method ${method}: ${error instanceof Error ? error.message : String(error)}`);
        reply(ubusStatus.unknownError);
      }
    }).finally(() => {
      invocations--;
    }).catch((error: unknown) => {
      onProblem(`internal: ${String(error)}`);
    });
  };
}

function sendData(connection: UbusConnection, { seq, peer }: UbusMessage, objectId: number, table: UbusTable): boolean {
  try {
    return connection.send({ type: messageType.data, seq, peer, attributes: { objectId, data: encodeTable(table) } });
  } catch (error) {
    if (error instanceof BlobError) return false;
    throw error;
  }
}
