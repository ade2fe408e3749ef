/** `job wait`: until one job, all of several, or the first of them is done. */
import { IrisError } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView } from "../../wire/api.ts";
import { type CliContext, fullJobName } from "../context.ts";
import { withProgress } from "../output/job_progress.ts";
import { jobExitCode, sayResult, worst } from "./follow_job.ts";
import { INTERRUPTED } from "./submit_job.ts";

/** What is waited for. */
export interface WaitOptions {
  readonly names: readonly string[];
  readonly any: boolean;
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
  readonly interrupted: AbortSignal;
}

/**
 * Waits. Of one job the exit code is the job's; of several it is 0 when all that were waited for
 * succeeded.
 */
export async function waitJobs(
  context: CliContext,
  client: IrisClient,
  options: WaitOptions,
): Promise<number> {
  const names = [...new Set(options.names.map((name) => fullJobName(context, name)))];
  const over = new AbortController();
  const { interrupted, timeoutMs } = options;
  const late = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  const signal = AbortSignal.any([over.signal, interrupted, ...late]);
  try {
    // One that does not exist is said before anything is waited for.
    for (const name of names) await client.job(name);
    return await withProgress(context, { client, names, signal }, async (shown) => {
      const one = async (name: string) => {
        const job = await client.wait(name, signal);
        if (!signal.aborted) say(shown, job, options.json);
        if (options.any) over.abort();
        return await exitCodeOf(client, job);
      };
      const waits = names.map(one);
      if (!options.any) return worst(await Promise.all(waits));
      return await firstOf(waits);
    });
  } catch (error) {
    if (interrupted.aborted) return INTERRUPTED;
    if (late[0]?.aborted) {
      const what = names.length === 1 ? `Job ${names[0]} is` : "Some of the jobs are";
      throw new IrisError("timeout", `${what} not done after ${timeoutMs! / 1000} s`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    over.abort();
  }
}

/** The first that comes to its end; when none does, why the first did not. */
async function firstOf(waits: readonly Promise<number>[]): Promise<number> {
  try {
    return await Promise.any(waits);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    await Promise.allSettled(waits);
  }
}

function say(context: CliContext, job: JobView, json: boolean): void {
  if (json) context.out(JSON.stringify(job));
  else sayResult(context, job);
}

async function exitCodeOf(client: IrisClient, job: JobView): Promise<number> {
  if (job.state === "SUCCEEDED") return 0;
  return jobExitCode(job, await client.tasks(job.name, { limit: 1 }));
}
