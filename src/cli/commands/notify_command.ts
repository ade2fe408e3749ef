/** `--notify-command`: what the submitter wants to run when a job has ended. */
import { systemClock } from "../../base/clock.ts";
import { runCommand } from "../../host/run_command.ts";
import type { JobView } from "../../wire/api.ts";
import type { CliContext } from "../context.ts";

/** What it may take, in ms. */
const NOTIFY_MS = 60_000;

/**
 * Runs it by `sh -c`, with this process's environment and `IRIS_JOB`, `IRIS_JOB_STATE`,
 * `IRIS_JOB_REASON` and `IRIS_EXIT_CODE` beside it. How it ends changes nothing; a failure is said.
 */
export async function runNotifyCommand(
  context: CliContext,
  command: string,
  { job, code }: { readonly job: JobView; readonly code: number },
): Promise<void> {
  const end = await runCommand(["/bin/sh", "-c", command], {
    env: {
      ...Deno.env.toObject(),
      IRIS_JOB: job.name,
      IRIS_JOB_STATE: job.state,
      IRIS_JOB_REASON: job.reason ?? "",
      IRIS_EXIT_CODE: String(code),
    },
    clock: systemClock,
    timeoutMs: NOTIFY_MS,
    apart: true,
  });
  if (end.stdout !== "") context.write("stderr", new TextEncoder().encode(end.stdout));
  if (end.code === 0) return;
  const said = end.stderr.trim().split("\n").at(-1) ?? "";
  const how = end.code === null
    ? `did not end within ${NOTIFY_MS / 1000} s`
    : `ended with ${end.code}`;
  context.err(`warning: the notify command ${how}${said === "" ? "" : `: ${said}`}`);
}
