/** `job run` and `job attach` on a running cluster: submit, follow, and end as the jobs end. */
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView, SubmittedJob } from "../../wire/api.ts";
import { type CliContext, fullJobName, note } from "../context.ts";
import { withProgress } from "../output/job_progress.ts";
import { StopOrDetach } from "../stop_or_detach.ts";
import { followJob, jobExitCode, sayResult, worst } from "./follow_job.ts";
import { jobResults, sayResults } from "./job_results.ts";
import type { PreparedJob } from "./prepare_jobs.ts";
import { INTERRUPTED, submitJob } from "./submit_job.ts";

/** How jobs are followed. */
interface FollowOptions {
  readonly quiet: boolean;
  readonly json: boolean;
  /** Run with each job as it ends. */
  readonly notifyCommand?: string | undefined;
  /** Of what was written before only so many last lines. */
  readonly tail?: number | undefined;
}

/** Submits jobs, follows them, and stops them on Ctrl-C, unless whoever pressed it says otherwise. */
export async function runJobs(
  context: CliContext,
  client: IrisClient,
  options: FollowOptions & { jobs: readonly PreparedJob[]; wait: boolean },
): Promise<number> {
  await using interrupt = new StopOrDetach(context, { ownsJobs: true });
  const submitted = await submitAll(context, client, { ...options, signal: interrupt.stop });
  if (submitted === null) return await interrupt.end(INTERRUPTED);
  if (!options.wait) {
    for (const job of submitted) context.out(options.json ? JSON.stringify(job) : job.name);
    return await interrupt.end(0);
  }
  return await followAll(context, client, { ...options, names: namesOf(submitted), interrupt });
}

/** `job attach`: follows a job that somebody submitted before. */
export async function attachJob(
  context: CliContext,
  client: IrisClient,
  options: FollowOptions & { name: string },
): Promise<number> {
  await using interrupt = new StopOrDetach(context, { ownsJobs: false });
  const { name } = await client.job(fullJobName(context, options.name));
  return await followAll(context, client, { ...options, names: [name], interrupt });
}

function namesOf(jobs: readonly SubmittedJob[]): string[] {
  return jobs.map(({ name }) => name);
}

/**
 * Submits jobs in their order: all of them or none. Null when the signal came first.
 *
 * @throws what the submit of one of them threw; those before it are asked to stop
 */
async function submitAll(
  context: CliContext,
  client: IrisClient,
  options: FollowOptions & { jobs: readonly PreparedJob[]; signal: AbortSignal },
): Promise<SubmittedJob[] | null> {
  const { jobs, signal } = options;
  const submitted: SubmittedJob[] = [];
  const undo = async () => {
    for (const { name } of submitted.toReversed()) {
      await client.stopJob(name);
      note(context, `${name} is asked to stop`);
    }
  };
  for (const { request, bundle } of jobs) {
    try {
      if (bundle !== null) {
        const { sendBundle } = await import("./bundle.ts");
        const sent = await sendBundle(context, client, { ...options, bundle, signal });
        if (!sent) break;
      }
      if (signal.aborted) break;
      submitted.push(await submitJob(context, client, request));
    } catch (error) {
      await undo();
      throw error;
    }
  }
  if (submitted.length === jobs.length) return submitted;
  await undo();
  return null;
}

async function followAll(
  context: CliContext,
  client: IrisClient,
  options: FollowOptions & { names: readonly string[]; interrupt: StopOrDetach },
): Promise<number> {
  const { names, interrupt } = options;
  interrupt.begin(names);
  const stop = () => {
    for (const name of names) {
      // owner: the following below, which ends when the jobs do.
      void client.stopJob(name).catch((error) => context.err(`iris: ${String(error)}`));
    }
  };
  interrupt.stop.addEventListener("abort", stop, { once: true });
  // A Ctrl-C that came with the last submit.
  if (interrupt.stop.aborted) stop();
  try {
    const code = await withProgress(
      context,
      { client, names, signal: interrupt.leave },
      async (shown) => {
        const ends = names.map((name) => followOne(shown, client, { ...options, name }));
        return worst(await Promise.all(ends));
      },
    );
    return await interrupt.end(interrupt.stop.aborted ? INTERRUPTED : code);
  } catch (error) {
    if (!interrupt.leave.aborted) throw error;
    for (const name of names) {
      const what = interrupt.stop.aborted ? "is being stopped" : "goes on";
      note(context, `${name} ${what}: iris job attach ${name}`);
    }
    return await interrupt.end(interrupt.stop.aborted || !interrupt.asked ? INTERRUPTED : 0);
  } finally {
    interrupt.stop.removeEventListener("abort", stop);
  }
}

async function followOne(
  context: CliContext,
  client: IrisClient,
  options: FollowOptions & { name: string; interrupt: StopOrDetach },
): Promise<number> {
  const { name, json, notifyCommand, tail } = options;
  const job = await followJob(context, client, {
    ...{ name, quiet: options.quiet || json, signal: options.interrupt.leave },
    ...(tail === undefined ? {} : { tail }),
  });
  await sayEnd(context, client, { job, json });
  const code = jobExitCode(job, await client.tasks(name, { limit: 1 }));
  if (notifyCommand !== undefined) {
    const { runNotifyCommand } = await import("./notify_command.ts");
    await runNotifyCommand(context, notifyCommand, { job, code });
  }
  return code;
}

async function sayEnd(
  context: CliContext,
  client: IrisClient,
  { job, json }: { job: JobView; json: boolean },
): Promise<void> {
  if (json) {
    context.out(JSON.stringify(job));
    return;
  }
  sayResults(context, await jobResults(client, job));
  sayResult(context, job);
}
