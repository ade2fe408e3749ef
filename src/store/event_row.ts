/** Rows of the table `events` as data. */
import type { EventView } from "../wire/api.ts";
import { numberOrNull, type Row, textOrNull } from "./job_row.ts";

/** Reads all columns of `events`. @param cluster whose cursor it is */
export function eventOf(row: Row, cluster: string): EventView {
  return {
    cursor: `${cluster}.${row.seq}`,
    atMs: Number(row.at_ms),
    kind: String(row.kind) as EventView["kind"],
    job: textOrNull(row.job),
    generation: numberOrNull(row.generation),
    worker: textOrNull(row.worker),
    // Written by this program.
    data: JSON.parse(String(row.data)) as EventView["data"],
  };
}
