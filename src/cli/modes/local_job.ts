/** `job run --local`: a cluster for one job, which ends with it. Runs in main. */
import { systemClock } from "../../base/clock.ts";
import { IrisError, messageOf, plainLine } from "../../base/errors.ts";
import { configureLog } from "../../base/log.ts";
import { IrisClient, type SubmitRequest } from "../../client/iris_client.ts";
import { outlastSignals } from "../../lifecycle/signals.ts";
import type { StopReport } from "../../lifecycle/part.ts";
import { formatReport } from "../../lifecycle/stop_report.ts";
import type { JobView } from "../../wire/api.ts";
import { exitCodeOfError } from "../../wire/error_table.ts";
import { type CliContext, userName } from "../context.ts";
import { jobResults, sayResults, type TaskResult } from "../commands/job_results.ts";
import type { PackedBundle } from "../commands/bundle.ts";
import { followJob, jobExitCode } from "../commands/follow_job.ts";
import { INTERRUPTED, submitJob } from "../commands/job_commands.ts";
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
  readonly request: SubmitRequest;
  /** Sent before the job is submitted. */
  readonly bundle: PackedBundle | null;
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
    body.then((end) => ({ end }), (error: unknown) => ({ error })),
    control.stopBegan.then(() => null),
  ]);
  const report = await control.stop("shutdown");
  // Whatever it still waited for went down with the cluster.
  abort.abort();
  const failed = first !== null && "error" in first ? first.error : null;
  const end = first === null ? await body.catch(() => null) : "end" in first ? first.end : null;
  if (failed !== null) context.err(`iris: ${plainLine(messageOf(failed))}`);
  if (options.json) {
    const { job = null, results = [] } = end ?? {};
    context.out(JSON.stringify({ job, results, stop: report }));
  } else if (failed === null || daemonExitCode(report, control.failure) !== 0) {
    // Of a job that was refused there is nothing more to say than why.
    sayResults(context, end?.results ?? []);
    sayHow(context, end?.job ?? null, report);
  }
  return endProcess(context, report, exitCode(control, { end, report, failed }));
}

function exitCode(
  control: RootControl,
  { end, report, failed }: { end: JobEnd | null; report: StopReport; failed: unknown },
): number {
  if (control.signals > 0) return INTERRUPTED;
  if (failed instanceof IrisError) return exitCodeOfError(failed.code);
  if (end === null) return Math.max(1, daemonExitCode(report, control.failure));
  return end.exitCode === 0 ? daemonExitCode(report, control.failure) : end.exitCode;
}

async function runToEnd(
  context: CliContext,
  client: IrisClient,
  options: LocalJobOptions & { signal: AbortSignal },
): Promise<JobEnd> {
  if (options.bundle !== null) {
    const { sendBundle } = await import("../commands/bundle.ts");
    await sendBundle(context, client, options);
  }
  const { name } = await submitJob(context, client, options.request);
  const quiet = options.quiet || options.json;
  const job = await followJob(context, client, { name, quiet, signal: options.signal });
  const tasks = job.state === "SUCCEEDED" ? [] : await client.tasks(name, { limit: 1 });
  const results = await jobResults(client, job);
  return { job, results, exitCode: jobExitCode(job, tasks) };
}

/** One line on how the job and the shutdown went; more when the shutdown was not clean. */
function sayHow(context: CliContext, job: JobView | null, report: StopReport): void {
  const result = job === null ? "job interrupted" : jobResultLine(job);
  const [stop, ...details] = formatReport(report);
  context.err(`${result}; ${stop}`);
  for (const line of details) context.err(line);
}
