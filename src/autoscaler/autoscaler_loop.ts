/**
 * The autoscaler: from what is pending and what works to how many VMs there shall be. Runs in the
 * autoscaler isolate; decides by `decide.ts`, whenever something changed and now and then.
 */
import { logger } from "../base/log.ts";
import type { LoopBody } from "../lifecycle/loop.ts";
import type { Fleet, FromVmManager, ToVmManager, WorkerSeen } from "../vm/fleet.ts";
import { decide, type Decision } from "./decide.ts";
import { CORE_CHANNEL, type Demand, type Retire, VM_CHANNEL } from "./messages.ts";
import { WorkerTracker } from "./worker_tracker.ts";

/** How often it looks when nothing changed: idle time passes without news. In ms. */
const LOOK_MS = 500;
/** Changes that come this close together make one decision, in ms. */
const COALESCE_MS = 10;

/** The body of the autoscaler's loop. */
export function autoscalerLoop(): LoopBody {
  return async (context) => {
    const { signal, closing, clock } = context;
    const core = context.channel<Demand, Retire>(CORE_CHANNEL);
    const vm = context.channel<FromVmManager, ToVmManager>(VM_CHANNEL);
    const tracker = new WorkerTracker();
    const over = Promise.withResolvers<void>();
    let demand: Demand = { type: "demand", jobs: [], workers: [], usage: {} };
    let fleet: Fleet | null = null;
    let told = "";
    let retiring: string | null = null;
    const retire = (workers: readonly string[]) => {
      const text = workers.join();
      if (text === retiring) return;
      retiring = text;
      core.post({ type: "retire", workers });
    };
    const look = () => {
      context.tick();
      timer.cancel();
      timer = clock.setTimer(LOOK_MS, look);
      if (fleet === null || closing.aborted) return;
      const workers = tracker.see(demand, clock.now());
      const groups = tracker.learn(fleet, workers);
      const { jobs, usage } = demand;
      const decision = decide({ nowMs: clock.wall(), jobs, usage, workers, groups });
      // What this process has itself is not scaled: nobody has to say what is pending.
      if (fleet.groups.some(({ provider }) => provider !== "local")) retire(decision.retire);
      const message = {
        type: "wanted",
        groups: decision.groups.map(({ group, count, reason, remove }) => ({
          group,
          count,
          reason,
          remove,
        })),
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

function report(decision: Decision): void {
  const log = logger("autoscaler");
  for (const { group, count, reason } of decision.groups) {
    log.debug("group {group}: {count}: {reason}", { group, count, reason });
  }
  for (const { generation, count, reason } of decision.unplaced) {
    log.debug("job {generation}: {count} tasks wait: {reason}", { generation, count, reason });
  }
}
