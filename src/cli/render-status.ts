import { escapeText } from "../text/escape-text.ts";
import type { StatusView, UpstreamView } from "../operator/describe-status.ts";
import { seconds, type WallInstant } from "../model/time.ts";
import { alignColumns } from "./table.ts";
import { formatAgo, formatDuration, plural } from "./words.ts";

/** `status`: are we in touch with the provider, does anything wait, is anything wrong. */
export function renderStatus(status: StatusView, now: WallInstant): string[] {
  const { pending, active, terminating } = status.mitigations;
  const rows = status.upstreams.map((upstream) => [upstream.name, describeSession(upstream, now)]);
  return [
    `dots-callhome ${escapeText(status.version)}, running for ${formatDuration(seconds(status.uptime_seconds))}`,
    "",
    ...(rows.length === 0 ? ["No internet provider is configured, so nobody can warn you."] : alignColumns([["UPSTREAM", "SESSION"], ...rows])),
    "",
    pending === 0 ? "No question is waiting for you." : `${plural(pending, "question is", "questions are")} waiting for you: dots-callhome pending`,
    active + terminating === 0
      ? "Nothing is being stopped."
      : `${plural(active + terminating, "request is", "requests are")} in force${
        terminating > 0 ? `, ${terminating} of them about to end` : ""
      }: dots-callhome list`,
    ...(status.warnings.length > 0 ? ["", "Warnings:", ...status.warnings.map((warning) => `  - ${escapeText(warning)}`)] : []),
  ];
}

function describeSession(upstream: UpstreamView, now: WallInstant): string {
  const over = upstream.transport === null ? "" : ` over ${upstream.transport.toUpperCase()}`;
  const to = upstream.peer === null ? "" : ` to ${upstream.peer}`;
  const by = upstream.wan === undefined ? "" : ` by ${upstream.wan}`;
  const since = upstream.since === null ? "" : `, since ${formatAgo(upstream.since, now).replace(" ago", "")}`;
  const error = upstream.last_error === null ? "" : `; last error: ${upstream.last_error}`;
  switch (upstream.state) {
    case "connected":
      return `connected${over}${to}${by}${since}`;
    case "connecting":
      return `connecting${over}${to}${by}${since}${error}`;
    case "backing-off":
      return `not connected, waiting to try again${by}${since}${error}`;
    case "disabled":
      return "disabled in the configuration";
  }
}
