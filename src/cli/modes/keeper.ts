/** The hidden command `keeper`: the process that starts and ends a worker's tasks. */
import { configureLog, LOG_FORMATS, LOG_LEVELS } from "../../base/log.ts";
import { invariant } from "../../base/assert.ts";
import { runKeeper } from "../../worker/keeper/keeper_main.ts";
import type { KeeperArguments } from "./keeper_arguments.ts";

/** Runs a keeper with the one argument that `keeperArguments` made. */
export async function runKeeperCommand(args: readonly string[]): Promise<number> {
  const given = JSON.parse(args[0] ?? "null") as KeeperArguments | null;
  invariant(given !== null, "A keeper is started by its worker only");
  const level = LOG_LEVELS.find((one) => one === given.logLevel) ?? "warning";
  const format = LOG_FORMATS.find((one) => one === given.logFormat) ?? "pretty";
  configureLog({ level, format }, `keeper ${given.worker}`, `${given.worker}/keeper`);
  return await runKeeper(given);
}
