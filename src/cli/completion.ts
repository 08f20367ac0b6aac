import { methods, type Method } from "../operator/methods.ts";
import { commands, type CliCommand, type CliInput } from "./commands.ts";

const everywhere = ["--config", "--json", "--help"];
/** Operands that name a mitigation: the daemon is asked which there are. */
const states: Readonly<Record<string, string>> = { approve: "pending", deny: "pending", release: "active" };

/**
 * A script for bash, written from the table of commands: `eval "$(dots-callhome --completion)"`. The ash of a router completes
 * file names only; there, `dots-callhome COMMAND --help` is the shortest way.
 */
export function bashCompletion(): string {
  const cases = Object.entries(commands as Readonly<Record<string, CliCommand>>).map(([name, command]) => {
    const options = [...command.options.map((option) => option.name), ...everywhere];
    const first = command.operands.map((operand, at) => operandLine(name, command, operand, at)).filter((line) => line !== "");
    return `    ${name}) words='${options.join(" ")}'${first.map((line) => `; ${line}`).join("")} ;;`;
  });
  const valued = Object.values(commands as Readonly<Record<string, CliCommand>>).flatMap((command) =>
    command.options.map((option) => [option.name, choicesOf(command, option)] as const)
  );
  const choices = [...new Map(valued.filter(([, each]) => each.length > 0))].map(([name, each]) =>
    `    ${name}) COMPREPLY=($(compgen -W '${each.join(" ")}' -- "$word")); return ;;`
  );
  const free = [...new Set(valued.filter(([, each]) => each.length === 0).map(([name]) => name))];
  return [
    "# bash completion for dots-callhome, written from its table of commands.",
    '# Use: eval "$(dots-callhome --completion)", e.g. in ~/.bashrc. The ash of OpenWrt cannot do this: dots-callhome --help',
    "_dots_callhome() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" operands=0 at words=""',
    '  case "$before" in',
    '    --config|-c) COMPREPLY=($(compgen -f -- "$word")); return ;;',
    ...choices,
    `    ${free.join("|")}) return ;;`,
    "  esac",
    "  for ((at = 1; at < COMP_CWORD; at++)); do",
    '    case "${COMP_WORDS[at]}" in',
    `      --config|-c|${valued.map(([name]) => name).join("|")}) at=$((at + 1)) ;;`,
    "      -*) ;;",
    '      *) if [ -z "$command" ]; then command="${COMP_WORDS[at]}"; else operands=$((operands + 1)); fi ;;',
    "    esac",
    "  done",
    '  case "$command" in',
    `    '') words='${[...Object.keys(commands), "--help", "--version"].join(" ")}' ;;`,
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    "complete -F _dots_callhome dots-callhome",
  ].join("\n");
}

function operandLine(name: string, command: CliCommand, operand: CliInput, at: number): string {
  const state = states[name];
  const choices = choicesOf(command, operand);
  const words = state !== undefined
    ? `$(dots-callhome list --state ${state} 2>/dev/null | sed -n 's/^\\([0-9][0-9]*\\) .*/\\1/p')`
    : choices.join(" ");
  // Bash takes the colons of a MAC address for ends of words, so that one operand counts for several.
  return words === "" ? "" : `[ $operands ${at === 0 ? "= 0" : `-ge ${at}`} ] && words="$words ${words}"`;
}

/** The words that a parameter takes, where they are few: of `expected 'ask, auto or never'`. */
function choicesOf(command: CliCommand, input: CliInput): readonly string[] {
  const params: Method["params"] = command.method === null ? {} : methods[command.method].params;
  const parameter = params[input.param];
  const reading = parameter?.wire === "text" ? parameter.read("") : undefined;
  return reading && "expected" in reading && reading.expected.includes(" or ") ? reading.expected.split(/, | or /) : [];
}
