/** Workers as lines for people. Pure. */
import type { WorkerView } from "../../wire/api.ts";
import { formatDuration, formatTable, type TableOptions } from "../output/table.ts";

/** The table of `worker list`. */
export function workerTable(workers: readonly WorkerView[], options: TableOptions = {}): string {
  const rows = workers.map((worker) => [
    worker.name,
    workerState(worker),
    worker.hostname,
    String(worker.cpuMilli / 1000),
    gibibytes(worker.memoryBytes),
    String(worker.running),
    String(worker.backlog),
    `${formatDuration(worker.lastSeenMs)} ago`,
    worker.reason ?? "",
  ]);
  const header = ["WORKER", "STATE", "HOST", "CORES", "MEMORY", "RUNNING", "WAITING", "SEEN"];
  const noted = workers.some(({ reason }) => reason !== null);
  const table = noted ? rows : rows.map((row) => row.slice(0, header.length));
  return formatTable(noted ? [...header, "WHY"] : header, table, {
    ...options,
    drop: ["SEEN", "HOST", "WAITING", "MEMORY", "CORES"],
  });
}

/** What a person wants to know first: whether it works, and if not, because of whom. */
export function workerState({ state, drained, setAside, reason }: WorkerView): string {
  if (state !== "alive") return state;
  if (drained !== null) return "drained";
  if (setAside !== null) return "set aside";
  return reason === null ? state : "unwell";
}

/** `7.5 GiB`. */
export function gibibytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
