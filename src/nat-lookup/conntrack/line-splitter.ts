/** Takes a line as it lies in a piece of output: its bytes, from, to. */
export type TakeLine = (bytes: Uint8Array, start: number, end: number) => void;

const lineFeed = 10;
/** A line that is longer than any of conntrack's is dropped. */
const longestLine = 8192;

/** Cuts pieces into lines without copying them, but for the line that two pieces share. A last line without its end is kept back. */
export function lineSplitter(take: TakeLine): (piece: Uint8Array) => void {
  let rest: Uint8Array = new Uint8Array(0);
  return (piece) => {
    let start = 0;
    if (rest.length > 0) {
      const end = piece.indexOf(lineFeed);
      const line = join(rest, end < 0 ? piece : piece.subarray(0, end));
      // What is too long stays so, until its end has come.
      rest = end < 0 ? line.subarray(0, longestLine) : line.subarray(0, 0);
      if (end < 0) return;
      if (line.length < longestLine) take(line, 0, line.length);
      start = end + 1;
    }
    for (let end = piece.indexOf(lineFeed, start); end >= 0; end = piece.indexOf(lineFeed, start)) {
      take(piece, start, end);
      start = end + 1;
    }
    if (start < piece.length) rest = piece.slice(start);
  };
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const joined = new Uint8Array(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}
