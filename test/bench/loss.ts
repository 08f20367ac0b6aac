import { runUnderLoss, type LossOptions } from "../lab/loss-run.ts";
import { printTable, spreadOf } from "./measure.ts";

const losses = [0, 10, 30, 50]; // percent, in each direction
const sessions = 20;
const rounds = 2;
const patienceMs = 60_000;

/** Sessions that came within a minute and requests that were answered, beside OpenSSL's client in the same run. */
export async function benchLoss(): Promise<void> {
  for (const transport of ["udp", "tcp"] as const) await benchTransport(transport);
}

export async function benchTransport(transport: LossOptions["transport"]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const loss of losses) rows.push(await row({ transport, loss, sessions, rounds, patienceMs, answerSeconds: 50, beside: sessions }));
  printTable(
    `Under loss, ${transport === "udp" ? "DTLS over UDP" : "TLS over TCP"} with PSK: ${
      String(sessions)
    } sessions dialled at once, up within 60 s (seconds: median, worst);\n`
      + `${String(rounds)} Non-confirmable PUTs on each, repeated every 3 s until they are answered; beside \`openssl s_client\` with the same peer`,
    ["loss each way", "sessions", "median", "worst", "answered", "median", "worst", "executed twice", "s_client", "median", "worst"],
    rows,
  );
}

async function row(options: LossOptions): Promise<(string | number)[]> {
  const result = await runUnderLoss(options);
  const spread = (times: readonly number[]): number[] => {
    const { median, worst } = spreadOf(times);
    return [median / 1000, worst / 1000];
  };
  return [
    `${String(options.loss)} %`,
    `${String(result.sessions.length)}/${String(options.sessions)}`,
    ...spread(result.sessions),
    `${String(result.answers.length)}/${String(result.asked)}`,
    ...spread(result.answers),
    String(result.duplicates),
    `${String(result.beside.length)}/${String(options.beside)}`,
    ...spread(result.beside),
  ];
}
