/** What a worker on a host is started with. Pure. */
import type { ScaleGroup } from "../scale_group.ts";
import { workerArgs, type WorkerLaunch } from "../worker_launch.ts";
import { type StartWords, VM_FOLDER } from "./remote_scripts.ts";
import { tunnelFlags, urlsThere } from "./tunnel.ts";
import type { HostUse } from "./use_book.ts";

/** Puts together what the host's shell is told. */
export function startWords(
  launch: WorkerLaunch,
  of: { cluster: string; group: ScaleGroup; use: HostUse; programPath: string },
): StartWords {
  const { use, group, programPath } = of;
  const { ports } = use;
  const args = workerArgs(launch, {
    vm: use.vm,
    slice: use.slice,
    group,
    place: {
      stateDir: `${VM_FOLDER}/state`,
      tokenFile: `${VM_FOLDER}/token`,
      trustFile: launch.trust === null ? null : `${VM_FOLDER}/trust.pem`,
    },
    controllerUrls: ports === null
      ? launch.controllerUrls
      : urlsThere(ports, launch.controllerUrls),
    more: ports === null ? [] : tunnelFlags(ports),
  });
  const { token, trust } = launch;
  return {
    label: JSON.stringify({ ...use, cluster: of.cluster }),
    token,
    trust,
    programPath,
    args,
  };
}
