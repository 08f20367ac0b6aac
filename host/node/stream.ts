import { EventEmitter } from "./events.ts";

/** For MQTT alone, which is not there yet: never constructed. */
export class Duplex extends EventEmitter {
  constructor() {
    super();
    throw new Error("the native runtime has no MQTT yet");
  }
}
