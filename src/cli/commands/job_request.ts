/** From the flags of `job run` to what is submitted. Pure. */
import type { SubmitRequest } from "../../client/iris_client.ts";
import { IrisError } from "../../base/errors.ts";
import type { ValuesOf } from "../flags/flag.ts";
import type { JOB_FLAGS } from "../flags/shared.ts";

/**
 * The body of a submit.
 *
 * @param options.cwd the working directory when `--cwd` is not given, or null for the worker's own
 */
export function jobRequest(
  values: ValuesOf<typeof JOB_FLAGS>,
  options: { argv: readonly string[]; cwd: string | null },
): SubmitRequest {
  const env: Record<string, string> = {};
  for (const [name, value] of values.env) {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new IrisError("usage", `Invalid --env: "${name}" is not a name of a variable`, {
        field: "--env",
      });
    }
    env[name] = value;
  }
  return {
    argv: options.argv,
    replicas: values.replicas,
    cpuMilli: values.cpu,
    env,
    cwd: values.cwd ?? options.cwd,
    retries: values.retries,
    maxTaskFailures: values.maxTaskFailures,
    ifExists: values.ifExists,
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.memory === undefined ? {} : { memoryBytes: values.memory }),
    ...(values.timeout === undefined ? {} : { timeoutMs: values.timeout }),
    ...(values.grace === undefined ? {} : { graceMs: values.grace }),
  };
}
