import { didYouMean } from "../text/closest-name.ts";
import { excerpt } from "../text/escape-text.ts";
import type { MethodName } from "../operator/methods.ts";
import { commands, defaultConfigFile, type CliCommand, type CliInput, type CommandName } from "./commands.ts";
import { bashCompletion } from "./completion.ts";
import { commandHelp, generalHelp, isRequired, parameterOf, usageOf } from "./help.ts";

/** What the command line asks for. */
export type Command =
  | { readonly is: "run" | "check" | "setup"; readonly configFile: string; readonly json: boolean }
  | CallCommand
  | { readonly is: "help"; readonly text: string }
  | { readonly is: "version" };

/** A command that the running daemon answers. */
export interface CallCommand {
  readonly is: "call";
  readonly name: Exclude<CommandName, "run" | "check" | "setup">;
  readonly method: MethodName;
  /** As JSON carries them; the daemon reads them again. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly configFile: string;
  readonly json: boolean;
}

/** Wrong usage, for stderr and exit status 2: what is wrong, and a line with what to try. */
export interface UsageError {
  readonly is: "usage-error";
  readonly message: string;
}

/** Reads the arguments after the program's name. Options may come anywhere; `--` ends them. */
export function parseArguments(argv: readonly string[]): Command | UsageError {
  const words = splitOptions(argv);
  if ("message" in words) return words;
  const { operands, options } = words;
  const [given, ...rest] = operands;
  const wantsHelp = options.some(({ name }) => name === "--help");

  if (given === "help") return helpOn(rest[0]);
  if (given === undefined) {
    if (wantsHelp) return { is: "help", text: generalHelp() };
    if (options.some(({ name }) => name === "--version")) return { is: "version" };
    if (options.some(({ name }) => name === "--completion")) return { is: "help", text: bashCompletion() };
    return usageError(`no command, expected one of ${Object.keys(commands).join(", ")}`);
  }
  if (!isCommandName(given)) return unknownCommand(given);
  if (wantsHelp) return { is: "help", text: commandHelp(given) };
  if (options.some(({ name }) => name === "--version")) return { is: "version" };

  const params = readInputs(given, rest, options);
  if ("message" in params) return params;
  const configFile = options.findLast(({ name }) => name === "--config")?.value ?? defaultConfigFile;
  const json = options.some(({ name }) => name === "--json");
  if (given === "run" || given === "check" || given === "setup") return { is: given, configFile, json };
  const command: CliCommand = commands[given];
  return { is: "call", name: given, method: commands[given].method, params: { ...command.fixed, ...params.values }, configFile, json };
}

interface GivenOption {
  readonly name: string;
  readonly value: string | undefined;
}

const shortNames: Readonly<Record<string, string>> = { "-h": "--help", "-V": "--version", "-c": "--config" };
const switches = ["--help", "--version", "--json", "--completion"];
/** Every option that takes a value, in any command: what follows one is never mistaken for the command. */
const valued = ["--config", ...Object.values(commands).flatMap(({ options }) => options.map(({ name }) => name as string))];

/** Tells operands from options, before it is known which command it is. */
function splitOptions(argv: readonly string[]): { operands: string[]; options: GivenOption[] } | UsageError {
  const operands: string[] = [];
  const options: GivenOption[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") {
      operands.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-" || /^-\d/.test(word)) {
      operands.push(word);
      continue;
    }
    const [, flag = word, attached] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const name = shortNames[flag] ?? flag;
    if (switches.includes(name)) {
      if (attached !== undefined) return usageError(`${name} takes no value`);
      options.push({ name, value: undefined });
      continue;
    }
    if (!valued.includes(name)) return usageError(`there is no option '${excerpt(flag, 40)}'${didYouMean(flag, [...valued, ...switches])}`);
    const value = attached ?? argv[++at];
    if (value === undefined) return usageError(`${name} needs a value`);
    options.push({ name, value });
  }
  return { operands, options };
}

function readInputs(
  name: CommandName,
  operands: readonly string[],
  options: readonly GivenOption[],
): { values: Readonly<Record<string, unknown>> } | UsageError {
  const command: CliCommand = commands[name];
  const surplus = operands[command.operands.length];
  if (surplus !== undefined) return usageError(`'${excerpt(surplus, 40)}' is unexpected, expected: dots-callhome ${usageOf(name)}`, name);
  const foreign = options.find((option) => ![...switches, "--config"].includes(option.name) && !command.options.some((known) => known.name === option.name));
  if (foreign) {
    const known = ["--config", "--json", ...command.options.map((option) => option.name)];
    return usageError(`${name} has no option ${foreign.name}, expected ${known.join(", ")}`, name);
  }
  const values: Record<string, unknown> = {};
  const given = (input: CliInput, at: number): string[] => {
    const texts = input.value === undefined
      ? operands.slice(at, at + 1)
      : options.filter((option) => option.name === input.name).map(({ value = "" }) => value);
    return texts;
  };
  for (const [at, input] of [...command.operands, ...command.options].entries()) {
    const texts = given(input, at);
    if (texts.length === 0) {
      if (isRequired(command, input)) return usageError(`${input.name} is missing, expected: dots-callhome ${usageOf(name)}`, name);
      continue;
    }
    if (texts.length > 1 && !input.repeatable) return usageError(`${input.name} is given twice`, name);
    const reading = readInput(command, input, texts);
    if ("expected" in reading)
      return usageError(`${input.name} ${texts.map((text) => `'${excerpt(text, 40)}'`).join(", ")}: expected ${reading.expected}`, name);
    values[input.param] = reading.value;
  }
  return { values };
}

/** Makes JSON of text and has the method's own parameter check it. */
function readInput(command: CliCommand, input: CliInput, texts: readonly string[]): { value: unknown } | { expected: string } {
  const parameter = parameterOf(command, input);
  if (!parameter) throw new Error(`no parameter ${input.param}`);
  const [text = ""] = texts;
  const value = parameter.wire === "texts" ? texts : parameter.wire === "number" ? toNumber(text, input.duration ?? false) : text;
  const reading = parameter.read(value);
  if (!("expected" in reading)) return { value };
  return { expected: `${reading.expected}${input.duration ? " (seconds), or e.g. 15m, 2h, 1d" : ""}` };
}

const unitSeconds: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

function toNumber(text: string, isDuration: boolean): number {
  const [, digits = "", unit = ""] = (isDuration ? /^(\d{1,15})([smhd]?)$/ : /^(\d{1,15})$/).exec(text) ?? [];
  return digits === "" ? NaN : Number(digits) * (unitSeconds[unit] ?? NaN);
}

function helpOn(name: string | undefined): Command | UsageError {
  if (name === undefined) return { is: "help", text: generalHelp() };
  return isCommandName(name) ? { is: "help", text: commandHelp(name) } : unknownCommand(name);
}

function unknownCommand(given: string): UsageError {
  const names = Object.keys(commands);
  const meant = didYouMean(given, names);
  return usageError(`there is no command '${excerpt(given, 40)}'${meant === "" ? `, expected one of ${names.join(", ")}` : meant}`);
}

function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

function usageError(message: string, command?: CommandName): UsageError {
  const help = command === undefined ? "dots-callhome --help" : `dots-callhome ${command} --help`;
  return { is: "usage-error", message: `${message}\nTry: ${help}` };
}
