type Listener = (...args: never[]) => void;

/** As much of node:events as a program asks for. An 'error' that nobody listens to is thrown. */
export class EventEmitter {
  #listeners = new Map<string | symbol, { readonly call: Listener; readonly once: boolean }[]>();

  on(event: string | symbol, call: Listener): this {
    return this.#add(event, call, false);
  }

  once(event: string | symbol, call: Listener): this {
    return this.#add(event, call, true);
  }

  off(event: string | symbol, call: Listener): this {
    const all = this.#listeners.get(event) ?? [];
    const at = all.findLastIndex((each) => each.call === call);
    if (at >= 0) this.#listeners.set(event, all.toSpliced(at, 1));
    return this;
  }

  addListener(event: string | symbol, call: Listener): this {
    return this.on(event, call);
  }
  removeListener(event: string | symbol, call: Listener): this {
    return this.off(event, call);
  }

  removeAllListeners(event?: string | symbol): this {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  listenerCount(event: string | symbol): number {
    return this.#listeners.get(event)?.length ?? 0;
  }

  /** Whether anybody listened. */
  emit(event: string | symbol, ...args: unknown[]): boolean {
    const all = this.#listeners.get(event) ?? [];
    if (all.length === 0 && event === "error") throw args[0];
    for (const { call, once } of all) {
      if (once) this.off(event, call);
      (call as (...args: unknown[]) => void).apply(this, args);
    }
    return all.length > 0;
  }

  #add(event: string | symbol, call: Listener, once: boolean): this {
    this.#listeners.set(event, [...this.#listeners.get(event) ?? [], { call, once }]);
    return this;
  }
}

/** Resolves with the event's arguments; rejects with an 'error'. */
export function once(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      emitter.off(event, done);
      reject(error);
    };
    const done = (...args: unknown[]): void => {
      emitter.off("error", fail);
      resolve(args);
    };
    emitter.once(event, done);
    if (event !== "error") emitter.once("error", fail);
  });
}
export default EventEmitter;
