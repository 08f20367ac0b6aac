/**
 * Addresses read from text that lies in bytes, as 32-bit words, without making a string. Beside readIpv4 of model/ip-prefix.ts, which reads
 * strings: a line of conntrack has four addresses, and most lines are told apart by them and dropped.
 */

/** Four decimal bytes, into one word. */
export function readIpv4Bytes(bytes: Uint8Array, start: number, stop: number, into: Uint32Array, at: number): boolean {
  let word = 0;
  let part = -1;
  let dots = 0;
  for (let look = start; look < stop; look += 1) {
    const code = bytes[look] ?? 0;
    if (code === 46) {
      if (part < 0) return false;
      word = (word << 8) | part;
      part = -1;
      dots += 1;
    } else if (code >= 48 && code <= 57) {
      part = (part < 0 ? 0 : part * 10) + code - 48;
      if (part > 255) return false;
    } else return false;
  }
  if (dots !== 3 || part < 0) return false;
  into[at] = (word << 8) | part;
  return true;
}

/** Eight groups of hexadecimal digits with at most one `::`, into four words; the forms with dots are not read. */
export function readIpv6Bytes(bytes: Uint8Array, start: number, stop: number, into: Uint32Array, at: number): boolean {
  let groups = 0;
  let gap = -1;
  let look = start;
  for (let word = at; word < at + 4; word += 1) into[word] = 0;
  if (bytes[look] === 58) {
    if (bytes[look + 1] !== 58) return false;
    gap = 0;
    look += 2;
  }
  while (look < stop) {
    if (groups === 8) return false;
    let value = 0;
    let digits = 0;
    for (; look < stop; look += 1, digits += 1) {
      const digit = hexDigit(bytes[look] ?? 0);
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (digits === 0 || digits > 4) return false;
    setGroup(into, at, groups, value);
    groups += 1;
    if (look === stop) break;
    if (bytes[look] !== 58) return false;
    look += 1;
    if (bytes[look] === 58) {
      if (gap >= 0) return false;
      gap = groups;
      look += 1;
    } else if (look === stop) return false;
  }
  if (gap < 0) return groups === 8;
  if (groups === 8) return false;
  // What was read behind the gap belongs to the end.
  for (let from = groups - 1, to = 7; from >= gap; from -= 1, to -= 1) {
    setGroup(into, at, to, getGroup(into, at, from));
    setGroup(into, at, from, 0);
  }
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function getGroup(words: Uint32Array, at: number, group: number): number {
  const word = words[at + (group >> 1)] ?? 0;
  return (group & 1) === 0 ? word >>> 16 : word & 0xffff;
}

function setGroup(words: Uint32Array, at: number, group: number, value: number): void {
  const index = at + (group >> 1);
  const word = words[index] ?? 0;
  words[index] = (group & 1) === 0 ? ((word & 0xffff) | (value << 16)) : ((word & 0xffff0000) | value);
}

/** As conntrack and `ip` print it (RFC 5952), from its words. */
export function formatWords(family: 4 | 6, words: Uint32Array, at: number): string {
  if (family === 4) {
    const word = words[at] ?? 0;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups = Array.from({ length: 8 }, (_, group) => getGroup(words, at, group));
  let [start, length] = [-1, 1];
  for (let from = 0; from < 8; from += 1) {
    let zeros = 0;
    while (from + zeros < 8 && groups[from + zeros] === 0) zeros += 1;
    if (zeros > length) [start, length] = [from, zeros];
  }
  const hex = (from: number, to: number): string => groups.slice(from, to).map((group) => group.toString(16)).join(":");
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`;
}
