/** Timers, and what is done at the end of a turn. The loop asks `takeTurn` what there is to do before it waits. */
type Work = () => void;

/** The longest delay; beyond it fires at once, as in Node. */
const longest = 2 ** 31 - 1;
let order = 0;

class Timeout {
  at = 0;
  order = 0;
  isWaiting = false;
  isRef = true;
  readonly #work: Work;
  readonly #delay: number;
  readonly #repeats: boolean;

  constructor(work: Work, delay: number, repeats: boolean) {
    this.#work = work;
    this.#delay = delay >= 1 && delay <= longest ? delay : 1;
    this.#repeats = repeats;
    this.#begin();
  }

  #begin(): void {
    this.at = native.now() + this.#delay;
    this.order = order++;
    this.isWaiting = true;
    if (this.isRef) native.hold(1);
    push(this);
  }

  /** It is not in the heap any more. */
  fire(): void {
    this.isWaiting = false;
    if (this.isRef) native.hold(-1);
    if (this.#repeats) this.#begin();
    this.#work();
  }

  cancel(): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    if (this.isRef) native.hold(-1);
    remove(this);
  }

  ref(): this {
    if (!this.isRef && this.isWaiting) native.hold(1);
    this.isRef = true;
    return this;
  }

  unref(): this {
    if (this.isRef && this.isWaiting) native.hold(-1);
    this.isRef = false;
    return this;
  }

  hasRef(): boolean {
    return this.isRef;
  }

  refresh(): this {
    this.cancel();
    this.#begin();
    return this;
  }
}

// -- A heap: the next is the first.

const heap: Timeout[] = [];
const isBefore = (a: Timeout, b: Timeout): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(timer: Timeout): void {
  heap.push(timer);
  rise(heap.length - 1);
}

function rise(from: number): void {
  let at = from;
  for (;;) {
    const above = (at - 1) >> 1;
    const [one, other] = [heap[at], heap[above]];
    if (at === 0 || !one || !other || !isBefore(one, other)) return;
    [heap[at], heap[above]] = [other, one];
    at = above;
  }
}

function sink(from: number): void {
  let at = from;
  for (;;) {
    let least = at;
    for (const below of [2 * at + 1, 2 * at + 2]) {
      const [one, other] = [heap[below], heap[least]];
      if (one && other && isBefore(one, other)) least = below;
    }
    const [one, other] = [heap[at], heap[least]];
    if (least === at || !one || !other) return;
    [heap[at], heap[least]] = [other, one];
    at = least;
  }
}

function remove(timer: Timeout): void {
  const at = heap.indexOf(timer);
  if (at < 0) return;
  const last = heap.pop();
  if (!last || last === timer) return;
  heap[at] = last;
  sink(at);
  rise(at);
}

// -- What is done after what has come in was dealt with.

class Immediate {
  isWaiting = true;
  readonly work: Work;
  constructor(work: Work) {
    this.work = work;
  }
}
let immediates: Immediate[] = [];
let current: Immediate[] = [];

/** One thing at a time, so that what its promises ask for is done before the next. */
function takeTurn(): number {
  const immediate = current.shift();
  if (immediate) {
    if (immediate.isWaiting) {
      native.hold(-1);
      immediate.isWaiting = false;
      immediate.work();
    }
    return -2;
  }
  const [first] = heap;
  const now = native.now();
  if (first && first.at <= now) {
    remove(first);
    first.fire();
    return -2;
  }
  if (immediates.length > 0) {
    current = immediates;
    immediates = [];
    return -2;
  }
  return first ? first.at - now : -1;
}
native.onTurn(takeTurn);

export const setTimeout = (callback: (...args: unknown[]) => void, delay = 1, ...args: unknown[]): Timeout =>
  new Timeout(() => {
    callback(...args);
  }, delay, false);
export const setInterval = (callback: (...args: unknown[]) => void, delay = 1, ...args: unknown[]): Timeout =>
  new Timeout(() => {
    callback(...args);
  }, delay, true);
export const clearTimeout = (timer: unknown): void => {
  if (timer instanceof Timeout) timer.cancel();
};
export const setImmediate = (callback: (...args: unknown[]) => void, ...args: unknown[]): Immediate => {
  const immediate = new Immediate(() => {
    callback(...args);
  });
  native.hold(1);
  immediates.push(immediate);
  return immediate;
};
export const clearImmediate = (immediate: unknown): void => {
  if (!(immediate instanceof Immediate) || !immediate.isWaiting) return;
  immediate.isWaiting = false;
  native.hold(-1);
};
