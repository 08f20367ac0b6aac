import { methods, type MethodName } from "../operator/methods.ts";

/** An operand (`ID`) or an option (`--for SECONDS`) of a command, and the parameter of the control method that it becomes. */
export interface CliInput {
  /** As help shows it: `ID`, or `--for`. */
  readonly name: string;
  readonly param: string;
  /** Name of an option's value in help. */
  readonly value?: string;
  /** For an option that may be given several times. */
  readonly repeatable?: true;
  /** Whether the value is a duration: 90, 15m, 2h, 1d. */
  readonly duration?: true;
}

export interface CliCommand {
  readonly summary: string;
  /** The control method that the daemon answers; null for commands that need no daemon. */
  readonly method: MethodName | null;
  /** Parameters that the command sets by itself. */
  readonly fixed?: Readonly<Record<string, string>>;
  readonly operands: readonly CliInput[];
  readonly options: readonly CliInput[];
  readonly example?: string;
}

const id: CliInput = { name: "ID", param: "id" };

/** All commands of the contract, in the order in which help lists them; types and bounds of what they take are those of `methods`. */
export const commands = {
  run: { summary: "run the daemon in the foreground", method: null, operands: [], options: [] },
  check: { summary: "check the configuration, keys and certificates, without connecting", method: null, operands: [], options: [] },
  setup: { summary: "for the web page: look at settings, or store a key (JSON on standard input)", method: null, operands: [], options: [] },
  status: { summary: methods.status.help, method: "status", operands: [], options: [] },
  list: {
    summary: methods.list.help,
    method: "list",
    operands: [],
    options: [{ name: "--state", value: "STATE", param: "state" }],
  },
  pending: { summary: "requests waiting for your answer", method: "list", fixed: { state: "pending" }, operands: [], options: [] },
  approve: {
    summary: methods.approve.help,
    method: "approve",
    operands: [id],
    options: [{ name: "--action", value: "ACTION", param: "action" }, { name: "--for", value: "SECONDS", param: "seconds", duration: true }],
    example: "dots-callhome approve 17 --action limit --for 1h",
  },
  deny: { summary: methods.deny.help, method: "deny", operands: [id], options: [] },
  release: { summary: methods.release.help, method: "release", operands: [id], options: [] },
  devices: { summary: methods.devices.help, method: "devices", operands: [], options: [] },
  policy: {
    summary: methods.policy.help,
    method: "policy",
    operands: [{ name: "MAC", param: "mac" }, { name: "POLICY", param: "policy" }],
    options: [],
    example: "dots-callhome policy aa:bb:cc:dd:ee:ff auto",
  },
  history: { summary: methods.history.help, method: "history", operands: [], options: [{ name: "--limit", value: "N", param: "limit" }] },
  lookup: {
    summary: methods.lookup.help,
    method: "lookup",
    operands: [],
    options: [
      { name: "--source", value: "PREFIX", param: "source", repeatable: true },
      { name: "--source-port", value: "A-B", param: "source_port", repeatable: true },
      { name: "--target", value: "PREFIX", param: "target", repeatable: true },
      { name: "--target-port", value: "A-B", param: "target_port", repeatable: true },
      { name: "--protocol", value: "N", param: "protocol", repeatable: true },
    ],
    example: "dots-callhome lookup --source 203.0.113.7 --source-port 40000-40100 --target 198.51.100.9 --protocol udp",
  },
  test: { summary: methods.test.help, method: "test", operands: [{ name: "NOTIFY", param: "notify" }], options: [], example: "dots-callhome test phone" },
  reconnect: {
    summary: methods.reconnect.help,
    method: "reconnect",
    operands: [{ name: "UPSTREAM", param: "upstream" }],
    options: [],
  },
} as const satisfies Readonly<Record<string, CliCommand>>;

export type CommandName = keyof typeof commands;

export const defaultConfigFile = "/etc/config/dots-callhome";
