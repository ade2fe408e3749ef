/** What a pass has placed so far. */
import type { PendingGroup, Proposal } from "./pass.ts";

/** Counts by group and worker, in the order in which they came up. */
export class Assignments {
  readonly #byGroup = new Map<PendingGroup, Map<string, number>>();

  /** So many tasks of a group go to a worker. */
  add(group: PendingGroup, worker: string, count: number): void {
    let byWorker = this.#byGroup.get(group);
    if (byWorker === undefined) this.#byGroup.set(group, byWorker = new Map());
    byWorker.set(worker, (byWorker.get(worker) ?? 0) + count);
  }

  /** All of it. */
  toProposals(): Proposal[] {
    const proposals: Proposal[] = [];
    for (const [{ generation, group }, byWorker] of this.#byGroup) {
      for (const [worker, count] of byWorker) proposals.push([generation, worker, count, group]);
    }
    return proposals;
  }
}
