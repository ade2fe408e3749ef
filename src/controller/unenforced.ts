/** Limits of a job that no worker here enforces: worth a word at once. A part of the reactor. */
import type { JobSpec } from "../wire/api.ts";
import type { ClusterState } from "./cluster_state.ts";

/** A line for the submitter, or null: each limit is enforced somewhere, or nobody is there to ask. */
export function unenforced(state: ClusterState, spec: JobSpec): string | null {
  const asked = [
    ...(spec.memoryBytes > 0 ? ["memory"] : []),
    ...(spec.cpuLimitMilli === null ? [] : ["cpu"]),
    ...(spec.pidsLimit === null ? [] : ["pids"]),
  ];
  const workers = [...state.workers.values()].filter((worker) => worker.placeable);
  if (asked.length === 0 || workers.length === 0) return null;
  const missing = asked.filter((kind) =>
    workers.every(({ info }) => info.attributes[`limits.${kind}`] === undefined)
  );
  if (missing.length === 0) return null;
  return `no worker that is here now enforces its ${missing.join(", ")} limit`;
}
