/**
 * Making room for a higher band: what could be stopped, worker by worker, until one task fits. Only
 * tasks of a strictly lower band, as few as possible, those first that wait and have lost nothing,
 * then the lowest band, then the youngest. What becomes free is given away by a later pass; until then
 * what it is for does not wait at a worker instead. What waits at a worker already, since at that time
 * nothing seemed to be in its way for long, is taken back when it turns out otherwise (decision 0019).
 * Pure.
 */
import { BANDS } from "../model/band.ts";
import type { Bin } from "./bins.ts";
import type { PassState } from "./fill.ts";
import type { BehindTasks, HeldTasks, Preemption, Recall, TaskShape } from "./pass.ts";
import { Profiles } from "./profile.ts";
import type { Waiting } from "./queue.ts";

/** Groups that room is made for in one pass, and tasks of each. */
const MAX_GROUPS = 16;
const MAX_TASKS = 64;

/** One task that could make room. */
interface Victim {
  readonly of: HeldTasks;
  /** Tells tasks of the same run apart. */
  readonly nth: number;
}

/** What will be free on a worker once everything that was asked to end there has ended. */
class Soon {
  cpu: number;
  memory: number;
  readonly resources: Record<string, number>;
  readonly victims: Victim[];

  constructor(readonly bin: Bin, victims: readonly Victim[]) {
    const { leaving } = bin.room;
    this.cpu = bin.cpu + leaving.cpuMilli;
    this.memory = bin.memory + leaving.memoryBytes;
    this.resources = { ...bin.resources };
    for (const [name, amount] of Object.entries(leaving.resources)) {
      this.resources[name] = (this.resources[name] ?? 0) + amount;
    }
    this.victims = [...victims];
  }

  copy(): Soon {
    const copy = new Soon(this.bin, this.victims);
    Object.assign(copy, { cpu: this.cpu, memory: this.memory });
    Object.assign(copy.resources, this.resources);
    return copy;
  }

  /** Takes what a task needs, or gives back what one held (`sign` -1). */
  book(shape: TaskShape, sign: 1 | -1 = 1): void {
    this.cpu -= sign * shape.cpuMilli;
    this.memory -= sign * shape.memoryBytes;
    for (const [name, each] of Object.entries(shape.resources)) {
      this.resources[name] = (this.resources[name] ?? 0) - sign * each;
    }
  }

  /** How much is missing for a task, as a sum of shares of what it needs; 0 when it fits. */
  deficit(shape: TaskShape): number {
    const share = (free: number, each: number) => each > 0 ? Math.max(0, (each - free) / each) : 0;
    let sum = share(this.cpu, shape.cpuMilli) + share(this.memory, shape.memoryBytes);
    for (const [name, each] of Object.entries(shape.resources)) {
      sum += share(this.resources[name] ?? 0, each);
    }
    return sum;
  }
}

/** See the head of this file. */
export function makeRoom(
  waiting: readonly Waiting[],
  { state, held, behind }: {
    state: PassState;
    held: readonly HeldTasks[];
    behind: readonly BehindTasks[];
  },
): { preempt: Preemption[]; recall: Recall[] } {
  const stopped = new Counts();
  const recalled = new Counts();
  if (held.length > 0 || state.all.some(isLeaving)) {
    const soon = soonOf(state.all, held);
    const entries = waiting.filter(({ left, of }) =>
      left > 0 && of.preempts && state.allowances.of(of) > 0
    );
    for (const entry of entries.slice(0, MAX_GROUPS)) {
      for (const { of } of roomFor(entry, { soon, state })) {
        const key = [of.generation, of.worker] as const;
        if (of.startedAtMs === null) recalled.add([...key, entry.of.generation]);
        else stopped.add([...key, entry.of.generation]);
      }
    }
    // While not every job that waits was looked at, taking back more of them is in vain.
    const spare = MAX_GROUPS - entries.length;
    const profiles = new Profiles();
    for (const one of spare > 0 ? behind.slice(0, spare) : []) {
      const entry = { of: one.of, profile: profiles.of(one.of), band: 0, left: 0, promised: 0 };
      for (const back of takeBack(entry, { soon, state, worker: one.worker })) recalled.add(back);
    }
  }
  for (const { worker, of } of behind) {
    const bin = state.all.find(({ room }) => room.worker === worker);
    if (bin !== undefined) bin.queueBand = Math.min(bin.queueBand, BANDS.indexOf(of.band));
  }
  return {
    preempt: stopped.all(),
    recall: recalled.all().map(([generation, worker, count]) => [generation, worker, count]),
  };
}

