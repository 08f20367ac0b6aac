// What the tests of real servers share: dialling with test credentials, asking for an echo.
import assert from "node:assert/strict";
import { psk } from "../../../packages/dtls-wasm/test/peers.ts";
import { dialDtls, DialError } from "../../../src/system/dial/dial-dtls.ts";
import type { DtlsChannel, DialFailure, DialOptions, DialTarget } from "../../../src/system/dial/dial-dtls.ts";
import type { DtlsModule } from "dtls-wasm";

export const opensslPsk = ["-nocert", "-psk", "00112233445566778899aabbccddeeff", "-psk_identity", "cpe-0001"] as const;

export interface Dialled {
  readonly channel: DtlsChannel;
  /** Everything that was delivered, in order. */
  readonly messages: string[];
  readonly closings: DialFailure[];
  /** Sends a line and waits until it came back; sends again what was lost, like any user of datagrams. */
  readonly echo: (text: string) => Promise<void>;
}

export type Where = Pick<DialTarget, "address" | "port"> & Partial<DialTarget>;

/** Dials a server of peers.ts. */
export async function dial(module: DtlsModule, where: Where, options: DialOptions = { giveUpMs: 10_000 }): Promise<Dialled> {
  const messages: string[] = [];
  const closings: DialFailure[] = [];
  let heard = (): void => undefined;
  const target: DialTarget = {
    serverName: "isp.example",
    credentials: psk,
    ...where,
  };
  const channel = await dialDtls(module, target, {
    message(bytes) {
      messages.push(Buffer.from(bytes).toString());
      heard();
    },
    closed(failure) {
      closings.push(failure);
      heard();
    },
  }, options);
  return {
    channel,
    messages,
    closings,
    async echo(text) {
      const line = `echo ${text}\n`;
      // GnuTLS' server echoes in pieces of 254 bytes.
      const heardIt = (): boolean => messages.join("").includes(line);
      for (let tries = 0; tries < 120 && !heardIt(); tries++) {
        assert.equal(channel.send(Buffer.from(line)), true, closings[0]?.text);
        await new Promise<void>((resolve) => {
          const later = setTimeout(resolve, 500);
          heard = () => {
            clearTimeout(later);
            resolve();
          };
        });
      }
      assert.ok(heardIt(), `no echo of ${line.slice(0, 40)}; heard ${messages.map((message) => `${message.slice(0, 40)} (${String(message.length)})`).join()}`);
    },
  };
}

/** Dials and expects to be refused. */
export async function refusal(module: DtlsModule, where: Where, options?: DialOptions): Promise<DialFailure> {
  try {
    const { channel } = await dial(module, where, options);
    channel.close();
  } catch (error) {
    assert.ok(error instanceof DialError, String(error));
    return error.failure;
  }
  assert.fail("the handshake succeeded");
}
