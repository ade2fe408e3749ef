/** Whose turn it is: bands with ageing, users by what they hold, then age. Pure. */
import { BANDS } from "../model/band.ts";
import type { WorkerClass } from "./bins.ts";
import type { PassInput, PendingGroup } from "./pass.ts";
import { type Profile, Profiles } from "./profile.ts";

/** What got nothing for this long is served a band higher, in ms. */
export const AGE_STEP_MS = 600_000;

/** A group in a pass. */
export interface Waiting {
  readonly of: PendingGroup;
  readonly profile: Profile;
  /** The band in which it is served: its own, or a higher one when it waited long. */
  readonly band: number;
  left: number;
  /** Of these, how many find room as soon as what was asked to end has ended. */
  promised: number;
}

/** How much of each job may still be placed in this pass. */
export class Allowances {
  readonly #left = new Map<number, number>();

  /** How many more tasks of the group's job may be placed. */
  of({ generation, maxNow }: PendingGroup): number {
    return this.#left.get(generation) ?? maxNow;
  }

  /** Tasks were placed. */
  use(group: PendingGroup, count: number): void {
    if (group.maxNow !== Infinity) this.#left.set(group.generation, this.of(group) - count);
  }
}

/** Every group in the order in which it would be served if all were of one user. */
export function queueOf(
  { jobs, nowMs }: Pick<PassInput, "jobs" | "nowMs">,
  kinds: readonly WorkerClass[],
): Waiting[] {
  const profiles = new Profiles(kinds);
  return jobs.map((of): Waiting => {
    const steps = Math.max(0, Math.floor((nowMs - of.waitingSinceMs) / AGE_STEP_MS));
    const band = Math.max(0, BANDS.indexOf(of.band) - steps);
    return { of, profile: profiles.of(of), band, left: of.count, promised: 0 };
  }).sort(inOrder);
}

function inOrder(a: Waiting, b: Waiting): number {
  // Generations grow from submit to submit, while the clock may have been set back in between.
  return a.band - b.band || a.of.generation - b.of.generation || a.of.group - b.of.group;
}

/** What users hold, as the pass goes on. */
export class Usage {
  readonly #held = new Map<string, number>();

  constructor(usage: PassInput["usage"]) {
    for (const [user, held] of Object.entries(usage)) this.#held.set(user, held);
  }

  /** Thousandths of a core. */
  of(user: string): number {
    return this.#held.get(user) ?? 0;
  }

  /** Tasks were placed. */
  add({ user, cpuMilli }: PendingGroup, count: number): void {
    this.#held.set(user, this.of(user) + count * Math.max(1, cpuMilli));
  }
}
