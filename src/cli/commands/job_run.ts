/** `job run`: submits what the flags say, to a running cluster or to one of its own. */
import { IrisError, messageOf } from "../../base/errors.ts";
import { type CliContext, connect } from "../context.ts";
import type { Invocation } from "../flags/command.ts";
import type { JOB_RUN_FLAGS } from "../flags/job_run_flags.ts";
import { interruptible } from "../interrupt.ts";
import { entriesOf, jobRequest } from "./job_request.ts";
import { resolveModule } from "./module_file.ts";

/** Runs `job run`. @returns the exit code */
export async function submitAndRun(
  context: CliContext,
  { values, argv }: Invocation<typeof JOB_RUN_FLAGS>,
): Promise<number> {
  const entries = values.eachLine === undefined ? undefined : readEntries(values.eachLine);
  const module = values.module === undefined ? undefined : resolveModule(values.module, {
    ...{ cwd: Deno.cwd(), bundled: values.bundle !== undefined, mustExist: values.local },
  });
  const { bundle, fields } = await packed(values.bundle);
  const cwd = values.local && bundle === null ? Deno.cwd() : null;
  const asked = jobRequest({ ...values, module }, { argv, cwd, entries });
  const request = { ...asked, ...fields };
  const { quiet, json, noWait } = values;
  if (values.local) {
    if (values.image !== undefined) {
      const { needEngine } = await import("../parts/runtime_facts.ts");
      await needEngine(context, values.containerEngine);
    }
    const { runLocalJob } = await import("../modes/local_job.ts");
    const { stopTimeout: stopTimeoutMs } = values;
    return await runLocalJob(context, { ...values, request, bundle, stopTimeoutMs });
  }
  const client = await connect(context, values);
  const { runJob } = await import("./job_commands.ts");
  return await interruptible((interrupted) =>
    runJob(context, client, { request, bundle, wait: !noWait, quiet, json, interrupted })
  );
}

/** The folder of `--bundle`, packed, and what a submit says of it. */
async function packed(folder: string | undefined) {
  if (folder === undefined) return { bundle: null, fields: {} };
  const { bundleField, packBundle } = await import("./bundle.ts");
  const bundle = await packBundle(folder);
  return { bundle, fields: bundleField(bundle) };
}

/** The lines of `--each-line`. */
function readEntries(file: string): string[] {
  try {
    return entriesOf(Deno.readTextFileSync(file === "-" ? "/dev/stdin" : file));
  } catch (error) {
    if (error instanceof IrisError) throw error;
    throw new IrisError("usage", `Invalid --each-line: ${messageOf(error)}`, {
      field: "--each-line",
      cause: error,
    });
  }
}
