/** Workers as a pass fills them: what is left of each, and which are alike. Pure data. */
import type { Constraint } from "../model/constraints.ts";
import type { TaskShape, WorkerRoom } from "./pass.ts";

/** How many looks through all workers pass before it is looked up again what is free at most. */
const ROOMIEST_LOOKS = 8;

/** Workers of the same size with the same of what is asked for: what could run there is the same. */
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

/** Who asks for attributes of workers. */
interface Asks {
  readonly constraints: readonly Constraint[];
  readonly gang?: { readonly groupBy: string } | null;
}

/** The attributes that are asked for: by no other two workers differ, though each has a name. */
export function keysAsked(asking: Iterable<Asks>): Set<string> {
  const keys = new Set<string>();
  for (const { constraints, gang } of asking) {
    for (const { key } of constraints) keys.add(key);
    if (gang) keys.add(gang.groupBy);
  }
  return keys;
}

/**
 * All workers, in the order of their names, so that the order of the input changes nothing.
 *
 * @param asked the attributes by which workers differ: {@linkcode keysAsked}
 */
export function binsOf(
  workers: readonly WorkerRoom[],
  asked: ReadonlySet<string>,
): { bins: Bin[]; kinds: WorkerClass[] } {
  const kinds = new Map<string, WorkerClass>();
  const sorted = [...workers].sort((a, b) => a.worker < b.worker ? -1 : 1);
  const bins = sorted.map((room): Bin => {
    const key = kindKey(room, asked);
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

function kindKey(room: WorkerRoom, asked: ReadonlySet<string>): string {
  const { attributes, totalCpuMilli, totalMemoryBytes, totalResources } = room;
  const sorted = (map: Readonly<Record<string, unknown>>, keys: readonly string[]) =>
    [...keys].sort().map((key) => [key, map[key]]);
  return JSON.stringify([
    totalCpuMilli,
    totalMemoryBytes,
    sorted(totalResources, Object.keys(totalResources)),
    sorted(attributes, Object.keys(attributes).filter((key) => asked.has(key))),
  ]);
}

/**
 * The most of each resource that is free on any one worker: a task that needs more of one fits
 * nowhere, and nobody has to look through all workers for it. May be higher than what is true, since
 * room that is taken is noticed late; never lower.
 */
export class Roomiest {
  readonly #all: readonly Bin[];
  #cpu = 0;
  #memory = 0;
  #resources: Record<string, number> = {};
  #looks = 0;

  /** @param all every worker of the pass */
  constructor(all: readonly Bin[]) {
    this.#all = all;
    this.#see();
  }

  /** False when no worker has room for such a task. */
  mayHold({ cpu, memory, named }: Needs): boolean {
    if (cpu > this.#cpu || memory > this.#memory) return false;
    return named.every(([name, each]) => each <= (this.#resources[name] ?? 0));
  }

  /** Told when all workers were looked through for a task. */
  looked(): void {
    if (++this.#looks % ROOMIEST_LOOKS === 0) this.#see();
  }

  #see(): void {
    this.#cpu = this.#memory = -Infinity;
    this.#resources = {};
    for (const { cpu, memory, resources, slots } of this.#all) {
      if (slots <= 0 || cpu < 0 || memory < 0) continue;
      if (cpu > this.#cpu) this.#cpu = cpu;
      if (memory > this.#memory) this.#memory = memory;
      for (const name in resources) {
        if (!(resources[name]! <= (this.#resources[name] ?? 0))) {
          this.#resources[name] = resources[name]!;
        }
      }
    }
  }
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
