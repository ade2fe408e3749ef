/** `cluster status|stop`, `tree`, `events`. Each answers with its exit code. */
import { IrisError } from "../../base/errors.ts";
import { randomHex } from "../../base/ids.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { EventView } from "../../wire/api.ts";
import { exitCodeOf, formatReport } from "../../lifecycle/stop_report.ts";
import { type CliContext, fullJobName } from "../context.ts";
import { formatTree } from "../output/tree_text.ts";

/** What a report may come later than the budget it tells of, in ms. */
const REPORT_SLACK_MS = 5_000;
/** The longest a cluster's own budget may be, when none is given, in ms. */
const OWN_BUDGET_MS = 600_000;

/** `tree`. */
export async function showTree(
  context: CliContext,
  client: IrisClient,
  options: { json: boolean; workers: number },
): Promise<number> {
  const tree = await client.tree({ workers: options.workers });
  context.out(options.json ? JSON.stringify(tree) : formatTree(tree, context.columns));
  return 0;
}

/** `events`. Without `--follow` and a cursor it begins with the oldest that are kept. */
export async function showEvents(
  context: CliContext,
  client: IrisClient,
  options: {
    follow: boolean;
    after?: string | undefined;
    job?: string | undefined;
    limit: number;
    json: boolean;
    interrupted: AbortSignal;
  },
): Promise<number> {
  const { follow, limit, json, interrupted: signal } = options;
  const job = options.job === undefined ? {} : { job: fullJobName(context, options.job) };
  const after = options.after === undefined ? {} : { after: options.after };
  const print = (event: EventView) => context.out(json ? JSON.stringify(event) : eventText(event));
  if (follow) {
    for await (const event of client.events({ ...job, ...after, signal })) print(event);
    return 130;
  }
  const from = options.after ?? "oldest";
  for (const event of (await client.eventPage({ ...job, after: from, limit })).events) print(event);
  return 0;
}

function eventText({ cursor, atMs, kind, job, worker, data }: EventView): string {
  const what = [job, worker].filter((one) => one !== null).join(" on ");
  const more = Object.entries(data).filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`);
  return [new Date(atMs).toISOString(), cursor, kind, what, ...more].filter(Boolean).join(" ");
}

/** `cluster status`: where it is, who works, and a fresh link to its status page. */
export async function clusterStatus(
  context: CliContext,
  client: IrisClient,
  options: { json: boolean },
): Promise<number> {
  const [jobs, workers, link] = await Promise.all([
    client.jobs({ limit: 1_000 }),
    client.workers(),
    client.loginLink(),
  ]);
  const active = jobs.filter((job) => !job.done).length;
  const running = workers.reduce((sum, worker) => sum + worker.running, 0);
  const facts = { jobs: jobs.length, active, workers: workers.length, running, page: link.url };
  if (options.json) {
    context.out(JSON.stringify(facts));
    return 0;
  }
  context.out(`workers ${workers.length}, tasks running ${running}, active jobs ${active}`);
  context.out(`status page (this link works once): ${link.url}`);
  return 0;
}

/** `cluster stop`: asks, waits for the report, prints it, and ends with the exit code it means. */
export async function stopCluster(
  context: CliContext,
  client: IrisClient,
  options: { timeoutMs: number | null; json: boolean },
): Promise<number> {
  const answer = await client.stopCluster({ id: randomHex(8), remainingMs: options.timeoutMs });
  const waitMs = (options.timeoutMs ?? OWN_BUDGET_MS) + REPORT_SLACK_MS;
  let report;
  try {
    report = await client.stopReport(answer, waitMs);
  } catch (error) {
    throw new IrisError(
      "unavailable",
      "The cluster took the stop but its report did not come: see last-stop.json in its state folder",
      { cause: error },
    );
  }
  if (options.json) context.out(JSON.stringify(report));
  else for (const line of formatReport(report)) context.out(line);
  return exitCodeOf(report);
}
