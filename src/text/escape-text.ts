/**
 * C0 and C1 controls, DEL, the soft hyphen, line and paragraph separators, bidirectional and invisible format characters, the byte order
 * mark, language tags and lone surrogates: whatever can move a cursor, reorder a line or hide in it. The joiners U+200C and
 * U+200D stay, as names in Persian or Hindi and many emoji need them.
 */
const unsafe = /[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu;

/** Makes text from the network safe to print on one line of a terminal or a log: `\u001b` for the escape character. */
export function escapeText(text: string): string {
  return isPlain(text) ? text : text.replace(unsafe, escapeCharacter);
}

/** The same for several lines, whose ends stay. A JSON document still parses to the same value. */
export function escapeLines(lines: string): string {
  return isPlain(lines) ? lines : lines.replace(unsafe, (character) => (character === "\n" ? character : escapeUnits(character)));
}

/** Escapes, then cuts to at most `columns` UTF-16 units, with an ellipsis where something was cut. */
export function excerpt(text: string, columns: number): string {
  const safe = escapeText(text.slice(0, columns + 1));
  return safe.length <= columns && text.length <= columns ? safe : `${safe.slice(0, Math.max(0, columns - 1)).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Printable ASCII, as most lines are. Only for others is the expression above compiled. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function escapeCharacter(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === "\r") return "\\r";
  return escapeUnits(character);
}

function escapeUnits(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
}
