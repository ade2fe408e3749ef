/**
 * What happened in a turn and is only counted: how attempts ended, how long tasks waited. Gathered by
 * the reactor with its effects, told after their commit. Pure data.
 */
import type { EndCause } from "../wire/reconcile.ts";

/** How many tasks waited so long, by how long that was in ms. */
export type Waits = Map<number, number>;

/** See the head of this file. */
export class TurnFigures {
  /** How many attempts ended by each cause. */
  readonly ended = new Map<EndCause, number>();
  /** From when tasks could be placed to when they were. */
  readonly dispatched: Waits = new Map();
  /** From when tasks could be placed to when their processes began. */
  readonly started: Waits = new Map();
}

/** Counts some more under a key. */
export function countMore<Key>(counts: Map<Key, number>, key: Key, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
