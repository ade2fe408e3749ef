/** Following a job: its output as prefixed lines, then its end. Runs in commands. */
import { IrisError } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { JobView, TaskView } from "../../wire/api.ts";
import type { CliContext } from "../context.ts";
import { LogPrinter } from "../output/log_printer.ts";

/**
 * Prints what a job writes until it is done.
 *
 * @param options.quiet prints nothing, only waits
 * @returns the job as it ended
 * @throws what the client throws; an abort of the signal too
 */
export async function followJob(
  context: CliContext,
  client: IrisClient,
  options: { name: string; quiet: boolean; signal: AbortSignal },
): Promise<JobView> {
  const { name, signal } = options;
  if (!options.quiet) await printLogs(context, client, { name, follow: true, signal });
  return await client.wait(name, signal);
}

/** Prints a job's log as lines `job/3 | text`, each to the stream it was written to. */
export async function printLogs(
  context: CliContext,
  client: IrisClient,
  options: { name: string; task?: number; follow: boolean; signal: AbortSignal },
): Promise<void> {
  const short = options.name.split("/").at(-1) ?? options.name;
  const printer = new LogPrinter(
    { write: (stream, line) => context.write(stream, line) },
    (task) => `${short}/${task} | `,
  );
  const { follow, signal, task } = options;
  try {
    const chunks = client.logs(options.name, {
      follow,
      signal,
      ...(task === undefined ? {} : { task }),
    });
    for await (const chunk of chunks) printer.add(chunk);
  } finally {
    printer.flush();
  }
}

/**
 * The exit code that a job's end means: 0 when it succeeded, the task's own code for a failed job of
 * one task, else 1.
 */
export function jobExitCode(job: JobView, tasks: readonly TaskView[]): number {
  if (job.state === "SUCCEEDED") return 0;
  const only = job.replicas === 1 ? tasks[0]?.exitCode : undefined;
  return only === undefined || only === null || only === 0 ? 1 : only;
}

/** True for the errors that mean that nobody is listening any more. */
export function isGone(error: unknown): boolean {
  if (error instanceof IrisError) return error.code === "unavailable" || error.code === "timeout";
  return error instanceof TypeError ||
    (error instanceof DOMException && error.name === "AbortError");
}
