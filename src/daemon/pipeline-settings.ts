import type { Config } from "../config/config.ts";
import type { PipelineSettings } from "../pipeline/pipeline-ports.ts";

/** What of the configuration concerns the pipeline. */
export function pipelineSettings(config: Config): PipelineSettings {
  const names = config.devices.flatMap(({ mac, name }) => name === null ? [] : [[mac, name] as const]);
  return { policy: config, ownerNames: new Map(names) };
}
