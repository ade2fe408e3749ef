/** What the autoscaler remembers of workers between two decisions. Pure: time comes in. */
import type { FleetGroup } from "../vm/fleet.ts";
import type { DecideGroup, DecideInput } from "./decide.ts";
import type { Demand } from "./messages.ts";

/** Attributes that each worker has a value of its own for. */
const OF_ITS_OWN = new Set(["hostname", "slice", "group"]);

/** See the head of this file. */
export class WorkerTracker {
  #idleSince = new Map<string, number>();
  /** What workers of a group said of themselves: it tells what the next one will say. */
  readonly #learned = new Map<string, Readonly<Record<string, string>>>();

  /** The workers of a demand, with how long each has been idle at `nowMs`. */
  see(demand: Demand, nowMs: number): DecideInput["workers"] {
    const since = new Map<string, number>();
    const workers = demand.workers.map((worker) => {
      if (worker.held > 0) return { ...worker, idleForMs: 0 };
      const from = this.#idleSince.get(worker.worker) ?? nowMs;
      since.set(worker.worker, from);
      return { ...worker, idleForMs: nowMs - from };
    });
    this.#idleSince = since;
    return workers;
  }

  /** The groups, with what is known of their workers' attributes. */
  learn(groups: readonly FleetGroup[], workers: DecideInput["workers"]): DecideGroup[] {
    const byName = new Map(workers.map((worker) => [worker.worker, worker]));
    return groups.map((group) => {
      const one = group.slices.flatMap(({ vms }) => vms).map(({ vm }) => byName.get(vm))
        .find((worker) => worker !== undefined);
      if (one !== undefined) {
        const own = Object.entries(one.attributes).filter(([key]) => !OF_ITS_OWN.has(key));
        this.#learned.set(group.name, Object.fromEntries(own));
      }
      const learned = this.#learned.get(group.name);
      return learned === undefined ? group : { ...group, learned };
    });
  }
}
