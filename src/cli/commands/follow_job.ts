/** Following a job: its output as prefixed lines, then its end. Runs in commands. */
import { IrisError } from "../../base/errors.ts";
import type { IrisClient } from "../../client/iris_client.ts";
import type { LogsRequest } from "../../client/log_stream.ts";
import type { JobView, TaskView } from "../../wire/api.ts";
import { type CliContext, note } from "../context.ts";
import { jobResultLine } from "./job_text.ts";
import { paint } from "../output/table.ts";
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
  options: { name: string; quiet: boolean; signal: AbortSignal; tail?: number },
): Promise<JobView> {
  const { name, signal, quiet, tail } = options;
  const lines = tail === undefined ? {} : { tail };
  if (!quiet) await printLogs(context, client, { name, follow: true, signal, ...lines });
  return await client.wait(name, signal);
}

/** How a job's log is printed. */
export interface PrintOptions extends LogsRequest {
  readonly name: string;
  /** The time at which it was first seen stands before each line. */
  readonly timestamps?: boolean;
  /** The bytes as they were written: no prefix, no line is waited for. */
  readonly raw?: boolean;
}

/** Prints a job's log as lines `job/3 | text`, each to the stream it was written to. */
export async function printLogs(
  context: CliContext,
  client: IrisClient,
  options: PrintOptions,
): Promise<void> {
  const { name, timestamps = false, raw = false, ...request } = options;
  const onLost = (why: string) => note(context, `iris: ${why}; trying again`);
  const chunks = client.logs(name, { ...request, onLost });
  if (raw) {
    for await (const { stream, data } of chunks) {
      context.write(stream, Uint8Array.fromBase64(data));
    }
    return;
  }
  const short = name.split("/").at(-1) ?? name;
  const printer = new LogPrinter(
    { write: (stream, line) => context.write(stream, line) },
    { prefix: prefixOf(short, context.color === true), timestamps },
  );
  try {
    for await (const chunk of chunks) printer.add(chunk);
  } finally {
    printer.flush();
  }
}

/** What stands before each line: which task wrote it. */
function prefixOf(job: string, color: boolean): (task: number) => string {
  return (task) => color ? `${paint(`${job}/${task} |`, "cyan")} ` : `${job}/${task} | `;
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

/** The code of the only one; of several 1 when one failed. */
export function worst(codes: readonly number[]): number {
  const bad = codes.find((code) => code !== 0) ?? 0;
  return codes.length === 1 ? bad : Math.min(1, bad);
}

/** How a job ended, in a line; that it failed is told also to who wants to hear of errors alone. */
export function sayResult(context: CliContext, job: JobView): void {
  if (job.state === "SUCCEEDED") note(context, jobResultLine(job));
  else context.err(jobResultLine(job));
}

/** True for the errors that mean that nobody is listening any more. */
export function isGone(error: unknown): boolean {
  if (error instanceof IrisError) return error.code === "unavailable" || error.code === "timeout";
  return error instanceof TypeError ||
    (error instanceof DOMException && error.name === "AbortError");
}
