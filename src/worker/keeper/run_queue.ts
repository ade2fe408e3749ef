/** Attempts that wait for their turn, first in first out, as runs. Pure. */
import type { Run } from "../../wire/runs.ts";

/** A run in the queue; its beginning moves. */
type Queued = [generation: number, from: number, to: number, attempt: number];

/** The queue of one keeper. */
export class RunQueue {
  #runs: Queued[] = [];

  /** What waits, in order. */
  get runs(): readonly Run[] {
    return this.#runs.map((run) => [...run] as const);
  }

  /** Appends what does not wait already. */
  push(runs: readonly Run[]): void {
    for (const [generation, from, to, attempt] of runs) {
      let fresh: Queued[] = [[generation, from, to, attempt]];
      for (const known of this.#runs) {
        fresh = fresh.flatMap((part) => without(part, known, []));
        if (fresh.length === 0) break;
      }
      this.#runs.push(...fresh);
    }
  }

  /** The next attempt, or undefined when none waits. */
  first(): { generation: number; index: number; attempt: number } | undefined {
    const run = this.#runs[0];
    return run === undefined ? undefined : { generation: run[0], index: run[1], attempt: run[3] };
  }

  /** Takes the next attempt away. */
  shift(): void {
    const run = this.#runs[0];
    if (run !== undefined && ++run[1] >= run[2]) this.#runs.shift();
  }

  /** Takes everything away. */
  drain(): Run[] {
    return this.#runs.splice(0);
  }

  /** Takes away what waits of these, and answers with it. */
  take(runs: readonly Run[]): Run[] {
    const taken: Run[] = [];
    this.#runs = this.#runs.flatMap((queued) => {
      let rest: Queued[] = [queued];
      for (const run of runs) rest = rest.flatMap((part) => without(part, run, taken));
      return rest;
    });
    return taken;
  }
}

/** What is left of a part without a run; what is not left goes to `taken`. */
function without(part: Queued, run: Run, taken: Run[]): Queued[] {
  const [generation, from, to, attempt] = part;
  const [cutFrom, cutTo] = [Math.max(from, run[1]), Math.min(to, run[2])];
  if (generation !== run[0] || attempt !== run[3] || cutFrom >= cutTo) return [part];
  taken.push([generation, cutFrom, cutTo, attempt]);
  const pieces: Queued[] = [
    [generation, from, cutFrom, attempt],
    [generation, cutTo, to, attempt],
  ];
  return pieces.filter((piece) => piece[1] < piece[2]);
}
