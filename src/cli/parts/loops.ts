/** How main makes the isolates of every composition: where their modules are, and their limits. */
import { type IsolateOptions, isolatePart } from "../../lifecycle/isolate.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { RestartPolicy } from "../../lifecycle/loop.ts";

/** From making an isolate to its body's `ready`, in ms: a cold cache on a busy machine. */
const START_TIMEOUT_MS = 30_000;
/** A loop without a sign of life for this long is stalled, in ms. */
const STALL_MS = 5_000;
/** A loop that crashes more often than this within a minute takes its owner down. */
const RESTART: RestartPolicy = {
  limit: 5,
  windowMs: 60_000,
  minBackoffMs: 50,
  maxBackoffMs: 5_000,
};

/** The modules of all isolates; `compile.include` in deno.json lists the same files. */
const MODULES = {
  core: new URL("../../isolates/core_isolate.ts", import.meta.url),
  heartbeat: new URL("../../isolates/heartbeat_isolate.ts", import.meta.url),
  server: new URL("../../isolates/server_isolate.ts", import.meta.url),
  autoscaler: new URL("../../isolates/autoscaler_isolate.ts", import.meta.url),
  scheduling: new URL("../../isolates/scheduling_isolate.ts", import.meta.url),
  webhooks: new URL("../../isolates/webhook_isolate.ts", import.meta.url),
  "vm-link": new URL("../../isolates/vm_link_isolate.ts", import.meta.url),
  "vm-manager": new URL("../../isolates/vm_isolate.ts", import.meta.url),
  "worker-server": new URL("../../isolates/worker_server_isolate.ts", import.meta.url),
  "worker-lifecycle": new URL("../../isolates/worker_lifecycle_isolate.ts", import.meta.url),
} as const;

/** Which isolate. */
export type IsolateName = keyof typeof MODULES;

/** One loop in an isolate of its own, with the limits that all share. */
export function loopPart<Config>(
  isolate: IsolateName,
  options: Pick<IsolateOptions<Config>, "name" | "config" | "channels" | "onReady" | "permissions">,
): Part {
  return isolatePart<Config>({
    ...options,
    label: isolate,
    module: MODULES[isolate],
    startTimeoutMs: START_TIMEOUT_MS,
    stallMs: STALL_MS,
    restart: RESTART,
  });
}
