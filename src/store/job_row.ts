/** A row of the table `jobs` as data. */
import { fromBlob } from "./columns.ts";
import type { JobRow } from "./rows.ts";
import type { JobSpec, JobState, TaskCounts } from "../wire/api.ts";

/** A row as SQLite gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Reads all columns of `jobs`. */
export function jobRowOf(row: Row): JobRow {
  return {
    generation: Number(row.generation),
    name: String(row.name),
    user: String(row.user),
    // Written by this program from checked values.
    spec: JSON.parse(String(row.spec)) as JobSpec,
    submittedAtMs: Number(row.submitted_ms),
    state: String(row.state) as JobState,
    done: row.done === 1,
    counts: JSON.parse(String(row.counts)) as TaskCounts,
    startedAtMs: numberOrNull(row.started_ms),
    endedAtMs: numberOrNull(row.ended_ms),
    reason: textOrNull(row.reason),
    quarantined: textOrNull(row.quarantined),
    waitsFor: numberOrNull(row.waits_for),
    pending: fromBlob(row.pending),
  };
}

/** A number, or null where the column has none. */
export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** A text, or null where the column has none. */
export function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
