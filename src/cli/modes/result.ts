/** How a process that owned a tree ends: its last lines, `last-stop.json`, and the exit code. */
import { systemClock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { ignoreSignals } from "../../host/ignore_signals.ts";
import { IsolateFailure } from "../../lifecycle/isolate.ts";
import type { ReportError, StopReport } from "../../lifecycle/part.ts";
import { exitCodeOf, formatReport } from "../../lifecycle/stop_report.ts";
import { exitCodeOfError } from "../../wire/error_table.ts";
import type { CliContext } from "../context.ts";

/** Time for what was released to let go of the event loop, in ms. */
const DRAIN_MS = 1_000;
/** The exit code of a process that the third signal ended. */
export const EMERGENCY_EXIT = 3;

/** Prints a report: one line when all was clean, else the tree of what was not. */
export function printReport(context: CliContext, report: StopReport): void {
  for (const line of formatReport(report)) context.err(line);
}

/** Writes the report where the next look finds it; a full disk is told, not thrown. */
export function saveReport(context: CliContext, stateDir: string, report: StopReport): void {
  try {
    const file = `${stateDir}/last-stop.json`;
    Deno.writeTextFileSync(`${file}.new`, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
    Deno.renameSync(`${file}.new`, file);
  } catch (error) {
    context.err(`The report could not be written to ${stateDir}: ${messageOf(error)}`);
  }
}

/**
 * The exit code a report means. When something leaked the process is ended here and now: a leaked
 * thread would keep it alive for ever. Otherwise it ends by itself, and if something keeps it from
 * that for a second, that is said, and it is ended.
 */
export async function endProcess(
  context: CliContext,
  report: StopReport,
  code: number,
): Promise<number> {
  await ignoreSignals(systemClock);
  if (report.outcome === "leaked") Deno.exit(code);
  const timer = setTimeout(() => {
    context.err("Something that was released keeps the process alive; ending it");
    Deno.exit(code);
  }, DRAIN_MS);
  Deno.unrefTimer(timer);
  return code;
}

/**
 * The exit code of a daemon, from its report and what made it stop. A failure is 1, whatever the stop after
 * it needed: that is how a service manager tells it from a stop that was asked for.
 */
export function daemonExitCode(report: StopReport, failure: unknown): number {
  return failure === null ? exitCodeOf(report) : 1;
}

/** One line for a start that failed, and its exit code. */
export function startFailure(context: CliContext, error: unknown): number {
  const cause = rootCause(error);
  context.err(`iris: ${messageOf(cause)}`);
  return cause instanceof IrisError ? exitCodeOfError(cause.code) : 1;
}

/** The first IrisError behind an error, on either side of an isolate, or else what was thrown. */
function rootCause(error: unknown): unknown {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof IrisError && at.code !== "closing") return at;
    if (at instanceof IsolateFailure) {
      const found = coded(at.report);
      if (found?.code !== undefined) return new IrisError(found.code, found.message);
    }
  }
  return error;
}

function coded(report: ReportError): ReportError | undefined {
  if (report.code !== undefined) return report;
  return (report.causes ?? []).map(coded).find((found) => found !== undefined);
}
