import { callDaemon } from "../../src/system/operator/control-client.ts";
import { systemClock as clock } from "../../src/system/process/system-clock.ts";
import { openUbus } from "ubus-ts";
import type { Backend } from "./start-router.ts";
import { milliseconds } from "../../src/model/time.ts";

/** The real daemon: methods over its control socket, notifications over ubus. What refuses carries `error`, as on ubus. */
export function daemonBackend(controlSocket: string, ubusSocket: string): Backend & { close(): void } {
  const ubus = openUbus({ path: ubusSocket });
  return {
    async call(method, params) {
      const reply = await callDaemon(controlSocket, method, params, { clock, timeout: milliseconds(20_000) });
      if ("result" in reply) return { status: 0, data: reply.result };
      return reply.error.code === "unreachable" ? undefined : { status: 2, data: reply };
    },
    subscribe: (notified) => ubus.subscribe("dots-callhome", notified),
    close: () => {
      ubus.close();
    },
  };
}
