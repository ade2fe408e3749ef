/** A cluster's place in its user's list of clusters, as an owned part. */
import { enterCluster, removeCluster } from "../../host/cluster_registry.ts";
import { processStartTime } from "../../host/proc.ts";
import { type StateDir, stateHome } from "../../host/state_dir.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { CliContext } from "../context.ts";

/** Enters the cluster at the start and takes it off the list at the end. */
export function clusterEntry(
  context: CliContext,
  cluster: { id: string; url: string; state: StateDir; temporary: boolean; caFile?: string },
): Part {
  const home = stateHome(context.env);
  const { id, url, state, temporary, caFile } = cluster;
  return {
    name: "entry",
    kind: "resource",
    start({ clock }) {
      enterCluster(home, {
        ...{ id, url, temporary, pid: Deno.pid, stateDir: state.path },
        ...(caFile === undefined ? {} : { caFile }),
        startTime: processStartTime(Deno.pid) ?? 0,
        startedAtMs: clock.wall(),
      });
    },
    release: () => removeCluster(home, id),
    facts: () => ({ detail: url }),
  };
}
