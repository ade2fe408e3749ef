/**
 * Stop reports: what they add up to, how they read, what the process exits with. Pure functions
 * over plain data; they run wherever a report is looked at.
 */
import { IrisError } from "../base/errors.ts";
import type { Outcome, ReportError, StopReport } from "./part.ts";

const BADNESS: Readonly<Record<Outcome, number>> = { clean: 0, failed: 1, forced: 2, leaked: 3 };

const EXIT_CODES: Readonly<Record<Outcome, number>> = { clean: 0, failed: 1, forced: 3, leaked: 4 };

/** How deep causes are followed, and how many are kept beside each other. */
const MAX_CAUSE_DEPTH = 8;
const MAX_CAUSES = 32;

/** The worst of some outcomes; `clean` when there are none. */
export function worstOutcome(outcomes: Iterable<Outcome>): Outcome {
  let worst: Outcome = "clean";
  for (const outcome of outcomes) if (BADNESS[outcome] > BADNESS[worst]) worst = outcome;
  return worst;
}

/** The exit code of a daemon: 0 clean, 1 failed, 3 something was forced, 4 something leaked. */
export function exitCodeOf(report: StopReport): number {
  return EXIT_CODES[report.outcome];
}

/** Any thrown value as data, with everything that lies behind or beside it. Never throws. */
export function reportError(thrown: unknown): ReportError {
  return toReportError(thrown, []);
}

function toReportError(thrown: unknown, above: readonly unknown[]): ReportError {
  if (!(thrown instanceof Error)) return { name: "Thrown", message: textOf(thrown) };
  const causes = above.length >= MAX_CAUSE_DEPTH ? [] : causesOf(thrown)
    .filter((cause) => cause !== thrown && !above.includes(cause))
    .slice(0, MAX_CAUSES)
    .map((cause) => toReportError(cause, [...above, thrown]));
  const data = {
    name: textOf(thrown.name),
    message: textOf(thrown.message),
    ...(thrown instanceof IrisError ? { code: thrown.code } : {}),
  };
  return causes.length === 0 ? data : { ...data, causes };
}

function causesOf(error: Error): unknown[] {
  const beside = error instanceof AggregateError ? [...error.errors] : [];
  if (error.cause !== undefined && !beside.includes(error.cause)) beside.unshift(error.cause);
  return beside;
}

function textOf(value: unknown): string {
  try {
    if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? String(value);
    return String(value);
  } catch {
    return "a value that has no text";
  }
}

/**
 * Calls `visit` for a report and all below it, parents first, in start order.
 *
 * @param visit gets each report and its path, for instance `iris/controller/core`
 */
export function forEachReport(
  report: StopReport,
  visit: (report: StopReport, path: string) => void,
): void {
  const walk = (at: StopReport, path: string): void => {
    visit(at, path);
    for (const child of at.children) walk(child, `${path}/${child.name}`);
  };
  walk(report, report.name);
}

/**
 * A report for people: one line when all was clean, else a tree of what was not, with the rung, the
 * time taken of the time allowed, errors and leftovers; clean parts are only counted.
 */
export function formatReport(report: StopReport): string[] {
  const counts: Record<Outcome, number> = { clean: 0, failed: 0, forced: 0, leaked: 0 };
  forEachReport(report, (at) => counts[ownOutcome(at)]++);
  const parts = counts.clean + counts.failed + counts.forced + counts.leaked;
  const size = `${parts} ${parts === 1 ? "part" : "parts"}`;
  if (report.outcome === "clean") {
    const more = detailsBelow(report).map((text) => `; ${text}`).join("");
    return [`${report.name} stopped cleanly: ${size}, ${timesOf(report)} (${report.cause})${more}`];
  }
  const bad = (["leaked", "forced", "failed"] as const).filter((outcome) => counts[outcome] > 0)
    .map((outcome) => `${counts[outcome]} ${outcome}`).join(", ");
  const lines = [`${report.name} stopped, ${bad}: ${size}, ${timesOf(report)} (${report.cause})`];
  lines.push(...detailsOf(report, "  "));
  for (const text of detailsBelow(report)) lines.push(`  ${text}`);
  for (const child of report.children) lines.push(...formatBad(child, "  "));
  return lines;
}

/** What goes on and was meant to, anywhere in the tree. */
function detailsBelow(report: StopReport): string[] {
  const texts: string[] = [];
  forEachReport(report, ({ detail }) => {
    if (detail !== undefined) texts.push(oneLine(detail));
  });
  return texts;
}

function formatBad(report: StopReport, indent: string): string[] {
  if (report.outcome === "clean" && report.errors.length === 0) return [];
  const what = ownOutcome(report);
  const how = what === "clean" ? "" : ` ${what} at ${report.rung}`;
  return [
    `${indent}${report.name} (${report.kind})${how}, ${timesOf(report)}`,
    ...detailsOf(report, `${indent}  `),
    ...report.children.flatMap((child) => formatBad(child, `${indent}  `)),
  ];
}

function detailsOf(report: StopReport, indent: string): string[] {
  return [
    ...report.errors.flatMap((error) => formatError(error, indent)),
    ...report.leftovers.map((left) => `${indent}left over: ${oneLine(left)}`),
  ];
}

function formatError(error: ReportError, indent: string): string[] {
  return [
    `${indent}${error.name}: ${oneLine(error.message)}`,
    ...(error.causes ?? []).flatMap((cause) => formatError(cause, `${indent}  `)),
  ];
}

/** A node's outcome without its children's. A report from beyond an edge carries only the worst. */
function ownOutcome(report: StopReport): Outcome {
  if (report.leftovers.length > 0) return "leaked";
  const below = worstOutcome(report.children.map((child) => child.outcome));
  if (BADNESS[report.outcome] > BADNESS[below]) return report.outcome;
  if (report.rung === "force") return "forced";
  return report.errors.length > 0 ? "failed" : "clean";
}

function timesOf(report: StopReport): string {
  return `${Math.round(report.tookMs)} of ${Math.round(report.allowedMs)} ms`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ");
}
