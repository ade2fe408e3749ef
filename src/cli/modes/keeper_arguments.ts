/** The arguments that make this program a keeper, apart from what then runs it. */
import type { LogFormat, LogLevel } from "../../base/log.ts";
import type { KeeperMainOptions } from "../../worker/keeper/keeper_main.ts";

/** What a keeper is told. */
export interface KeeperArguments extends KeeperMainOptions {
  readonly logLevel: LogLevel;
  readonly logFormat?: LogFormat;
}

/** The arguments behind the program's own that make it a keeper. */
export function keeperArguments(options: KeeperArguments): string[] {
  return ["keeper", JSON.stringify(options)];
}
