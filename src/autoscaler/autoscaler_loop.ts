/**
 * The autoscaler: from what is pending and what works to how many VMs there shall be. Runs in the
 * autoscaler isolate; decides by `decide.ts`, whenever something changed and now and then.
 */
import { logger } from "../base/log.ts";
import type { LoopBody } from "../lifecycle/loop.ts";
import { decide, type Decision } from "./decide.ts";
import { groupFacts } from "./explain_group.ts";
import { FleetDesk } from "./fleet_desk.ts";
import {
  CORE_CHANNEL,
  type Demand,
  type FromAutoscaler,
  type ScalingNote,
  SERVER_CHANNEL,
  VM_CHANNEL,
} from "./messages.ts";
import { CountedDecisions } from "./counted_decisions.ts";
import { scalingNotes } from "./scaling_notes.ts";
import { WorkerTracker } from "./worker_tracker.ts";

/** How often it looks when nothing changed: idle time passes without news. In ms. */
const LOOK_MS = 500;
/** Changes that come this close together make one decision, in ms. */
const COALESCE_MS = 10;

const NO_DEMAND: Demand = { type: "demand", jobs: [], workers: [], usage: {} };

/** The body of the autoscaler's loop. */
export function autoscalerLoop(): LoopBody {
  return async (context) => {
    const { signal, closing, clock } = context;
    const core = context.channel<Demand, FromAutoscaler>(CORE_CHANNEL);
    const tracker = new WorkerTracker();
    const counted = new CountedDecisions();
    const over = Promise.withResolvers<void>();
    let demand: Demand | null = null;
    const retire = news((workers: readonly string[]) => core.post({ type: "retire", workers }));
    const scaling = news((notes: readonly ScalingNote[]) => core.post({ type: "scaling", notes }));
    const look = () => {
      context.tick();
      timer.cancel();
      timer = clock.setTimer(LOOK_MS, look);
      if (!desk.known || closing.aborted) return;
      // What this process has itself is not scaled: nobody has to say what is pending.
      const scales = desk.groups.some(({ provider }) => provider !== "local");
      if (scales && demand === null) return retire.tell([]);
      const known = demand ?? NO_DEMAND;
      const workers = tracker.see(known, clock.now());
      const groups = tracker.learn(desk.groups, workers);
      const { jobs, usage } = known;
      const closed = closedOf(known);
      const decision = decide({ nowMs: clock.wall(), jobs, usage, workers, closed, groups });
      if (scales) retire.tell(decision.retire);
      const wanted = decision.groups.map(({ group, count, reason, remove }) => ({
        ...{ group, count, reason, remove },
      }));
      if (desk.want(wanted, known.seen ?? [])) report(decision);
      counted.see(decision.groups);
      const nameOf = (generation: number) => known.names?.[generation] ?? `number ${generation}`;
      const nowMs = clock.wall();
      desk.explain(decision.groups.map((group) => groupFacts(group, { nowMs, nameOf })));
      if (scales) scaling.tell(scalingNotes(decision));
    };
    let timer = clock.setTimer(LOOK_MS, look);
    const soon = () => {
      timer.cancel();
      timer = clock.setTimer(COALESCE_MS, look);
    };
    const desk = new FleetDesk({
      clock,
      local: context.channel(VM_CHANNEL),
      server: context.channel(SERVER_CHANNEL),
      note: (notes) => core.post(notes),
      changed: soon,
    });
    core.onMessage((message) => {
      // A core that begins anew knows nothing of what retires, nor that anybody wants to know.
      if (message.begun === true) { for (const one of [retire, scaling]) one.forget(); }
      demand = message;
      soon();
    });
    const onAbort = () => over.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    context.ready();
    await over.promise;
    timer.cancel();
    core.onMessage(null);
    desk.close();
  };
}

/** Workers that are well, and that the demand does not count among those that take work. */
function closedOf({ seen = [], workers }: Demand): ReadonlySet<string> {
  const able = new Set(workers.map(({ worker }) => worker));
  return new Set(
    seen.filter(({ vm, state }) => state === "ready" && !able.has(vm)).map(({ vm }) => vm),
  );
}

/** What is told only when it is not what was told last. */
function news<T>(post: (value: T) => void): { tell(value: T): void; forget(): void } {
  let told: string | null = null;
  return {
    tell(value) {
      const text = JSON.stringify(value);
      if (text === told) return;
      told = text;
      post(value);
    },
    forget: () => void (told = null),
  };
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
