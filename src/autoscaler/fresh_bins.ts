/**
 * Room of VMs that are to be asked for: first-fit into like bins, by count, since tasks of a job are
 * alike and so are VMs of a group. Pure.
 */
import type { Needs } from "../scheduler/bins.ts";
import type { VmSize } from "../vm/scale_group.ts";

/** No more bins than twice this are looked at: of more, the emptiest of this number are kept. */
const MAX_OPEN = 32;

/** A number of like VMs with like room. */
interface Bin {
  cpuMilli: number;
  memoryBytes: number;
  resources: Readonly<Record<string, number>>;
  count: number;
}

/** How many tasks fit; `Infinity` for a task that needs nothing. */
export function fit(room: VmSize, { cpu, memory, named }: Needs): number {
  if (room.cpuMilli < cpu || room.memoryBytes < memory) return 0;
  let count = cpu > 0 ? Math.floor(room.cpuMilli / cpu) : Infinity;
  if (memory > 0) count = Math.min(count, Math.floor(room.memoryBytes / memory));
  for (const [name, each] of named) {
    count = Math.min(count, Math.floor((room.resources[name] ?? 0) / each));
  }
  return Math.max(0, count);
}

/** The VMs to ask for of one group. */
export class FreshBins {
  #open: Bin[] = [];
  /** The most that is free in any: what needs more is not looked for. */
  #most = { cpu: -1, memory: -1 };

  /** Adds VMs with nothing on them. */
  add({ cpuMilli, memoryBytes, resources }: VmSize, count: number): void {
    if (count <= 0) return;
    this.#open.push({ cpuMilli, memoryBytes, resources, count });
    this.#see();
  }

  /** Puts tasks where they fit. @returns those that did not */
  place(task: Needs, count: number): number {
    if (task.cpu > this.#most.cpu || task.memory > this.#most.memory) return count;
    let left = count;
    for (let at = 0; at < this.#open.length && left > 0; at++) {
      const bin = this.#open[at]!;
      const each = fit(bin, task);
      if (each === Infinity) left = 0;
      if (each === 0 || each === Infinity) continue;
      const full = Math.min(bin.count, Math.floor(left / each));
      const rest = full < bin.count ? left - full * each : 0;
      left -= full * each + rest;
      at += this.#split(at, { task, parts: [[each, full], [rest, rest > 0 ? 1 : 0]] });
    }
    if (left < count) this.#see();
    return left;
  }

  /** Splits a bin into full, partly filled and untouched ones. @returns by how many there are more */
  #split(
    at: number,
    { task, parts }: { task: Needs; parts: (readonly [tasks: number, count: number])[] },
  ): number {
    const bin = this.#open[at]!;
    const bins = parts.filter(([, count]) => count > 0)
      .map(([tasks, count]) => ({ ...minus(bin, task, tasks), count }));
    const untouched = bins.reduce((left, { count }) => left - count, bin.count);
    if (untouched > 0) bins.push({ ...bin, count: untouched });
    this.#open.splice(at, 1, ...bins);
    return bins.length - 1;
  }

  #see(): void {
    if (this.#open.length > 2 * MAX_OPEN) {
      this.#open = this.#open.sort((a, b) => b.cpuMilli - a.cpuMilli).slice(0, MAX_OPEN);
    }
    let [cpu, memory] = [-1, -1];
    for (const { cpuMilli, memoryBytes } of this.#open) {
      if (cpuMilli > cpu) cpu = cpuMilli;
      if (memoryBytes > memory) memory = memoryBytes;
    }
    this.#most = { cpu, memory };
  }
}

function minus(bin: Bin, { cpu, memory, named }: Needs, tasks: number): VmSize {
  let { resources } = bin;
  if (named.length > 0) {
    const left = { ...resources };
    for (const [name, each] of named) left[name] = (left[name] ?? 0) - tasks * each;
    resources = left;
  }
  return {
    cpuMilli: bin.cpuMilli - tasks * cpu,
    memoryBytes: bin.memoryBytes - tasks * memory,
    resources,
  };
}
