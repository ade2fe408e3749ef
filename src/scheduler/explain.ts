/** Why a job waits, in one line. Pure: the same pass that placed nothing says why. */
import type { WorkerRoom } from "./place.ts";

/** What one task needs. */
export interface TaskShape {
  /** Thousandths of a core. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

/** What there is to place on. */
export interface Fleet {
  /** Those that take work. */
  readonly workers: readonly WorkerRoom[];
  /** How many are known and take none now: they stop, or do not answer. */
  readonly unavailable: number;
}

/**
 * One line for a person, without figures that change from pass to pass.
 *
 * @param shape what one task of the job needs
 */
export function explainPending(shape: TaskShape, { workers, unavailable }: Fleet): string {
  if (workers.length === 0) {
    if (unavailable === 0) return "waits for a worker: there is none yet";
    return `waits for a worker: ${counted(unavailable, "is", "are")} known, none takes work now`;
  }
  const cpu = Math.max(...workers.map((worker) => worker.totalCpuMilli));
  const memory = Math.max(...workers.map((worker) => worker.totalMemoryBytes));
  const of = `of ${workers.length} ${workers.length === 1 ? "worker" : "workers"}`;
  if (shape.cpuMilli > cpu) {
    return `needs ${cores(shape.cpuMilli)}, the largest ${of} has ${cpu / 1000}`;
  }
  if (shape.memoryBytes > memory) {
    return `needs ${bytes(shape.memoryBytes)} of memory, the largest ${of} has ${bytes(memory)}`;
  }
  const able = workers.filter((worker) => couldHold(worker, shape)).length;
  if (able === 0) {
    const both = `${cores(shape.cpuMilli)} and ${bytes(shape.memoryBytes)} of memory`;
    return `needs ${both} together, none ${of} has both`;
  }
  return `waits for free capacity: ${able} ${of} could hold it, ${
    able === 1 ? "it is" : "all are"
  } busy`;
}

/** Whether a worker could run such a task if it had nothing else to do. */
export function couldHold(worker: WorkerRoom, shape: TaskShape): boolean {
  return shape.cpuMilli <= worker.totalCpuMilli && shape.memoryBytes <= worker.totalMemoryBytes;
}

function cores(milli: number): string {
  return counted(milli / 1000, "core", "cores");
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

function bytes(n: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const at = n < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${Number((n / 1024 ** at).toFixed(1))} ${units[at]}`;
}
