/** From what was typed after `job run`, and its file, to the jobs that are to be submitted. */
import { IrisError, messageOf } from "../../base/errors.ts";
import type { SubmitRequest } from "../../client/iris_client.ts";
import type { Invocation } from "../flags/command.ts";
import type { ValuesOf } from "../flags/flag.ts";
import type { JOB_RUN_FLAGS } from "../flags/job_run_flags.ts";
import type { PackedBundle } from "./bundle.ts";
import { entriesOf, jobRequest } from "./job_request.ts";
import { resolveModule } from "./module_file.ts";

/** A job, and the folder that it needs. */
export interface PreparedJob {
  readonly request: SubmitRequest;
  /** Sent before the job is submitted. */
  readonly bundle: PackedBundle | null;
}

/** The flags of `job run`. */
export type JobRunInvocation = Invocation<typeof JOB_RUN_FLAGS>;
type Values = ValuesOf<typeof JOB_RUN_FLAGS>;

/** The jobs, in the order to submit them in. @throws {IrisError} `usage` */
export async function prepareJobs(invocation: JobRunInvocation): Promise<readonly PreparedJob[]> {
  const { values, argv } = invocation;
  if (values.file === undefined) return [await prepared(values, argv)];
  const { readJobFile } = await import("../config/job_file.ts");
  const jobs = readJobFile(values.file);
  if (jobs.length > 1) {
    refuseForSeveral("--name", values.name !== undefined);
    refuseForSeveral("a command after --", argv.length > 0);
  }
  const done: PreparedJob[] = [];
  for (const job of jobs) {
    const own = invocation.withFile((flag) => job.flag(flag));
    const command = argv.length > 0 ? argv : job.argv ?? [];
    if (command.length === 0 && own.module === undefined && own.image === undefined) {
      throw job.refuse("There is no command: give it a command, a module or an image");
    }
    done.push(await prepared(own, command));
  }
  return done;
}

function refuseForSeveral(what: string, given: boolean): void {
  if (!given) return;
  const message = `${what} does not go with a file of several jobs`;
  throw new IrisError("usage", message, { field: "--file" });
}

async function prepared(values: Values, argv: readonly string[]): Promise<PreparedJob> {
  const entries = values.eachLine === undefined ? undefined : readEntries(values.eachLine);
  const module = values.module === undefined ? undefined : resolveModule(values.module, {
    ...{ cwd: Deno.cwd(), bundled: values.bundle !== undefined, mustExist: values.local },
  });
  const { bundle, fields } = await packed(values.bundle);
  const cwd = values.local && bundle === null ? Deno.cwd() : null;
  const asked = jobRequest({ ...values, module }, { argv, cwd, entries });
  return { request: { ...asked, ...fields }, bundle };
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
