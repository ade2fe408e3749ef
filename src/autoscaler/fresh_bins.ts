/**
 * Room of VMs that are to be asked for: first-fit into like bins, by count, since tasks of a job are
 * alike and so are VMs of a group. Pure.
 */
import type { TaskShape } from "../scheduler/pass.ts";
import type { VmSize } from "../vm/scale_group.ts";

/** No more bins are looked at than this: the fullest of more are left as they are. */
const MAX_OPEN = 64;

/** A number of like VMs with like room. */
interface Bin extends VmSize {
  readonly count: number;
}

/** How many tasks fit; `Infinity` for a task that needs nothing. */
export function fit(room: VmSize, task: TaskShape): number {
  let count = Infinity;
  if (task.cpuMilli > 0) count = Math.floor(room.cpuMilli / task.cpuMilli);
  if (task.memoryBytes > 0) {
    count = Math.min(count, Math.floor(room.memoryBytes / task.memoryBytes));
  }
  for (const [name, each] of Object.entries(task.resources)) {
    if (each > 0) count = Math.min(count, Math.floor((room.resources[name] ?? 0) / each));
  }
  return Math.max(0, count);
}

/** The VMs to ask for of one group. */
export class FreshBins {
  #open: Bin[] = [];

  /** Adds VMs with nothing on them. */
  add(size: VmSize, count: number): void {
    const { cpuMilli, memoryBytes, resources } = size;
    if (count > 0) this.#open.push({ cpuMilli, memoryBytes, resources, count });
  }

  /** Puts tasks where they fit. @returns those that did not */
  place(task: TaskShape, count: number): number {
    let left = count;
    const bins: Bin[] = [];
    for (const bin of this.#open) {
      const each = left === 0 ? 0 : fit(bin, task);
      if (each === 0) bins.push(bin);
      else left = fill(bins, bin, { task, left, each });
    }
    this.#open = bins.length <= MAX_OPEN
      ? bins
      : bins.sort((a, b) => b.cpuMilli - a.cpuMilli).slice(0, MAX_OPEN);
    return left;
  }
}

/** Splits a bin into full, partly filled and untouched ones. @returns the tasks still left */
function fill(
  bins: Bin[],
  bin: Bin,
  { task, left, each }: { task: TaskShape; left: number; each: number },
): number {
  if (each === Infinity) {
    bins.push(bin);
    return 0;
  }
  const full = Math.min(bin.count, Math.floor(left / each));
  const rest = full < bin.count ? left - full * each : 0;
  const parts = [[each, full], [rest, rest > 0 ? 1 : 0]] as const;
  let used = 0;
  for (const [tasks, count] of parts) {
    used += count;
    if (count > 0) bins.push({ ...minus(bin, task, tasks), count });
  }
  if (bin.count > used) bins.push({ ...bin, count: bin.count - used });
  return left - full * each - rest;
}

function minus(bin: Bin, task: TaskShape, tasks: number): VmSize {
  const resources = { ...bin.resources };
  for (const [name, each] of Object.entries(task.resources)) {
    resources[name] = (resources[name] ?? 0) - tasks * each;
  }
  return {
    cpuMilli: bin.cpuMilli - tasks * task.cpuMilli,
    memoryBytes: bin.memoryBytes - tasks * task.memoryBytes,
    resources,
  };
}
