/**
 * The autoscaler: from what is pending and what works to how many VMs there shall be. Runs in the
 * autoscaler isolate; decides by `decide.ts`, whenever something changed and now and then.
 */
import { logger } from "../base/log.ts";
import type { LoopBody } from "../lifecycle/loop.ts";
import type { Fleet, FromVmManager, ToVmManager, WorkerSeen } from "../vm/fleet.ts";
import { decide, type Decision } from "./decide.ts";
import { CORE_CHANNEL, type Demand, VM_CHANNEL } from "./messages.ts";

/** How often it looks when nothing changed: idle time passes without news. In ms. */
const LOOK_MS = 500;
/** Changes that come this close together make one decision, in ms. */
const COALESCE_MS = 10;

/** The body of the autoscaler's loop. */
export function autoscalerLoop(): LoopBody {
  return async (context) => {
    const { signal, closing, clock } = context;
    const core = context.channel<Demand, never>(CORE_CHANNEL);
    const vm = context.channel<FromVmManager, ToVmManager>(VM_CHANNEL);
    const tracker = new IdleTracker();
    const over = Promise.withResolvers<void>();
    let demand: Demand = { type: "demand", jobs: [], workers: [] };
    let fleet: Fleet | null = null;
    let told = "";
    const look = () => {
      context.tick();
      timer.cancel();
      timer = clock.setTimer(LOOK_MS, look);
      if (fleet === null || closing.aborted) return;
      const workers = tracker.see(demand, clock.now());
      const decision = decide({ jobs: demand.jobs, workers, groups: fleet.groups });
      const message = {
        type: "wanted",
        groups: decision.wanted,
        workers: workersOf(fleet, demand.seen ?? []),
      } as const;
      const text = JSON.stringify(message);
      if (text === told) return;
      told = text;
      report(decision);
      vm.post(message);
    };
    let timer = clock.setTimer(LOOK_MS, look);
    const soon = () => {
      timer.cancel();
      timer = clock.setTimer(COALESCE_MS, look);
    };
    core.onMessage((message) => {
      demand = message;
      soon();
    });
    vm.onMessage((message) => {
      if (message.type !== "fleet") return;
      // Something moved there: what was asked for before may have to be asked for again.
      fleet = message;
      told = "";
      soon();
    });
    const onAbort = () => over.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    context.ready();
    await over.promise;
    timer.cancel();
    core.onMessage(null);
    vm.onMessage(null);
  };
}

/** What is known of those workers that are VMs of a fleet. */
function workersOf(fleet: Fleet, seen: readonly WorkerSeen[]): WorkerSeen[] {
  const vms = new Set<string>();
  for (const { slices } of fleet.groups) {
    for (const slice of slices) for (const { vm } of slice.vms) vms.add(vm);
  }
  return seen.filter(({ vm }) => vms.has(vm));
}

/** Since when each worker has had nothing to do. */
export class IdleTracker {
  #since = new Map<string, number>();

  /** The workers of a demand, with how long each has been idle at `nowMs`. */
  see(demand: Demand, nowMs: number): (Demand["workers"][number] & { idleForMs: number })[] {
    const since = new Map<string, number>();
    const workers = demand.workers.map((worker) => {
      if (worker.running > 0) return { ...worker, idleForMs: 0 };
      const from = this.#since.get(worker.name) ?? nowMs;
      since.set(worker.name, from);
      return { ...worker, idleForMs: nowMs - from };
    });
    this.#since = since;
    return workers;
  }
}

function report(decision: Decision): void {
  const log = logger("autoscaler");
  for (const { group, count, reason } of decision.wanted) {
    log.debug("group {group}: {count}: {reason}", { group, count, reason });
  }
  for (const { generation, count, reason } of decision.unplaced) {
    log.debug("job {generation}: {count} tasks wait: {reason}", { generation, count, reason });
  }
}
