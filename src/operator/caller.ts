/** Who uses a control method, and how they came in. */
export interface Caller {
  readonly via: "cli" | "ubus" | "mqtt";
  /** As the way in knows them: a user's name. Text from outside: escape it. */
  readonly who: string | null;
  /** Whether they have the right to methods that change something. */
  readonly mayChange: boolean;
}

const ways = { cli: "on the command line", ubus: "over ubus", mqtt: "over MQTT" } as const satisfies Record<Caller["via"], string>;

/** For the log and the history: `root, on the command line`. */
export function describeCaller({ via, who }: Pick<Caller, "via" | "who">): string {
  return who === null ? `somebody ${ways[via]}` : `${who}, ${ways[via]}`;
}
