/** What a keeper's end did to its attempts, as a stop report. */
import type { StopCause, StopReport } from "../../lifecycle/part.ts";
import { worstOutcome } from "../../lifecycle/stop_report.ts";
import type { StartedFact } from "../keeper_link.ts";
import { uidOf } from "./attempt.ts";

/** An attempt that did not end when asked. */
export interface HardEnd {
  readonly started: StartedFact;
  /** `/user/job`. */
  readonly job: string;
  /** What could not be proved gone; empty when SIGKILL was enough. */
  readonly leftovers: readonly string[];
}

/**
 * The report of an end: a child for each attempt that had to be forced.
 *
 * @param of.strangers what came back to the keeper, matched no attempt, and is still there
 */
export function endReport(of: {
  cause: StopCause;
  tookMs: number;
  allowedMs: number;
  hard: readonly HardEnd[];
  strangers: readonly string[];
}): StopReport {
  const { cause, tookMs, allowedMs, hard, strangers } = of;
  const base = { cause, tookMs, allowedMs, errors: [] } as const;
  const children = hard.map(({ started, job, leftovers }): StopReport => ({
    ...base,
    name: `${job}/${started.index} (${uidOf(started)})`,
    kind: "process",
    outcome: leftovers.length > 0 ? "leaked" : "forced",
    rung: "force",
    leftovers,
    children: [],
  }));
  return {
    ...base,
    name: "attempts",
    kind: "component",
    outcome: strangers.length > 0 ? "leaked" : worstOutcome(children.map((one) => one.outcome)),
    rung: "ask",
    leftovers: strangers,
    children,
  };
}

/** The report of a detach: nothing was ended, on purpose. */
export function detachReport(running: number, allowedMs: number): StopReport {
  const what = running === 1 ? "attempt goes" : "attempts go";
  return {
    ...{ name: "attempts", kind: "component", cause: "detach", allowedMs },
    ...goesOn(`detached: ${running} ${what} on`),
  };
}

/** The report of a keeper that goes on without its worker, on purpose. */
export function leftReport(
  pid: number,
  of: { cause: StopCause; allowedMs: number },
): StopReport {
  return { name: `pid ${pid}`, kind: "process", ...of, ...goesOn(`keeper ${pid} goes on`) };
}

function goesOn(detail: string) {
  return {
    ...{
      outcome: "clean",
      rung: "ask",
      tookMs: 0,
      errors: [],
      leftovers: [],
      children: [],
    } as const,
    detail,
  };
}
