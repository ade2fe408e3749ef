/** `--mode=worker`: a worker alone, for a controller elsewhere. Runs in main. */
import { newToken, randomHex } from "../../base/ids.ts";
import { readHardware } from "../../host/hardware.ts";
import { openStateDir } from "../../host/state_dir.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { CliContext } from "../context.ts";
import { stateDirPart } from "../parts/state_dir_part.ts";
import { workerPart } from "../parts/worker_part.ts";
import { VERSION } from "../version.ts";
import { type DaemonOptions, runDaemon } from "./daemon.ts";
import { type KeeperFlags, keeperOf } from "./keeper_flags.ts";

/** The controller counts as lost after this long without a call, in ms. */
const CONTROLLER_LOST_MS = 60_000;
/** Never more processes than this at a time. */
const MAX_RUNNING = 10_000;

/** How a worker is run. */
export interface WorkerOptions extends DaemonOptions, KeeperFlags {
  readonly controllerUrl: string;
  readonly controllerToken: string;
  readonly name?: string | undefined;
  /** What it offers; all that the host has when left out. */
  readonly cpu?: number | undefined;
  readonly memory?: number | undefined;
  readonly resource: readonly (readonly [name: string, milli: number])[];
  readonly attr: readonly (readonly [name: string, value: string])[];
}

/** Runs a worker until a signal or a failure stops it. */
export function runWorker(context: CliContext, options: WorkerOptions): Promise<number> {
  return runDaemon(context, options, () => workerRoot(context, options));
}

function workerRoot(context: CliContext, options: WorkerOptions): Part {
  const hardware = readHardware();
  const { controllerUrl, controllerToken, logLevel } = options;
  const name = options.name ?? hardware.hostname.replaceAll(/[^\w-]/g, "-");
  return {
    name: "worker-process",
    kind: "component",
    async start({ owner }) {
      const state = openStateDir(options.stateDir);
      await owner.own(stateDirPart(state, { temporary: false }), { stage: 0 });
      // Tells what this folder's keepers left from what others on this host run.
      const cluster = state.id("marker-id", () => randomHex(4));
      const folder = state.folder(`workers/${name}`);
      const keeper = keeperOf({
        ...{ cluster, worker: name, folder, logLevel, flags: options },
        ownerGone: "keep",
        graceMs: options.stopTimeoutMs,
      });
      await owner.own(
        workerPart({
          ...{ worker: name, folder, controllerUrl, controllerToken, keeper },
          serverToken: newToken(),
          hostname: hardware.hostname,
          listen: { hostname: "127.0.0.1", port: 0 },
          capacity: {
            cpuMilli: options.cpu ?? hardware.cpuMilli,
            memoryBytes: options.memory ?? hardware.memoryBytes,
            resources: Object.fromEntries(options.resource),
            maxRunning: MAX_RUNNING,
          },
          attributes: Object.fromEntries([["hostname", hardware.hostname], ...options.attr]),
          version: VERSION,
          instance: randomHex(8),
          path: context.env("PATH") ?? "/usr/bin:/bin",
          home: context.env("HOME") ?? "/",
          onControllerLost: "finish",
          controllerLostMs: CONTROLLER_LOST_MS,
          onListening: (url) => context.out(`worker ${name} ${url}`),
        }),
        { stage: 1 },
      );
    },
  };
}
