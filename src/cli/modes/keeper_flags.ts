/** How a worker's keeper is composed from the flags. */
import { configuredLog, type LogLevel } from "../../base/log.ts";
import type { RunAs } from "../../host/launch_step.ts";
import { diskBytes } from "../../host/disk.ts";
import { selfCommand } from "../../host/self_command.ts";
import { socketPathFor } from "../../host/socket_path.ts";
import { KeeperProcess } from "../../worker/keeper/keeper_process.ts";
import { VERSION } from "../version.ts";
import { keeperArguments } from "./keeper_arguments.ts";

/** Flags of everything that has workers. */
export interface KeeperFlags {
  /** Whose rights tasks get; the worker's own when left out. */
  readonly runAs?: RunAs | undefined;
  readonly cgroups: "auto" | "off";
  readonly spawner: "auto" | "plain";
  /** How much output of a task is kept, and how much room all logs of a worker may take, in bytes. */
  readonly logLimit?: number | undefined;
  readonly logSpace?: number | undefined;
  /** How many workers share the machine; one when left out. */
  readonly workers?: number;
}

/** All logs together may take this share of the file system they lie on, unless a size was given. */
const LOG_SHARE = 0.1;

/** The keeper of one worker as a part, and where it listens. */
export function keeperOf(of: {
  flags: KeeperFlags;
  cluster: string;
  worker: string;
  folder: string;
  ownerGone: "end" | "keep";
  graceMs: number;
  logLevel: LogLevel;
}): { part: KeeperProcess; socket: string; logSpaceBytes: number } {
  const { cluster, worker, folder, ownerGone, graceMs, logLevel, flags } = of;
  const socket = socketPathFor(folder);
  const cgroup = flags.cgroups === "off" ? null : `iris-${cluster}-${worker}`;
  const share = (diskBytes(folder) ?? Infinity) * LOG_SHARE / (flags.workers ?? 1);
  const logSpaceBytes = flags.logSpace ?? Math.floor(share);
  const part = new KeeperProcess({
    ...{ cluster, worker, folder, cgroup },
    command: ownerGone === "keep" ? withLog(selfCommand(), `${folder}/keeper.log`) : selfCommand(),
    args: keeperArguments({
      ...{ cluster, worker, folder, socket, ownerGone, graceMs, logLevel, version: VERSION },
      cgroup,
      logFormat: configuredLog()?.format ?? "pretty",
      spawner: flags.spawner,
      runAs: flags.runAs ?? null,
      ...(flags.logLimit === undefined ? {} : { logLimitBytes: flags.logLimit }),
      // No limit is none: JSON has no infinity.
      ...(logSpaceBytes === Infinity ? {} : { logSpaceBytes }),
    }),
    ...(ownerGone === "keep" ? { keep: { graceMs } } : {}),
  });
  return { part, socket, logSpaceBytes };
}

/**
 * What outlives the worker must not hold the worker's stderr, nor write where nobody reads any more:
 * its lines go to a file, which begins anew with each keeper. A shell does that and is gone.
 */
function withLog(command: readonly string[], file: string): string[] {
  return ["/bin/sh", "-c", 'exec "$@" 2>"$0"', file, ...command];
}