/**
 * What comes back because tasks of a higher band wait at a worker: those themselves, when stopping
 * something that runs would make room for them, or else what only waits there and is in their way.
 */
function takeBack(
  entry: Waiting,
  { soon, state, worker }: { soon: Map<string, Soon>; state: PassState; worker: string },
): (readonly [generation: number, worker: string, for_: number])[] {
  const { of, profile } = entry;
  const here = soon.get(worker);
  const able = profile.able(state.all).map((bin) => soon.get(bin.room.worker)!);
  const back: (readonly [number, string, number])[] = [];
  for (let n = 0; here !== undefined && n < Math.min(MAX_TASKS, of.count); n++) {
    here.book(of, -1);
    // Its turn comes as soon as what was asked to end has ended, if not at once.
    const found = here.deficit(of) === 0 ? null : roomForOne(entry, able);
    if (found === null) {
      here.book(of);
      break;
    }
    const { victims, soon: there } = found;
    // Room that is free elsewhere, or soon will be, stops nothing: `recallFor` sees to that.
    if (victims.length === 0) continue;
    if (there === here && victims.every(({ of }) => of.startedAtMs === null)) {
      for (const victim of victims) back.push([victim.of.generation, worker, of.generation]);
    } else back.push([of.generation, worker, of.generation]);
  }
  return back;
}

/** Which tasks make room for a group. */
function roomFor(
  entry: Waiting,
  { soon, state }: { soon: Map<string, Soon>; state: PassState },
): Victim[] {
  const { of, profile } = entry;
  const able = profile.able(state.all).map((bin) => soon.get(bin.room.worker)!)
    .filter(({ bin }) => !of.avoid.includes(bin.room.worker));
  if (of.gang !== null) return roomForGang(entry, able, soon);
  const victims: Victim[] = [];
  const wanted = Math.min(MAX_TASKS, entry.left, state.allowances.of(of));
  for (let n = 0; n < wanted; n++) {
    const chosen = roomForOne(entry, able);
    if (chosen === null) return victims;
    const { bin } = chosen.soon;
    bin.queueBand = Math.min(bin.queueBand, BANDS.indexOf(of.band));
    victims.push(...chosen.victims);
    entry.promised++;
  }
  // There may be room for more of them: the next pass sees to that.
  if (wanted === MAX_TASKS) entry.promised = entry.left;
  return victims;
}

function isLeaving({ room: { leaving } }: Bin): boolean {
  return leaving.cpuMilli > 0 || leaving.memoryBytes > 0 ||
    Object.keys(leaving.resources).length > 0;
}

function roomForGang(entry: Waiting, able: readonly Soon[], soon: Map<string, Soon>): Victim[] {
  const { of } = entry;
  if (of.count > MAX_TASKS) return [];
  let best: { victims: Victim[]; side: Soon[] } | null = null;
  const { groupBy } = of.gang!;
  const sides = Map.groupBy(able, ({ bin }) => bin.room.attributes[groupBy]);
  for (const [value, members] of sides) {
    if (value === undefined) continue;
    const side = members.map((one) => one.copy());
    const victims: Victim[] = [];
    let placed = 0;
    for (; placed < of.count; placed++) {
      const chosen = roomForOne(entry, side);
      if (chosen === null) break;
      victims.push(...chosen.victims);
    }
    if (placed < of.count) continue;
    if (best === null || victims.length < best.victims.length) best = { victims, side };
  }
  for (const one of best?.side ?? []) soon.set(one.bin.room.worker, one);
  return best?.victims ?? [];
}

