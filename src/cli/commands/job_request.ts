/** From the flags of `job run` to what is submitted. Pure. */
import type { SubmitRequest } from "../../client/iris_client.ts";
import { IrisError } from "../../base/errors.ts";
import type { Constraint } from "../../wire/api.ts";
import type { ValuesOf } from "../flags/flag.ts";
import type { JOB_FLAGS } from "../flags/job_flags.ts";
import { taskOptions } from "../flags/task_flags.ts";

type Values = ValuesOf<typeof JOB_FLAGS>;

/**
 * The body of a submit.
 *
 * @param options.entries the lines of `--each-line`
 * @param options.cwd the working directory when `--cwd` is not given, or null for the worker's own
 */
export function jobRequest(
  values: Values,
  options: {
    argv: readonly string[];
    cwd: string | null;
    entries?: readonly string[] | undefined;
  },
): SubmitRequest {
  const env = { ...variables(values.env, "--env"), ...variables(values.secretEnv, "--secret-env") };
  const secrets = values.secretEnv.map(([name]) => name);
  const given = {
    name: values.name,
    replicas: values.replicas,
    entries: options.entries,
    memoryBytes: values.memory,
    timeoutMs: values.timeout,
    startTimeoutMs: values.startTimeout,
    graceMs: values.grace,
    maxRunning: values.maxRunning,
    webhook: values.webhook,
    gang: values.gang === undefined ? undefined : { groupBy: values.gang },
  };
  return {
    argv: options.argv,
    cpuMilli: values.cpu,
    resources: resourcesOf(values),
    constraints: constraintsOf(values),
    env,
    ...(secrets.length > 0 && { secrets }),
    cwd: values.cwd ?? options.cwd,
    retries: values.retries,
    backoffMs: values.backoff,
    lossRetries: values.lossRetries,
    crashRetries: values.crashRetries,
    maxTaskFailures: values.maxTaskFailures,
    band: values.priority,
    preemptible: !values.notPreemptible,
    after: values.after,
    hold: values.hold,
    ifExists: values.ifExists,
    ...taskOptions(values),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

function variables(
  given: readonly (readonly [name: string, value: string])[],
  field: string,
): Record<string, string> {
  for (const [name] of given) {
    if (/^[A-Za-z_]\w*$/.test(name)) continue;
    throw new IrisError("usage", `Invalid ${field}: "${name}" is not a name of a variable`, {
      field,
    });
  }
  return Object.fromEntries(given);
}

function resourcesOf({ gpu, disk, resource }: Values): Record<string, number> {
  return {
    ...(gpu === undefined ? {} : { gpu: gpu.milli }),
    ...(disk === undefined ? {} : { disk }),
    ...Object.fromEntries(resource),
  };
}

function constraintsOf({ gpu, constraint, prefer }: Values): Constraint[] {
  const kind = gpu?.kind ?? null;
  return [
    ...(kind === null
      ? []
      : [{ key: "gpu-kind", op: "eq", values: [kind], required: true }] as const),
    ...constraint.map((one) => ({ ...one, required: true })),
    ...prefer.map((one) => ({ ...one, required: false })),
  ];
}

/**
 * The lines of a file, an entry each: without their ends, and without empty ones.
 *
 * @param text what is in the file
 * @throws {IrisError} `usage` when there is none
 */
export function entriesOf(text: string): string[] {
  const entries = text.split(/\r?\n/).filter((line) => line !== "");
  if (entries.length > 0) return entries;
  throw new IrisError("usage", "Invalid --each-line: there is no line in it", {
    field: "--each-line",
  });
}
