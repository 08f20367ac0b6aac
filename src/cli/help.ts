import { methods, type Method } from "../operator/methods.ts";
import { commands, defaultConfigFile, type CliCommand, type CliInput, type CommandName } from "./commands.ts";
import { alignColumns } from "./table.ts";

const everywhere: readonly (readonly string[])[] = [
  ["--config FILE", `configuration file, default ${defaultConfigFile}`],
  ["--json", "print JSON, for scripts"],
  ["--help", "show this help, or after a command the help for it"],
];

/** `dots-callhome --help` */
export function generalHelp(): string {
  return [
    "Usage: dots-callhome COMMAND [--config FILE] [--json]",
    "",
    "Stops attacks that leave from a device in this home when the internet provider reports them, after asking you.",
    "",
    "Commands:",
    ...indent(Object.entries(commands).map(([name, { operands, summary }]) => [[name, ...operands.map((operand) => operand.name)].join(" "), summary])),
    "",
    "Options of every command (for its own: dots-callhome COMMAND --help):",
    ...indent([...everywhere, ["--version", "print the version"], ["--completion",
      'print a completion script for bash: eval "$(dots-callhome --completion)"']]),
    "",
    "Exit status: 0 fine, 1 the operation failed, 2 wrong usage or configuration.",
  ].join("\n");
}

/** `dots-callhome COMMAND --help` */
export function commandHelp(name: CommandName): string {
  const command: CliCommand = commands[name];
  const own = [...command.operands, ...command.options].map((input) => [labelOf(input), helpOf(command, input)]);
  return [
    `Usage: dots-callhome ${usageOf(name)} [--config FILE] [--json]`,
    "",
    `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`,
    "",
    ...indent([...own, ...everywhere]),
    ...(command.example === undefined ? [] : ["", `Example: ${command.example}`]),
  ].join("\n");
}

/** `approve ID [--action ACTION] [--for SECONDS]` */
export function usageOf(name: CommandName): string {
  const command: CliCommand = commands[name];
  const inputs = [...command.operands, ...command.options].map((input) => {
    const label = labelOf(input) + (input.repeatable ? "…" : "");
    return isRequired(command, input) ? label : `[${label}]`;
  });
  return [name, ...inputs].join(" ");
}

/** Whether the command fails without this operand or option. */
export function isRequired(command: CliCommand, input: CliInput): boolean {
  return parameterOf(command, input)?.required ?? false;
}

/** The parameter of the control method that an operand or option becomes. */
export function parameterOf(command: CliCommand, input: CliInput): Method["params"][string] | undefined {
  const params: Method["params"] = command.method === null ? {} : methods[command.method].params;
  return params[input.param];
}

function labelOf(input: CliInput): string {
  return input.value === undefined ? input.name : `${input.name} ${input.value}`;
}

function helpOf(command: CliCommand, input: CliInput): string {
  const parameter = parameterOf(command, input);
  const extra = [input.duration ? "also 15m, 2h, 1d" : "", input.repeatable ? "may be repeated" : "", choicesOf(parameter)].filter((text) => text !== "");
  return `${parameter?.help ?? ""}${extra.length > 0 ? ` (${extra.join("; ")})` : ""}`;
}

/** What a parameter of a few words expects; the bounds of numbers come with the error. */
function choicesOf(parameter: Method["params"][string] | undefined): string {
  const reading = parameter?.wire === "text" ? parameter.read("") : undefined;
  return reading && "expected" in reading && reading.expected.includes(" or ") ? reading.expected : "";
}

function indent(rows: readonly (readonly string[])[]): string[] {
  return alignColumns(rows).map((line) => `  ${line}`);
}
