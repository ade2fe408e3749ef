/** The tokens of a cluster, kept in its state folder and made at its first start. Runs in main. */
import type { StateDir } from "../../host/state_dir.ts";

/** What a client and a worker must show, and what tokens of tasks are made with. */
export function clusterTokens(
  state: StateDir,
): { readonly admin: string; readonly worker: string; readonly task: string } {
  return {
    admin: state.token("token"),
    worker: state.token("worker-token"),
    task: state.token("task-secret"),
  };
}
