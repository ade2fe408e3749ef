/**
 * The brain of a controller: a deterministic, synchronous function from events to effects, over a
 * state that it alone changes. Run by the core's loop. `react` takes any number of events; `take`
 * gives what is to be done about all of them, once: one transaction, then messages.
 */
import { AssertionFailure } from "../base/assert.ts";
import type { FromHeartbeat } from "../heartbeat/messages.ts";
import type { FromAutoscaler, VmNotes } from "../autoscaler/messages.ts";
import type { StopCause } from "../lifecycle/part.ts";
import type { Placement } from "../scheduler/pass.ts";
import { assignJob, giveSpec, preempt, recall, takeBackUnsent } from "./attempts.ts";
import type { ClusterState } from "./cluster_state.ts";
import { pruneEndpoints, registerEndpoint, type RegisterEndpointCall } from "./endpoints.ts";
import { EffectLog, type Effects } from "./effects.ts";
import {
  holdJob,
  type JobCall,
  moveWaits,
  quarantine,
  releaseJob,
  settle,
  stopJob,
  tick,
  watch,
} from "./jobs.ts";
import { type RetryCall, retryJob, submit, type SubmitCall } from "./submit.ts";
import { audit, createToken, noteUses, revokeToken } from "./token_book.ts";
import type { AuditCall, CreateTokenCall, RevokeTokenCall, TokensUsed } from "./token_messages.ts";
import type { Now, Turn } from "./turn.ts";
import {
  type DrainCall,
  drainWorker,
  endProbations,
  moveProbations,
  releaseWorker,
  type WorkerCall,
} from "./worker_marks.ts";
import { live, lose, observe, reconnect, register, type RegisterCall } from "./workers.ts";

/** What can happen to a core. */
export type CoreEvent =
  | { readonly type: "submit" } & SubmitCall
  | { readonly type: "stop_job" | "hold_job" | "release_job" } & JobCall
  | { readonly type: "retry_job" } & RetryCall
  | { readonly type: "register" } & RegisterCall
  | { readonly type: "drain_worker" } & DrainCall
  | { readonly type: "release_worker" } & WorkerCall
  | { readonly type: "register_endpoint" } & RegisterEndpointCall
  | { readonly type: "create_token" } & CreateTokenCall
  | { readonly type: "revoke_token" } & RevokeTokenCall
  | { readonly type: "tokens_used" } & TokensUsed
  | { readonly type: "audit" } & AuditCall
  /** What the heartbeat says; `hello` means that it has to be told everything. */
  | FromHeartbeat
  | { readonly type: "placed"; readonly placement: Placement }
  /** Which workers are about to go for want of work; what happened to VMs, which is only told. */
  | FromAutoscaler
  | { readonly type: "started"; readonly epoch: number }
  | { readonly type: "closing"; readonly cause: StopCause }
  /** The wall clock was set forward, or back for a negative number of ms. */
  | { readonly type: "clock_set"; readonly byMs: number }
  | { readonly type: "tick" };

/** See the head of this file. */
export class Reactor {
  readonly state: ClusterState;
  #log = new EffectLog();
  #changed = true;

  /** @param state empty, or recovered; from now on changed by this alone */
  constructor(state: ClusterState) {
    this.state = state;
  }

  /** Whether a pass may find something that the last one did not, since this was last asked. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** Handles one event. */
  react(event: CoreEvent, now: Now): void {
    const turn = this.#turn(now);
    this.#handle(event, turn);
    if (mayOpenRoom(event)) this.#changed = true;
  }

  /** What is stored of a job does not fit together: it is fenced off. */
  distrust(generation: number, of: { error: unknown; now: Now }): void {
    const job = this.state.jobs.get(generation);
    if (job !== undefined) quarantine(this.#turn(of.now), job, of.error);
  }

  /** What is to be done about all events since the last call of this. */
  take(now: Now): Effects {
    const turn = this.#turn(now);
    const { unsettled } = this.#log;
    // Settling one job may touch another, which may have been settled before: it is looked at again.
    for (const job of unsettled) {
      unsettled.delete(job);
      turn.contain(job.generation, () => {
        settle(turn, job);
        return 0;
      });
    }
    pruneEndpoints(turn);
    this.#log.strikes.push(...this.state.trust.takeChanged(now.wallMs));
    const effects = this.#log.toEffects(now.wallMs);
    this.#log = new EffectLog();
    return effects;
  }

  #turn(now: Now): Turn {
    const turn: Turn = {
      state: this.state,
      log: this.#log,
      now,
      contain: (generation, step) => this.#contain(turn, generation, step),
    };
    return turn;
  }

