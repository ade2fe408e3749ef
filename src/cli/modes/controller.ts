/** `--mode=controller`: the controller alone. Workers register with it. Runs in main. */
import { randomHex } from "../../base/ids.ts";
import { DEFAULT_TIMING } from "../../heartbeat/reconcile_session.ts";
import { openStateDir } from "../../host/state_dir.ts";
import type { PlacementPolicy } from "../../scheduler/pass.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { CliContext } from "../context.ts";
import { clusterEntry } from "../parts/cluster_entry.ts";
import { controllerPart } from "../parts/controller_part.ts";
import { stateDirPart } from "../parts/state_dir_part.ts";
import { statusPart } from "../parts/status_part.ts";
import { VERSION } from "../version.ts";
import { type DaemonOptions, type DaemonPorts, runDaemon } from "./daemon.ts";

/** How a controller is run. */
export interface ControllerOptions extends DaemonOptions {
  readonly hostname: string;
  readonly port: number;
  readonly placement: PlacementPolicy;
  /** Jobs that are done are forgotten after this long, in ms; null for never. */
  readonly retentionMs: number | null;
  /** Beyond this many bytes the store takes in no new jobs; null for no limit. */
  readonly maxStoreBytes: number | null;
}

/** Runs a controller until a signal, a request or a failure stops it. */
export function runController(context: CliContext, options: ControllerOptions): Promise<number> {
  return runDaemon(context, options, (ports) => controllerRoot(context, options, ports));
}

function controllerRoot(
  context: CliContext,
  options: ControllerOptions,
  { control, requests }: DaemonPorts,
): Part {
  const { hostname, port } = options;
  return {
    name: "controller-process",
    kind: "component",
    async start({ owner }) {
      const state = openStateDir(options.stateDir);
      await owner.own(stateDirPart(state, { temporary: false }), { stage: 0 });
      const id = state.id("cluster-id", () => randomHex(4));
      const tokens = { admin: state.token("token"), worker: state.token("worker-token") };
      const listening = Promise.withResolvers<string>();
      const main = new MessageChannel();
      // No VM manager here: what the autoscaler says goes nowhere.
      const vm = new MessageChannel();
      await owner.own(
        statusPart({
          port: main.port2,
          root: control.owner,
          onStop: (request) => requests.ask(request, { hostname, token: tokens.admin }),
        }),
        { stage: 1 },
      );
      const database = `${state.path}/iris.db`;
      await owner.own(
        controllerPart({
          core: {
            database,
            clusterId: id,
            placement: options.placement,
            retentionMs: options.retentionMs,
            maxStoreBytes: options.maxStoreBytes,
            stopTimeoutMs: null,
          },
          heartbeat: { timing: DEFAULT_TIMING },
          server: { hostname, port, tokens, version: VERSION, database },
          vmPort: vm.port1,
          mainPort: main.port1,
          onListening: listening.resolve,
        }),
        { stage: 2 },
      );
      const url = await listening.promise;
      await owner.own(clusterEntry(context, { id, url, state, temporary: false }), { stage: 1 });
      context.out(url);
    },
  };
}
