/** How a worker's keeper is composed from the flags. */
import type { LogLevel } from "../../base/log.ts";
import type { RunAs } from "../../host/launch_step.ts";
import { selfCommand } from "../../host/self_command.ts";
import { socketPathFor } from "../../host/socket_path.ts";
import { KeeperProcess } from "../../worker/keeper/keeper_process.ts";
import { VERSION } from "../version.ts";
import { keeperArguments } from "./keeper.ts";

/** Flags of everything that has workers. */
export interface KeeperFlags {
  /** Whose rights tasks get; the worker's own when left out. */
  readonly runAs?: RunAs | undefined;
  readonly cgroups: "auto" | "off";
  readonly spawner: "auto" | "plain";
}

/** The keeper of one worker as a part, and where it listens. */
export function keeperOf(of: {
  flags: KeeperFlags;
  cluster: string;
  worker: string;
  folder: string;
  ownerGone: "end" | "keep";
  graceMs: number;
  logLevel: LogLevel;
}): { part: KeeperProcess; socket: string } {
  const { cluster, worker, folder, ownerGone, graceMs, logLevel, flags } = of;
  const socket = socketPathFor(folder);
  const cgroup = flags.cgroups === "off" ? null : `iris-${cluster}-${worker}`;
  const part = new KeeperProcess({
    ...{ cluster, worker, folder, cgroup },
    command: ownerGone === "keep" ? withLog(selfCommand(), `${folder}/keeper.log`) : selfCommand(),
    args: keeperArguments({
      ...{ cluster, worker, folder, socket, ownerGone, graceMs, logLevel, version: VERSION },
      cgroup,
      spawner: flags.spawner,
      runAs: flags.runAs ?? null,
    }),
    ...(ownerGone === "keep" ? { keep: { graceMs } } : {}),
  });
  return { part, socket };
}

/**
 * What outlives the worker must not hold the worker's stderr, nor write where nobody reads any more:
 * its lines go to a file, which begins anew with each keeper. A shell does that and is gone.
 */
function withLog(command: readonly string[], file: string): string[] {
  return ["/bin/sh", "-c", 'exec "$@" 2>"$0"', file, ...command];
}
