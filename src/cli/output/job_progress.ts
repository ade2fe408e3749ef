/** How far jobs are, at the foot of the terminal while something waits for them. */
import { sleep, systemClock } from "../../base/clock.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView, TaskCounts, TaskState } from "../../wire/api.ts";
import type { CliContext } from "../context.ts";

/** How often a controller is asked, in ms. */
const LOOK_MS = 1_000;
/** Of more jobs it would be asked too much. */
const MAX_JOBS = 50;

const OVER: readonly TaskState[] = [
  "SUCCEEDED",
  "FAILED",
  "KILLED",
  "WORKER_FAILED",
  "UNSCHEDULABLE",
  "COSCHED_FAILED",
];

/** How many tasks there are, and where. */
export interface TaskSum {
  readonly total: number;
  readonly over: number;
  readonly running: number;
  readonly failed: number;
}

/** The tasks of some jobs together. */
export function sumOf(jobs: readonly Pick<JobView, "replicas" | "counts">[]): TaskSum {
  const of = (counts: TaskCounts, states: readonly TaskState[]) =>
    states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const each = jobs.map(({ replicas, counts }) => ({
    total: replicas,
    over: of(counts, OVER),
    running: of(counts, ["RUNNING"]),
    failed: of(counts, OVER.slice(1)),
  }));
  const add = (key: keyof TaskSum) => each.reduce((sum, one) => sum + one[key], 0);
  return { total: add("total"), over: add("over"), running: add("running"), failed: add("failed") };
}

/** `3 of 8 tasks done, 2 running, 1 failed`. */
export function sumText({ total, over, running, failed }: TaskSum): string {
  const parts = [`${over} of ${total} tasks done`];
  if (running > 0) parts.push(`${running} running`);
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join(", ");
}

/**
 * Runs something that waits for jobs, with a bar where there is a terminal.
 *
 * @param body gets the context to print through meanwhile
 */
export async function withProgress<T>(
  context: CliContext,
  of: { client: IrisClient; names: readonly string[]; signal: AbortSignal },
  body: (shown: CliContext) => Promise<T>,
): Promise<T> {
  if (context.progress === undefined || context.quiet === true) return await body(context);
  const { ProgressLine } = await import("./progress_line.ts");
  let sum: TaskSum = { total: 1, over: 0, running: 0, failed: 0 };
  const label = () => sumText(sum);
  const line = new ProgressLine(context, { max: 1, label });
  const done = new AbortController();
  const looking = look({ ...of, signal: AbortSignal.any([of.signal, done.signal]) }, (seen) => {
    sum = seen;
    line.set(sum.over, Math.max(1, sum.total));
  });
  try {
    return await body(line.context);
  } finally {
    done.abort();
    await looking;
    await line.end();
  }
}

/** Looks until the signal aborts. Never rejects: a controller that does not answer has no news. */
async function look(
  of: { client: IrisClient; names: readonly string[]; signal: AbortSignal },
  seen: (sum: TaskSum) => void,
): Promise<void> {
  const { client, signal } = of;
  while (!signal.aborted) {
    try {
      const names = of.names.slice(0, MAX_JOBS);
      seen(sumOf(await Promise.all(names.map((name) => client.job(name, signal)))));
    } catch {
      // The wait itself says what is wrong.
    }
    await sleep(systemClock, LOOK_MS, signal);
  }
}
