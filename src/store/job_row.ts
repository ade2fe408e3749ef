/** Rows of the tables `jobs` and `endpoints` as data. */
import { fromBlob } from "./columns.ts";
import type { EndpointRow, JobRow } from "./rows.ts";
import type { WaitFor } from "../model/job.ts";
import type { JobState, TaskCounts } from "../wire/api.ts";
import { specFromStore } from "../wire/job_spec.ts";

/** A row as SQLite gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Reads all columns of `jobs`. */
export function jobRowOf(row: Row): JobRow {
  return {
    generation: Number(row.generation),
    name: String(row.name),
    user: String(row.user),
    spec: specFromStore(String(row.spec)),
    submittedAtMs: Number(row.submitted_ms),
    state: String(row.state) as JobState,
    done: row.done === 1,
    counts: JSON.parse(String(row.counts)) as TaskCounts,
    startedAtMs: numberOrNull(row.started_ms),
    endedAtMs: numberOrNull(row.ended_ms),
    reason: textOrNull(row.reason),
    quarantined: textOrNull(row.quarantined),
    waits: waitsOf(row),
    held: row.held === 1,
    eligibleAtMs: numberOrNull(row.eligible_ms),
    pending: pendingOf(row),
    avoided: row.avoided === null ? [] : JSON.parse(String(row.avoided)) as string[],
    parent: numberOrNull(row.parent),
    retryOf: numberOrNull(row.retry_of),
    submitted: row.submit_key === null
      ? null
      : { key: String(row.submit_key), digest: String(row.submit_digest) },
  };
}

/** Reads all columns of `endpoints`. */
export function endpointRowOf(row: Row): EndpointRow {
  return {
    generation: Number(row.generation),
    task: Number(row.task),
    attempt: Number(row.attempt),
    name: String(row.name),
    address: String(row.address),
    // Written by this program from checked values.
    metadata: JSON.parse(String(row.metadata)) as Record<string, string>,
  };
}

function waitsOf(row: Row): [number, WaitFor][] {
  if (row.waits !== null) return JSON.parse(String(row.waits)) as [number, WaitFor][];
  const first = numberOrNull(row.waits_for);
  return first === null ? [] : [[first, "end"]];
}

/** Of all columns of `jobs`: what waits, as from, to, next attempt, worker to avoid, not before, ... */
export function pendingOf(row: Row): number[] {
  const cells = fromBlob(row.pending);
  if (row.avoided !== null) return cells;
  // Version 1 knew neither rests nor workers to avoid.
  const wider: number[] = [];
  for (let i = 0; i < cells.length; i += 3) {
    wider.push(cells[i]!, cells[i + 1]!, cells[i + 2]!, 0, 0);
  }
  return wider;
}

/** A number, or null where the column has none. */
export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

/** A text, or null where the column has none. */
export function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
