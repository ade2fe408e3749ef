/** `job list|show|logs|explain|purge|stop` against a running cluster. Each answers with its exit code. */
import { IrisError } from "../../base/errors.ts";
import { systemClock } from "../../base/clock.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import { type CliContext, fullJobName, note } from "../context.ts";
import { printLogs, type PrintOptions } from "./follow_job.ts";
import { INTERRUPTED } from "./submit_job.ts";
import { explanationText, jobDetails, jobResultLine, jobTable } from "./job_text.ts";

/** Tasks that `job show` lists. */
const SHOWN_TASKS = 50;
/** `job list`. */
export async function listJobs(
  context: CliContext,
  client: IrisClient,
  options: {
    state?: string | undefined;
    user?: string | undefined;
    sinceMs?: number | undefined;
    limit: number;
    json: boolean;
  },
): Promise<number> {
  const { state, user, sinceMs, limit } = options;
  const filters = Object.entries({ state, user, sinceMs }).filter(([, value]) =>
    value !== undefined
  );
  const jobs = await client.jobs({ limit, ...Object.fromEntries(filters) });
  if (options.json) context.out(JSON.stringify(jobs));
  else if (context.quiet) { for (const { name } of jobs) context.out(name); }
  else if (jobs.length === 0 && filters.length > 0) note(context, "No such job");
  else if (jobs.length === 0) note(context, "No job yet: iris job run -- COMMAND");
  else context.out(jobTable(jobs, systemClock.wall(), context));
  return 0;
}

/** `job show`. */
export async function showJob(
  context: CliContext,
  client: IrisClient,
  options: { name: string; json: boolean },
): Promise<number> {
  const name = fullJobName(context, options.name);
  const [job, tasks] = await Promise.all([
    client.job(name),
    client.tasks(name, { limit: SHOWN_TASKS }),
  ]);
  context.out(options.json ? JSON.stringify({ ...job, tasks }) : jobDetails(job, tasks, context));
  return 0;
}

/** `job explain`. */
export async function explainJob(
  context: CliContext,
  client: IrisClient,
  options: { name: string; json: boolean },
): Promise<number> {
  const explanation = await client.explain(fullJobName(context, options.name));
  context.out(options.json ? JSON.stringify(explanation) : explanationText(explanation));
  return 0;
}

/** `job purge`. */
export async function purgeJobs(
  context: CliContext,
  client: IrisClient,
  options: {
    jobs: readonly string[];
    olderThanMs: number | undefined;
    dryRun: boolean;
    json: boolean;
  },
): Promise<number> {
  const { jobs, olderThanMs, json } = options;
  if ((jobs.length === 0) === (olderThanMs === undefined)) {
    throw new IrisError("usage", "Say which: --job JOB, --older-than TIME or --all-done", {
      field: "--job",
    });
  }
  if (options.dryRun) {
    const { wouldPurge } = await import("./would.ts");
    return await wouldPurge(context, client, { ...options, nowMs: systemClock.wall() });
  }
  const answer = await client.purge(
    olderThanMs === undefined
      ? { jobs: jobs.map((name) => fullJobName(context, name)) }
      : { olderThanMs },
  );
  const { purged } = answer;
  if (json) context.out(JSON.stringify(answer));
  else note(context, `${purged} ${purged === 1 ? "job is" : "jobs are"} forgotten`);
  return 0;
}

/** `job logs`. */
export async function showLogs(
  context: CliContext,
  client: IrisClient,
  options: Omit<PrintOptions, "signal"> & { json: boolean; interrupted: AbortSignal },
): Promise<number> {
  const { json, interrupted, ...given } = options;
  const print = { ...given, name: fullJobName(context, options.name), signal: interrupted };
  const { raw, timestamps, task } = print;
  if (raw && (json || timestamps)) {
    throw new IrisError("usage", "--raw does not go with --json or --timestamps", {
      field: "--raw",
    });
  }
  try {
    if (raw && task === undefined && (await client.job(print.name)).replicas > 1) {
      throw new IrisError("usage", "--raw needs --task, for a job of more than one", {
        field: "--raw",
      });
    }
    if (json) {
      for await (const chunk of client.logs(print.name, print)) context.out(JSON.stringify(chunk));
    } else {
      await printLogs(context, client, print);
    }
    return 0;
  } catch (error) {
    if (interrupted.aborted) return INTERRUPTED;
    throw error;
  }
}

/** `job stop`: waits until the last process of the job is proved gone. */
export async function stopJob(
  context: CliContext,
  client: IrisClient,
  options: { name: string; wait: boolean; json: boolean; interrupted: AbortSignal },
): Promise<number> {
  const name = fullJobName(context, options.name);
  const asked = await client.stopJob(name);
  const job = options.wait ? await client.wait(name, options.interrupted) : asked;
  if (options.json) context.out(JSON.stringify(job));
  else note(context, options.wait ? jobResultLine(job) : `${job.name} is asked to stop`);
  return 0;
}
