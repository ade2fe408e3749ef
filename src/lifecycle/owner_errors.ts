/** What owning can go wrong with. */
import { IrisError } from "../base/errors.ts";
import type { StopReport } from "./part.ts";
import { forEachReport } from "./stop_report.ts";

/** Thrown when something is to be owned by an owner that is stopping or has stopped. */
export class OwnerClosedError extends IrisError {
  override name = "OwnerClosedError";

  /**
   * @param path the owner's path
   * @param part the name of what it was to own
   */
  constructor(path: string, part: string) {
    super("closing", `Cannot own '${part}': '${path}' is stopping`);
  }
}

/**
 * Something failed, and so did unwinding it. `cause` is what failed first, `errors` is everything
 * in order, `report` says what became of each part.
 */
export class UnwindError extends AggregateError {
  override name = "UnwindError";
  /** What the unwinding did. */
  readonly report: StopReport;

  /**
   * @param report what the unwinding did
   * @param options.cause what failed first; undefined when only the unwinding did
   * @param options.errors everything, in order
   */
  constructor(report: StopReport, options: { cause: unknown; errors: readonly unknown[] }) {
    const { cause, errors } = options;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    super(errors, `'${report.name}' did not end cleanly (${report.outcome})${why}`, { cause });
    this.report = report;
  }

  /** `error` itself when it is all that went wrong, else an {@linkcode UnwindError} around all. */
  static unless(report: StopReport, error: unknown): unknown {
    const problems = problemsOf(report, error === undefined ? 0 : 1);
    if (problems.length === 0) return error;
    const errors = error === undefined ? problems : [error, ...problems];
    return new UnwindError(report, { cause: error, errors });
  }
}

/** All that went wrong, save the first `known` errors of the top node. */
function problemsOf(report: StopReport, known: number): Error[] {
  const problems: Error[] = [];
  forEachReport(report, (at, path) => {
    const errors = at === report ? at.errors.slice(known) : at.errors;
    for (const error of errors) problems.push(new Error(`${path}: ${error.message}`));
    for (const left of at.leftovers) problems.push(new Error(`${path}: left over: ${left}`));
    if (at.rung === "force") problems.push(new Error(`${path}: had to be forced`));
  });
  return problems;
}

/** Whether a start that was told to give up rejected with nothing but that. */
export function isGivingUp(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || error instanceof OwnerClosedError ||
    (error instanceof Error && error.name === "AbortError");
}
