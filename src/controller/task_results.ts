/** What the tasks of a job handed back, many at a time. Used in the server isolate. */
import { IrisError } from "../base/errors.ts";
import { isTerminalTask } from "../model/task_state.ts";
import type { StoreReader } from "../store/reader.ts";
import type { TaskResult } from "../wire/api.ts";
import { parseReturned } from "../wire/returned.ts";

/** What is needed of the store. */
export type ResultsReader = Pick<StoreReader, "job" | "tasks" | "returned">;

/** A page with so much in it takes in no further task, in characters of JSON. */
const PAGE_CHARS = 4 * 1024 * 1024;

/**
 * Tasks from an index on that have ended, in the order of their index, up to the first that has not.
 *
 * @throws {IrisError} `not_found`
 */
export function taskResults(
  reader: ResultsReader,
  name: string,
  page: { offset: number; limit: number },
): TaskResult[] {
  const job = reader.job(name);
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`, { field: "name" });
  const results: TaskResult[] = [];
  let chars = 0;
  for (const task of reader.tasks(name, page)) {
    if (!isTerminalTask(task.state) || chars > PAGE_CHARS) break;
    const { index, attempt } = task;
    const text = attempt === null
      ? null
      : reader.returned(job.generation, { task: index, attempt });
    const { result = null } = text === null ? {} : parseReturned(text);
    results.push({ ...task, result });
    chars += text?.length ?? 0;
  }
  return results;
}
