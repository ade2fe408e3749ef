/** What `iris watch` shows, as lines that fit. Pure. */
import type { JobView, WorkerView } from "../../wire/api.ts";
import { jobTable } from "../commands/job_text.ts";
import { workerTable } from "../commands/worker_text.ts";
import { sumOf } from "./job_progress.ts";
import { cut, paint } from "./table.ts";

/** A cluster at one moment. */
export interface Moment {
  readonly atMs: number;
  readonly workers: readonly WorkerView[];
  /** Jobs that are not done, those that run first, then the newest. */
  readonly active: readonly JobView[];
  /** Whether there are more of them than were asked for. */
  readonly more: boolean;
  /** Lately done, newest first. */
  readonly done: readonly JobView[];
}

/** What `iris watch --json` prints at each look. */
export interface MomentFacts {
  readonly atMs: number;
  readonly workers: number;
  readonly alive: number;
  readonly jobs: number;
  readonly running: number;
  readonly waiting: number;
}

/** The numbers of a moment. */
export function factsOf({ atMs, workers, active }: Moment): MomentFacts {
  const tasks = sumOf(active);
  const alive = workers.filter(({ state }) => state === "alive").length;
  return {
    ...{ atMs, workers: workers.length, alive, jobs: active.length },
    ...{ running: tasks.running, waiting: tasks.total - tasks.over - tasks.running },
  };
}

/** The same in a line for people. */
export function factsLine(facts: MomentFacts, more = false): string {
  const { workers, alive, jobs, running, waiting } = facts;
  const some = more ? "+" : "";
  return `workers ${alive} of ${workers}, active jobs ${jobs}${some}, ` +
    `tasks running ${running}${some}, waiting ${waiting}${some}`;
}

/** The whole screen. */
export function watchLines(
  moment: Moment,
  of: { rows: number; columns: number; color: boolean; url: string; problem: string | null },
): string[] {
  const { rows, columns, color } = of;
  const bright = (text: string) => color ? paint(text, "bold") : text;
  const time = new Date(moment.atMs).toISOString().slice(11, 19);
  const head = [
    bright(cut(`iris ${of.url}  ${time} UTC  q: quit`, columns)),
    cut(factsLine(factsOf(moment), moment.more), columns),
    of.problem === null ? "" : warning(cut(`STALE: ${of.problem}`, columns), color),
  ];
  const room = Math.max(0, rows - head.length);
  const jobs = [...moment.active, ...moment.done];
  // A heading, a header, and a line between the two tables.
  const lists = Math.max(0, room - 5);
  const forWorkers = Math.min(moment.workers.length, Math.max(3, Math.floor(lists / 3)));
  const forJobs = Math.max(0, lists - forWorkers);
  const options = { columns, color };
  const table = jobTable(jobs.slice(0, forJobs), moment.atMs, options).split("\n");
  return [
    ...head,
    bright(cut(titleOf("Jobs", { shown: forJobs, all: jobs.length }), columns)),
    ...table,
    "",
    bright(cut(titleOf("Workers", { shown: forWorkers, all: moment.workers.length }), columns)),
    ...workerTable(moment.workers.slice(0, forWorkers), options).split("\n"),
  ].slice(0, rows);
}

function titleOf(what: string, { shown, all }: { shown: number; all: number }): string {
  return shown >= all ? what : `${what} (${shown} of ${all})`;
}

function warning(text: string, color: boolean): string {
  return color ? paint(text, "red") : text;
}
