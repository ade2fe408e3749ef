/**
 * Groups that ask for the same share a profile: which workers could ever run them is found once a
 * pass for each profile and kind of worker, however many jobs and workers there are.
 */
import { type Constraint, describeConstraint, holds } from "../model/constraints.ts";
import { type Bin, fits, fitsIdle, type Needs, needsOf, type WorkerClass } from "./bins.ts";
import type { TaskShape, WorkerRoom } from "./pass.ts";

/** Something that a worker lacks. */
export interface Lack {
  readonly reason: "cpu" | "memory" | "resource" | "constraint";
  /** What is needed, for a person. */
  readonly what: string;
  readonly needs: number | string;
  readonly has: number | string;
}

/** What a profile is to a kind of worker. */
interface Match {
  readonly lacks: readonly Lack[];
  /** How many of the preferred constraints hold. */
  readonly preferred: number;
  /** How many kinds of named resources it has that the task does not ask for. */
  readonly waste: number;
}

/** What a profile is made from. */
export interface Asking extends TaskShape {
  readonly constraints: readonly Constraint[];
}

/** What a task asks for, and who could run it. */
export class Profile implements Needs {
  readonly shape: TaskShape;
  readonly cpu: number;
  readonly memory: number;
  readonly named: Needs["named"];
  readonly constraints: readonly Constraint[];
  /** Set once a group of it found no room: room only shrinks within a pass. */
  full = false;
  /** About how many more tasks there is room for; known after {@linkcode roomIn}. */
  room = NaN;
  readonly #matches = new Map<WorkerClass, Match>();
  #able: readonly Bin[] | null = null;
  #suiting: Bin[] | null = null;

  readonly #kinds: readonly WorkerClass[] | null;

  /** @param kinds of all workers of the pass, to find out with one look each; null when not known */
  constructor(of: Asking, kinds: readonly WorkerClass[] | null) {
    this.#kinds = kinds;
    this.shape = of;
    this.constraints = of.constraints;
    ({ cpu: this.cpu, memory: this.memory, named: this.named } = needsOf(of));
  }

  /** What a kind of worker lacks, and how well it would do. */
  match(kind: WorkerClass): Match {
    let match = this.#matches.get(kind);
    if (match === undefined) this.#matches.set(kind, match = this.#compare(kind.sample));
    return match;
  }

  /** The bins that could run such a task if they had nothing else to do. `all` is every bin. */
  able(all: readonly Bin[]): readonly Bin[] {
    return this.#able ??= this.#ableOf(all);
  }

  #ableOf(all: readonly Bin[]): readonly Bin[] {
    const isAble = (kind: WorkerClass) => this.match(kind).lacks.length === 0;
    if (this.#kinds === null) return all.filter((bin) => isAble(bin.kind));
    const able = new Set(this.#kinds.filter(isAble));
    if (able.size === this.#kinds.length) return all;
    return able.size === 0 ? [] : all.filter((bin) => able.has(bin.kind));
  }

  /** About how many tasks there is room for. */
  roomIn(all: readonly Bin[]): number {
    if (Number.isNaN(this.room)) {
      this.room = 0;
      for (const bin of this.able(all)) if (!bin.reserved) this.room += fits(bin, this);
    }
    return this.room;
  }

  /** The able bins with room, those first that suit best; what has no room left is dropped. */
  suiting(all: readonly Bin[]): readonly Bin[] {
    if (this.#suiting === null) {
      this.#suiting = this.able(all).filter((bin) => fits(bin, this) > 0)
        .sort((a, b) => this.#rank(a, b) || this.#left(a, b));
    }
    let full = 0;
    while (full < this.#suiting.length && fits(this.#suiting[full]!, this) === 0) full++;
    if (full > 0) this.#suiting.splice(0, full);
    return this.#suiting;
  }

  /** Whether `a` would suit better when tasks are spread. */
  isEmptier(a: Bin, b: Bin): boolean {
    return (this.#rank(a, b) || -this.#left(a, b)) < 0;
  }

  /** Preferred constraints first; then workers without what the task does not use. */
  #rank(a: Bin, b: Bin): number {
    const [x, y] = [this.match(a.kind), this.match(b.kind)];
    return y.preferred - x.preferred || x.waste - y.waste;
  }

  #left(a: Bin, b: Bin): number {
    return (this.cpu > 0 ? a.cpu - b.cpu : 0) || a.memory - b.memory;
  }

  #compare(room: WorkerRoom): Match {
    const lacks: Lack[] = [];
    let preferred = 0;
    for (const constraint of this.constraints) {
      const value = room.attributes[constraint.key];
      const held = holds(constraint, value);
      if (!constraint.required) preferred += held ? 1 : 0;
      else if (!held) lacks.push(lackOf(constraint, value));
    }
    const asked = new Set(this.named.map(([name]) => name));
    const waste = Object.keys(room.totalResources).filter((name) => !asked.has(name)).length;
    if (fitsIdle(room, this) === 0) lacks.push(...sizeLacks(this.shape, room));
    return { lacks, preferred, waste };
  }
}

function lackOf(constraint: Constraint, value: string | undefined): Lack {
  const what = describeConstraint(constraint);
  const has = value === undefined ? `no ${constraint.key}` : `${constraint.key}=${value}`;
  return { reason: "constraint", what, needs: what, has };
}

function sizeLacks(shape: TaskShape, room: WorkerRoom): Lack[] {
  const lacks: Lack[] = [];
  const { cpuMilli, memoryBytes, resources } = shape;
  if (cpuMilli > room.totalCpuMilli) {
    const [needs, has] = [cpuMilli / 1_000, room.totalCpuMilli / 1_000];
    lacks.push({ reason: "cpu", what: counted(needs, "core", "cores"), needs, has });
  }
  if (memoryBytes > room.totalMemoryBytes) {
    const what = `${bytesText(memoryBytes)} of memory`;
    const has = bytesText(room.totalMemoryBytes);
    lacks.push({ reason: "memory", what, needs: bytesText(memoryBytes), has });
  }
  for (const [name, each] of Object.entries(resources)) {
    const total = room.totalResources[name] ?? 0;
    if (each <= total) continue;
    const text = (amount: number) => name === "disk" ? bytesText(amount) : String(amount / 1_000);
    const what = `${name} >= ${text(each)}`;
    lacks.push({ reason: "resource", what, needs: text(each), has: text(total) });
  }
  return lacks;
}

/** The profiles of a pass. */
export class Profiles {
  readonly #byKey = new Map<string, Profile>();
  /** Jobs submitted alike often share these very objects. */
  readonly #keys = new WeakMap<object, string>();
  readonly #kinds: readonly WorkerClass[] | null;

  /** @param kinds of all workers of the pass */
  constructor(kinds: readonly WorkerClass[] | null = null) {
    this.#kinds = kinds;
  }

  /** The profile of a group. */
  of(group: Asking): Profile {
    const { cpuMilli, memoryBytes, resources, constraints } = group;
    const key = `${cpuMilli} ${memoryBytes} ${this.#text(resources)} ${this.#text(constraints)}`;
    let profile = this.#byKey.get(key);
    if (profile === undefined) this.#byKey.set(key, profile = new Profile(group, this.#kinds));
    return profile;
  }

  #text(value: object): string {
    let text = this.#keys.get(value);
    if (text === undefined) this.#keys.set(value, text = JSON.stringify(value));
    return text;
  }
}

/** `1 core`, `2 cores`. */
export function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `512 MiB`. */
export function bytesText(n: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const at = n < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${Number((n / 1024 ** at).toFixed(1))} ${units[at]}`;
}
