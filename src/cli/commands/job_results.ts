/** What the tasks of a job handed back, at the end of `job run`. */
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView } from "../../wire/api.ts";
import { mayReturn } from "../../wire/returned.ts";
import { type CliContext, note } from "../context.ts";

/** Results that are fetched; those of larger jobs are looked at one by one with `task show`. */
const MAX_RESULTS = 100;

/** One result. */
export interface TaskResult {
  /** `/user/job/3`. */
  readonly task: string;
  readonly result: unknown;
}

/** The results there are of the first tasks of a job; none for a job whose tasks have none. */
export async function jobResults(client: IrisClient, job: JobView): Promise<TaskResult[]> {
  if (!mayReturn(job.spec)) return [];
  const results: TaskResult[] = [];
  for (let index = 0; index < Math.min(job.replicas, MAX_RESULTS); index++) {
    const { name, result } = await client.task(job.name, index);
    if (result !== null) results.push({ task: name, result });
  }
  return results;
}

/** One line on stderr for each. */
export function sayResults(context: CliContext, results: readonly TaskResult[]): void {
  for (const { task, result } of results) note(context, `${task} = ${JSON.stringify(result)}`);
}
