/** `--mode=controller --dry-run`: reads a real state and only says what a controller would do. */
import { systemClock } from "../../base/clock.ts";
import { type DryRun, dryRun } from "../../controller/dry_run.ts";
import type { PlacementPolicy } from "../../scheduler/pass.ts";
import { type Snapshot, takeSnapshot } from "../../store/snapshot.ts";
import type { CliContext } from "../context.ts";
import { formatTable } from "../output/table.ts";

/** What is looked at. */
export interface DryRunOptions {
  readonly stateDir: string;
  readonly placement: PlacementPolicy;
  readonly retentionMs: number | null;
  readonly json: boolean;
}

/** Prints what a controller would do, and does nothing. */
export function runDryRun(context: CliContext, options: DryRunOptions): number {
  const now = { wallMs: systemClock.wall(), monoMs: systemClock.now() };
  const { stateDir, placement, retentionMs } = options;
  const before = retentionMs === null ? null : now.wallMs - retentionMs;
  const snapshot = takeSnapshot(`${stateDir}/iris.db`, before);
  const would = dryRun(snapshot.state, { now, placement });
  if (options.json) {
    const { cluster, epoch, schema, overdue } = snapshot;
    context.out(JSON.stringify({ cluster, epoch, schema, overdue, ...would }));
  } else context.out(dryRunText(snapshot, would));
  return 0;
}

function dryRunText({ cluster, epoch, schema, overdue }: Snapshot, would: DryRun): string {
  const { found, needed } = schema;
  const lines = [
    `Cluster ${cluster} would begin epoch ${epoch}; nothing was changed, called or stopped.`,
    found === needed
      ? `Its database has schema ${found}, as this program wants it.`
      : `Its database has schema ${found} and would be brought to ${needed}.`,
  ];
  if (overdue > 0) lines.push(`${overdue} jobs that are done would be forgotten: --retention.`);
  for (const { job, error } of would.broken) lines.push(`${job} would be quarantined: ${error}`);
  const table = (title: string, header: string[], rows: string[][]) => {
    lines.push("", rows.length === 0 ? `${title}: none` : `${title}:`);
    if (rows.length > 0) lines.push(formatTable(header, rows));
  };
  table(
    "Workers it would call",
    ["WORKER", "KEEP", "STOP", "URL"],
    would.workers.map(({ name, keep, stop, url }) => [name, String(keep), String(stop), url]),
  );
  const moves = (all: DryRun["place"]) =>
    all.map(({ job, worker, tasks }) => [job, worker, String(tasks)]);
  table("Tasks it would place", ["JOB", "WORKER", "TASKS"], moves(would.place));
  if (would.preempt.length > 0) {
    table("Tasks it would ask to make room", ["JOB", "WORKER", "TASKS"], moves(would.preempt));
  }
  table(
    "Jobs that are not done",
    ["JOB", "STATE", "WHY"],
    would.jobs.map(({ name, state, from, reason }) => [
      name,
      from === null ? state : `${from} -> ${state}`,
      reason,
    ]),
  );
  return lines.join("\n");
}
