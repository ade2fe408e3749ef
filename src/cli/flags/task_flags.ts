/** Flags of `job run` that say how a task is run beside its command, and what they mean. Pure. */
import { IrisError } from "../../base/errors.ts";
import type { TaskOptions } from "../../wire/task_options.ts";
import { type Flag, grouped, type ValuesOf } from "./flag.ts";
import {
  parseCores,
  parseCount,
  parseJson,
  parseModule,
  parseSize,
  parseText,
  parseWarning,
} from "./quantities.ts";

/** See the head of this file. */
export const TASK_FLAGS = {
  ...grouped("What runs, and what travels", {
    module: {
      kind: "value",
      parse: parseModule,
      value: "FILE[#EXPORT]",
      help: "call this function of a TypeScript or JavaScript module instead of a command",
    },
    args: { kind: "value", parse: parseJson, value: "JSON", help: "with --module: its argument" },
    image: {
      kind: "value",
      parse: parseText,
      value: "IMAGE",
      help: "run the command in a container of this image",
    },
    bundle: {
      kind: "value",
      parse: parseText,
      value: "DIR",
      help: "ship this folder to the workers; tasks begin in it",
    },
    port: {
      kind: "repeated",
      parse: parseText,
      value: "NAME",
      help: "a port for each task, in IRIS_PORT_<NAME>",
    },
    outputs: {
      kind: "value",
      parse: parseSize,
      value: "SIZE",
      help: "keep so much of what a task writes to IRIS_OUTPUT_DIR, for `iris job download`",
    },
    result: {
      kind: "switch",
      help: "keep the JSON that a task writes to IRIS_RESULT_FILE; a module's needs no such flag",
    },
    logLimit: {
      kind: "value",
      parse: parseSize,
      value: "SIZE",
      help: "how much output of a task is kept; the worker's limit when left out",
    },
  }),
  ...grouped("What each task needs", {
    cpuLimit: {
      kind: "value",
      parse: parseCores,
      value: "CORES",
      help: "never more than this, also when more is free",
    },
    pids: {
      kind: "value",
      parse: parseCount(1, Number.MAX_SAFE_INTEGER),
      value: "N",
      help: "how many processes and threads a task may have",
    },
  }),
  ...grouped("Times and retries", {
    signal: {
      kind: "value",
      parse: parseWarning,
      value: "SIGNAL@TIME",
      help: "a signal to its first process so long before --timeout, for instance USR1@30s",
    },
  }),
} as const satisfies Record<string, Flag>;

/**
 * The options that were given. The bundle's folder is not one yet: it has to be packed first.
 *
 * @throws {IrisError} `usage` for what makes no sense together
 */
export function taskOptions(values: ValuesOf<typeof TASK_FLAGS>): Partial<TaskOptions> {
  const { module, args, image, port, signal, cpuLimit, pids, logLimit, outputs, result } = values;
  if (args !== undefined && module === undefined) {
    throw new IrisError("usage", "--args needs --module", { field: "--args" });
  }
  const given = {
    module: module === undefined ? undefined : { ...module, args: args ?? null },
    container: image === undefined ? undefined : { image },
    warn: signal,
    cpuLimitMilli: cpuLimit,
    pidsLimit: pids,
    logBytes: logLimit,
    outputBytes: outputs,
    result: result || undefined,
  };
  const some = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(some), ports: port };
}
