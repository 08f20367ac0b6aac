/** A command of a UCI file, split into words, with the line on which it starts. */
export interface UciCommand {
  readonly words: readonly string[];
  readonly line: number;
}

/** A place where the file cannot be split into words. */
interface BrokenCommand {
  readonly problem: string;
  readonly line: number;
}

/**
 * Splits a UCI file into commands and words, as parse_str() of libuci's file.c does. A word may be put together from
 * quoted and unquoted pieces: `it"'"s`. An unterminated quote is reported and ends the reading, as what follows is
 * guesswork.
 */
export function* readUciWords(text: string): Generator<UciCommand | BrokenCommand> {
  let at = 0;
  let line = 1;
  let words: string[] = [];
  let word: string | undefined; // undefined = between words; "" = an empty quoted word
  let start = 1;

  const take = (character: string): void => {
    if (word === undefined && words.length === 0) start = line;
    word = (word ?? "") + character;
  };
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = (): UciCommand | undefined => {
    endWord();
    const command = words.length > 0 ? { words, line: start } : undefined;
    words = [];
    return command;
  };

  while (at < text.length) {
    const character = text.charAt(at);
    if (character === "\n" || character === ";") {
      const command = endCommand();
      if (command) yield command;
      if (character === "\n") line++;
      at++;
    } else if (isBlank(character)) {
      endWord();
      at++;
    } else if (character === "#") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (character === "\\") {
      const join = lineEndAfter(text, at + 1);
      if (join > 0) {
        line++;
        at += 1 + join;
      } else {
        take(text.charAt(at + 1));
        at += 2;
      }
    } else if (character === "'" || character === '"') {
      take("");
      const opened = line;
      const quoted = readQuoted(text, at + 1, character);
      if (!quoted) {
        yield { problem: `a quote ${character} that is opened here is never closed`, line: opened };
        return;
      }
      take(quoted.value);
      line += quoted.lines;
      at = quoted.end;
    } else {
      take(character);
      at++;
    }
  }
  const command = endCommand();
  if (command) yield command;
}

/** Characters of a line end at `at`, 0 if there is none; the end of the file joins nothing. */
function lineEndAfter(text: string, at: number): number {
  if (text.charAt(at) === "\n") return 1;
  return text.startsWith("\r\n", at) ? 2 : 0;
}

function readQuoted(text: string, from: number, quote: string): { value: string; end: number; lines: number } | undefined {
  let value = "";
  let lines = 0;
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === quote) return { value, end: at + 1, lines };
    if (character === "\\" && quote === '"') {
      const join = lineEndAfter(text, at + 1);
      if (join > 0) {
        lines++;
        at += join;
        continue;
      }
      at++;
    }
    if (text.charAt(at) === "\n") lines++;
    value += text.charAt(at);
  }
  return undefined;
}

/** isspace() of C without the line feed. */
function isBlank(character: string): boolean {
  return character === " " || character === "\t" || character === "\r" || character === "\v" || character === "\f";
}