  #contain(turn: Turn, generation: number, step: () => number): number {
    try {
      return step();
    } catch (error) {
      const job = this.state.jobs.get(generation);
      if (!(error instanceof AssertionFailure) || job === undefined) throw error;
      // Twice would mean that the fence itself is broken: that ends the core.
      if (job.quarantined !== null) throw error;
      quarantine(turn, job, error);
      settle(turn, job);
      return 0;
    }
  }

  #handle(event: CoreEvent, turn: Turn): void {
    switch (event.type) {
      case "submit":
        return submit(turn, event);
      case "stop_job":
        return stopJob(turn, event);
      case "hold_job":
        return holdJob(turn, event);
      case "release_job":
        return releaseJob(turn, event);
      case "retry_job":
        return retryJob(turn, event);
      case "register":
        return register(turn, event);
      case "retire":
        return retire(this.state, new Set(event.workers));
      case "scaling":
        this.state.scaling = new Map(event.notes.map(({ generation, line }) => [generation, line]));
        return;
      case "drain_worker":
        return drainWorker(turn, event);
      case "release_worker":
        return releaseWorker(turn, event);
      case "register_endpoint":
        return registerEndpoint(turn, event);
      case "create_token":
        return createToken(turn, event);
      case "revoke_token":
        return revokeToken(turn, event);
      case "tokens_used":
        return noteUses(turn, event);
      case "audit":
        return audit(turn, event);
      case "observed":
        return observe(turn, event.observed);
      case "sent":
        return this.#sent(event);
      case "liveness":
        return live(turn, event.workers);
      case "lost":
        return lose(turn, event);
      case "placed":
        return this.#placed(turn, event.placement);
      case "vms":
        return tellVms(turn, event);
      case "closing":
        return this.#close(turn, event.cause);
      case "started":
        return this.#started(turn, event.epoch);
      case "hello":
        return this.#tellAll(turn);
      case "clock_set":
        moveProbations(turn, event.byMs);
        return moveWaits(turn, event.byMs);
      case "tick":
        endProbations(turn);
        return tick(turn);
    }
  }

  #sent({ worker, incarnation, version }: FromHeartbeat & { type: "sent" }): void {
    const node = this.state.workers.get(worker);
    if (node?.incarnation !== incarnation) return;
    for (const lane of node.lanes.values()) lane.sent(version);
  }

  #placed(
    turn: Turn,
    { assign: proposals, recall: recalls, preempt: others, explanations }: Placement,
  ) {
    if (this.state.closing !== null) return;
    const contain = (generation: number, step: () => void) =>
      turn.contain(generation, () => {
        step();
        return 0;
      });
    for (const [generation, of] of Map.groupBy(proposals, ([generation]) => generation)) {
      contain(generation, () => assignJob(turn, generation, of));
    }
    for (const proposal of others) contain(proposal[0], () => preempt(turn, proposal));
    for (const proposal of recalls) contain(proposal[0], () => recall(turn, proposal));
    for (const explanation of explanations) {
      const job = this.state.jobs.get(explanation.generation);
      if (job === undefined || !this.state.placeable.has(job)) continue;
      job.placement = explanation;
      if (job.waitReason === explanation.line || job.state !== "PENDING") continue;
      job.waitReason = explanation.line;
      turn.log.jobs.add(job);
    }
  }

  #started({ log, now }: Turn, epoch: number): void {
    const none = { job: null, generation: null, worker: null };
    log.events.push({ atMs: now.wallMs, kind: "cluster_started", ...none, data: { epoch } });
  }

  /** Nothing new is placed; what no worker was told of waits again, uncharged. */
  #close(turn: Turn, cause: StopCause): void {
    if (this.state.closing !== null) return;
    this.state.closing = cause;
    for (const worker of this.state.workers.values()) takeBackUnsent(turn, worker);
  }

  /** A heartbeat that begins anew knows no worker, no spec and no desired set. */
  #tellAll(turn: Turn): void {
    const { state } = turn;
    state.specsGiven.clear();
    for (const job of state.jobs.values()) {
      watch(turn, job);
      if (job.lanes.size > 0) giveSpec(turn, job.generation);
    }
    for (const worker of state.workers.values()) {
      if (worker.state !== "lost") reconnect(turn, worker, ++state.lastIncarnation);
    }
  }
}

function tellVms({ log, now }: Turn, { notes }: VmNotes): void {
  for (const { vm, ...data } of notes) {
    const of = { job: null, generation: null, worker: vm };
    log.events.push({ atMs: now.wallMs, kind: "vm_state", ...of, data });
  }
}

/** What makes no room and brings nothing to place. */
const QUIET_EVENTS: ReadonlySet<string> = new Set([
  "sent",
  "liveness",
  "register_endpoint",
  "vms",
  "scaling",
  "create_token",
  "revoke_token",
  "tokens_used",
  "audit",
]);

function retire(state: ClusterState, names: ReadonlySet<string>): void {
  state.retiring = names;
  for (const worker of state.workers.values()) worker.retiring = names.has(worker.name);
}

/** False for what leaves the next pass with nothing else to find than the last one found. */
function mayOpenRoom(event: CoreEvent): boolean {
  if (QUIET_EVENTS.has(event.type)) return false;
  if (event.type !== "placed") return true;
  const { assign, recall: recalls, preempt: evictions } = event.placement;
  return assign.length + recalls.length + evictions.length > 0;
}