/** Room for one task where that stops fewest; it is booked. @returns null when there is none */
function roomForOne(
  { of }: Waiting,
  able: readonly Soon[],
): { readonly soon: Soon; readonly victims: readonly Victim[] } | null {
  const band = BANDS.indexOf(of.band);
  let best: { soon: Soon; victims: Victim[] } | null = null;
  for (const soon of able) {
    const victims = fewest(soon, of, band);
    if (victims === null) continue;
    if (best === null || costOf(victims) < costOf(best.victims)) best = { soon, victims };
    if (victims.length === 0) break;
  }
  if (best === null) return null;
  const { soon, victims } = best;
  for (const victim of victims) {
    soon.victims.splice(soon.victims.indexOf(victim), 1);
    soon.book(victim.of, -1);
  }
  soon.book(of);
  return best;
}

/** What stops weighs most; what only waits, a little. */
function costOf(victims: readonly Victim[]): number {
  return victims.reduce((sum, { of }) => sum + (of.startedAtMs === null ? 0.001 : 1), 0);
}

/** The fewest tasks of a worker that have to go for one task; null when all are not enough. */
function fewest(soon: Soon, shape: TaskShape, band: number): Victim[] | null {
  if (soon.deficit(shape) === 0) return [];
  const left = soon.victims.filter(({ of }) => BANDS.indexOf(of.band) > band).sort(gentlest);
  const trial = soon.copy();
  const chosen: Victim[] = [];
  while (trial.deficit(shape) > 0) {
    const next = best(trial, shape, left);
    if (next === null) return null;
    left.splice(left.indexOf(next), 1);
    trial.book(next.of, -1);
    chosen.push(next);
  }
  // The last ones chosen may have made an earlier one needless.
  return chosen.filter((victim) => {
    trial.book(victim.of);
    if (trial.deficit(shape) === 0) return false;
    trial.book(victim.of, -1);
    return true;
  });
}

/** The task whose end helps most; of those that help alike the gentlest. */
function best(trial: Soon, shape: TaskShape, left: readonly Victim[]): Victim | null {
  let found: Victim | null = null;
  let least = trial.deficit(shape);
  for (const victim of left) {
    trial.book(victim.of, -1);
    const deficit = trial.deficit(shape);
    trial.book(victim.of);
    if (deficit < least) [found, least] = [victim, deficit];
    if (least === 0) break;
  }
  return found;
}

/** What waits, then the lowest band, then the youngest. */
function gentlest(a: Victim, b: Victim): number {
  const waits = ({ of }: Victim) => of.startedAtMs === null ? 0 : 1;
  return waits(a) - waits(b) || BANDS.indexOf(b.of.band) - BANDS.indexOf(a.of.band) ||
    (b.of.startedAtMs ?? 0) - (a.of.startedAtMs ?? 0) || a.of.generation - b.of.generation ||
    a.nth - b.nth;
}

function soonOf(all: readonly Bin[], held: readonly HeldTasks[]): Map<string, Soon> {
  const byWorker = Map.groupBy(held, ({ worker }) => worker);
  return new Map(all.map((bin) => {
    const { worker } = bin.room;
    const victims = (byWorker.get(worker) ?? []).flatMap((of) =>
      Array.from({ length: Math.min(of.count, MAX_TASKS) }, (_, nth): Victim => ({ of, nth }))
    );
    return [worker, new Soon(bin, victims)];
  }));
}

/** Counts by job, worker and for whom. */
class Counts {
  readonly #counts = new Map<string, [number, string, number, number]>();

  add([generation, worker, for_]: readonly [number, string, number]): void {
    const key = `${generation} ${for_} ${worker}`;
    const entry = this.#counts.get(key) ?? [generation, worker, 0, for_];
    entry[2]++;
    this.#counts.set(key, entry);
  }

  all(): Preemption[] {
    return [...this.#counts.values()];
  }
}
