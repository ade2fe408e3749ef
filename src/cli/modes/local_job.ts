/** `job run --local`: a cluster for one job, which ends with it. Runs in main. */
import { systemClock } from "../../base/clock.ts";
import { IrisError, messageOf, plainLine } from "../../base/errors.ts";
import { configureLog } from "../../base/log.ts";
import { IrisClient } from "../../client/iris_client.ts";
import { outlastSignals } from "../../lifecycle/signals.ts";
import type { StopReport } from "../../lifecycle/part.ts";
import { formatReport } from "../../lifecycle/stop_report.ts";
import type { JobView } from "../../wire/api.ts";
import { exitCodeOfError } from "../../wire/error_table.ts";
import { withProgress } from "../output/job_progress.ts";
import { type CliContext, note, userName } from "../context.ts";
import { jobResults, sayResults, type TaskResult } from "../commands/job_results.ts";
import type { PreparedJob } from "../commands/prepare_jobs.ts";
import { followJob, jobExitCode, worst } from "../commands/follow_job.ts";
import { INTERRUPTED, submitJob } from "../commands/submit_job.ts";
import { jobResultLine } from "../commands/job_text.ts";
import type { BundleFlags } from "../parts/bundles_config.ts";
import type { WorkerSpace } from "../parts/worker_part.ts";
import { RootControl } from "../root.ts";
import { type ClusterAddress, ClusterManager } from "./cluster.ts";
import { killKnownGroups } from "./emergency.ts";
import type { ContainerFlags } from "../parts/runtime_facts.ts";
import type { KeeperFlags } from "./keeper_flags.ts";
import { daemonExitCode, EMERGENCY_EXIT, endProcess, startFailure } from "./result.ts";

/** What `job run --local` was given. */
export interface LocalJobOptions extends KeeperFlags, ContainerFlags, WorkerSpace {
  readonly jobs: readonly PreparedJob[];
  readonly notifyCommand?: string | undefined;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly stopTimeoutMs: number;
}

/** One job sends at most one bundle, to a controller on the same disk. */
const LOCAL_BUNDLES: BundleFlags = { maxBundleSize: 2 ** 40, bundleSpace: 2 ** 41 };

interface JobEnd {
  readonly job: JobView;
  readonly results: readonly TaskResult[];
  readonly exitCode: number;
}

/** Starts a cluster, runs the job, stops the cluster, and says how both went. */
export async function runLocalJob(context: CliContext, options: LocalJobOptions): Promise<number> {
  configureLog("warning", "iris");
  const up = Promise.withResolvers<ClusterAddress>();
  const control = new RootControl({
    clock: systemClock,
    stopTimeoutMs: options.stopTimeoutMs,
    write: (line) => context.err(line),
    emergency: () => {
      killKnownGroups();
      Deno.exit(EMERGENCY_EXIT);
    },
    deliver: outlastSignals,
  });
  const cluster = new ClusterManager({
    ...options,
    stateDir: Deno.makeTempDirSync({ prefix: "iris-" }),
    temporary: true,
    hostname: "127.0.0.1",
    port: 0,
    placement: "best_fit",
    retentionMs: null,
    maxStoreBytes: null,
    ...LOCAL_BUNDLES,
    workers: 1,
    logLevel: "warning",
  }, {
    context,
    root: () => control.owner,
    onStop: () => Promise.reject(new Error("a cluster of one job is stopped by its terminal")),
    onUp: up.resolve,
  });
  try {
    await control.start(cluster);
  } catch (error) {
    const report = await control.stop("crash");
    const code = control.signals > 0 ? INTERRUPTED : startFailure(context, error);
    return endProcess(context, report, code);
  }
  return await followAndStop(context, { options, control, address: await up.promise });
}

async function followAndStop(
  context: CliContext,
  of: { options: LocalJobOptions; control: RootControl; address: ClusterAddress },
): Promise<number> {
  const { options, control, address } = of;
  const client = new IrisClient({ ...address, user: userName(context) });
  const abort = new AbortController();
  const body = runToEnd(context, client, { ...options, signal: abort.signal });
  const first = await Promise.race([
    body.then((ends) => ({ ends }), (error: unknown) => ({ error })),
    control.stopBegan.then(() => null),
  ]);
  const report = await control.stop("shutdown");
  // Whatever it still waited for went down with the cluster.
  abort.abort();
  const failed = first !== null && "error" in first ? first.error : null;
  const ends = first === null ? await body.catch(() => null) : "ends" in first ? first.ends : null;
  if (failed !== null) context.err(`iris: ${plainLine(messageOf(failed))}`);
  if (options.json) {
    const [{ job = null, results = [] } = {}] = ends ?? [];
    const jobs = options.jobs.length > 1 ? { jobs: ends ?? [] } : { job, results };
    context.out(JSON.stringify({ ...jobs, stop: report }));
  } else if (failed === null || daemonExitCode(report, control.failure) !== 0) {
    // Of a job that was refused there is nothing more to say than why.
    for (const { results } of ends ?? []) sayResults(context, results);
    sayHow(context, (ends ?? []).map(({ job }) => job), report);
  }
  if (options.notifyCommand !== undefined) {
    const { runNotifyCommand } = await import("../commands/notify_command.ts");
    for (const { job, exitCode: code } of ends ?? []) {
      await runNotifyCommand(context, options.notifyCommand, { job, code });
    }
  }
  return endProcess(context, report, exitCode(control, { ends, report, failed }));
}

function exitCode(
  control: RootControl,
  of: { ends: readonly JobEnd[] | null; report: StopReport; failed: unknown },
): number {
  const { ends, report, failed } = of;
  if (control.signals > 0) return INTERRUPTED;
  if (failed instanceof IrisError) return exitCodeOfError(failed.code);
  if (ends === null) return Math.max(1, daemonExitCode(report, control.failure));
  const code = worst(ends.map((end) => end.exitCode));
  return code === 0 ? daemonExitCode(report, control.failure) : code;
}

async function runToEnd(
  context: CliContext,
  client: IrisClient,
  options: LocalJobOptions & { signal: AbortSignal },
): Promise<JobEnd[]> {
  const names: string[] = [];
  for (const { request, bundle } of options.jobs) {
    if (bundle !== null) {
      const { sendBundle } = await import("../commands/bundle.ts");
      await sendBundle(context, client, { ...options, bundle });
    }
    names.push((await submitJob(context, client, request)).name);
  }
  const { signal } = options;
  const quiet = options.quiet || options.json;
  return await withProgress(
    context,
    { client, names, signal },
    (shown) =>
      Promise.all(names.map(async (name) => {
        const job = await followJob(shown, client, { name, quiet, signal });
        const tasks = job.state === "SUCCEEDED" ? [] : await client.tasks(name, { limit: 1 });
        const results = await jobResults(client, job);
        return { job, results, exitCode: jobExitCode(job, tasks) };
      })),
  );
}

/** One line on how the job and the shutdown went; more when the shutdown was not clean. */
function sayHow(context: CliContext, jobs: readonly JobView[], report: StopReport): void {
  const results = jobs.length === 0 ? ["job interrupted"] : jobs.map(jobResultLine);
  const last = results.pop()!;
  const [stop, ...details] = formatReport(report);
  const good = jobs.length > 0 && jobs.every(({ state }) => state === "SUCCEEDED") &&
    report.outcome === "clean";
  for (const line of [...results, `${last}; ${stop}`, ...details]) {
    if (good) note(context, line);
    else context.err(line);
  }
}
