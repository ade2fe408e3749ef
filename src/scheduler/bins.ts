/** Workers as a pass fills them: what is left of each, and which are alike. Pure data. */
import type { TaskShape, WorkerRoom } from "./pass.ts";

/** Workers with the same attributes and the same size: what could run there is the same for all. */
export interface WorkerClass {
  readonly sample: WorkerRoom;
  count: number;
}

/** What is left of a worker in this pass. */
export interface Bin {
  readonly room: WorkerRoom;
  readonly kind: WorkerClass;
  cpu: number;
  memory: number;
  readonly resources: Record<string, number>;
  slots: number;
  backlog: number;
  /** Kept for a group that waits for it to become empty enough. */
  reserved: boolean;
  /** The highest band of what waits there, or is promised room there: no lower one queues up. */
  queueBand: number;
}

/** All workers, in the order of their names, so that the order of the input changes nothing. */
export function binsOf(workers: readonly WorkerRoom[]): { bins: Bin[]; kinds: WorkerClass[] } {
  const kinds = new Map<string, WorkerClass>();
  const sorted = [...workers].sort((a, b) => a.worker < b.worker ? -1 : 1);
  const bins = sorted.map((room): Bin => {
    const key = kindKey(room);
    let kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, kind = { sample: room, count: 0 });
    kind.count++;
    return {
      room,
      kind,
      cpu: room.freeCpuMilli,
      memory: room.freeMemoryBytes,
      resources: { ...room.freeResources },
      slots: room.slots,
      backlog: room.backlogRoom,
      reserved: false,
      queueBand: Infinity,
    };
  });
  return { bins, kinds: [...kinds.values()] };
}

function kindKey({ attributes, totalCpuMilli, totalMemoryBytes, totalResources }: WorkerRoom) {
  const sorted = (map: Readonly<Record<string, unknown>>) =>
    Object.keys(map).sort().map((key) => [key, map[key]]);
  return JSON.stringify([
    totalCpuMilli,
    totalMemoryBytes,
    sorted(totalResources),
    sorted(attributes),
  ]);
}

/** What one task needs, its named resources as a list: taken apart once, looked at often. */
export interface Needs {
  readonly cpu: number;
  readonly memory: number;
  readonly named: readonly (readonly [name: string, each: number])[];
}

/** Takes a shape apart. */
export function needsOf({ cpuMilli, memoryBytes, resources }: TaskShape): Needs {
  const named = Object.entries(resources).filter(([, each]) => each > 0);
  return { cpu: cpuMilli, memory: memoryBytes, named };
}

/** How many such tasks fit into what is left of a bin; none while more waits there than fits. */
export function fits(bin: Bin, { cpu, memory, named }: Needs): number {
  if (bin.cpu < cpu || bin.memory < memory || bin.cpu < 0 || bin.memory < 0) return 0;
  let count = bin.slots;
  if (cpu > 0) count = Math.min(count, Math.floor(bin.cpu / cpu));
  if (memory > 0) count = Math.min(count, Math.floor(bin.memory / memory));
  for (const [name, each] of named) {
    count = Math.min(count, Math.floor((bin.resources[name] ?? 0) / each));
  }
  return Math.max(0, count);
}

/** How many such tasks an idle worker could hold. */
export function fitsIdle(room: WorkerRoom, { cpu, memory, named }: Needs): number {
  let count = Infinity;
  if (cpu > 0) count = Math.floor(room.totalCpuMilli / cpu);
  if (memory > 0) count = Math.min(count, Math.floor(room.totalMemoryBytes / memory));
  for (const [name, each] of named) {
    count = Math.min(count, Math.floor((room.totalResources[name] ?? 0) / each));
  }
  return count;
}

/** Takes what `count` tasks need out of a bin. */
export function take(bin: Bin, { cpu, memory, named }: Needs, count: number): void {
  bin.cpu -= count * cpu;
  bin.memory -= count * memory;
  for (const [name, each] of named) {
    bin.resources[name] = (bin.resources[name] ?? 0) - count * each;
  }
  bin.slots -= count;
}
