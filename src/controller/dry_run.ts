/**
 * What a controller would do first if it began on a stored state: as if every worker that is known
 * came back with what it held and nothing else. Pure: nothing is stored, called or sent.
 */
import { messageOf } from "../base/errors.ts";
import type { Desired } from "../heartbeat/messages.ts";
import { isTerminalJob } from "../model/rollup.ts";
import type { PlacementPolicy } from "../scheduler/pass.ts";
import { place } from "../scheduler/place.ts";
import type { StoredState } from "../store/rows.ts";
import type { JobState, TaskCounts } from "../wire/api.ts";
import { explainJob } from "./explain_job.ts";
import { passInput } from "./pass_input.ts";
import { Reactor } from "./reactor.ts";
import { recover } from "./recovery.ts";
import type { Now } from "./turn.ts";
import { WorkerNode } from "./worker_node.ts";

/** Passes at most: each places something, so there are few. */
const MAX_PASSES = 100;

/** So many tasks of a job and a worker. */
export interface Move {
  readonly job: string;
  readonly worker: string;
  readonly tasks: number;
}

/** What would be done. */
export interface DryRun {
  /** Workers that would be called, and with how many attempts to keep and to stop. */
  readonly workers: readonly {
    readonly name: string;
    readonly url: string;
    readonly keep: number;
    readonly stop: number;
  }[];
  /** Jobs that are not stored as done, as they would be after the first step. */
  readonly jobs: readonly {
    readonly name: string;
    readonly state: JobState;
    /** What it is stored as, when that is different. */
    readonly from: JobState | null;
    readonly counts: TaskCounts;
    readonly reason: string;
  }[];
  readonly place: readonly Move[];
  /** Tasks that would be asked to make room. */
  readonly preempt: readonly Move[];
  /** Jobs whose stored parts do not fit together: they would be quarantined. */
  readonly broken: readonly { readonly job: string; readonly error: string }[];
}

/** See the head of this file. */
export function dryRun(
  stored: StoredState,
  of: { readonly now: Now; readonly placement: PlacementPolicy },
): DryRun {
  const { now, placement } = of;
  const { state, broken } = recover(stored, now.wallMs);
  for (const info of stored.workers) {
    if (state.workers.has(info.worker)) continue;
    const incarnation = ++state.lastIncarnation;
    const worker = new WorkerNode(info, { incarnation, wallMs: now.wallMs });
    state.workers.set(info.worker, worker);
  }
  const jobs = [...state.jobs.values()];
  const reactor = new Reactor(state);
  for (const { generation, error } of broken) reactor.distrust(generation, { error, now });
  reactor.react({ type: "hello" }, now);
  reactor.react({ type: "tick" }, now);
  const { desired } = reactor.take(now);
  for (const one of desired) reactor.react({ type: "observed", observed: answerTo(one) }, now);
  const moves = placeAll(reactor, now, placement);
  const names = new Map(stored.jobs.map((job) => [job.generation, job.name]));
  const before = new Map(stored.jobs.map((job) => [job.generation, job.state]));
  const nameOf = (generation: number) => names.get(generation) ?? String(generation);
  return {
    workers: desired.map(({ worker, run, stop }) => ({
      name: worker,
      url: state.workers.get(worker)?.info.url ?? "",
      keep: sizeOf(run),
      stop: sizeOf(stop),
    })),
    jobs: jobs.map((job) => ({
      name: job.name,
      state: job.state,
      from: before.get(job.generation) === job.state ? null : before.get(job.generation) ?? null,
      counts: job.tally.toCounts(),
      reason: isTerminalJob(job.state)
        ? job.endReason ?? "it is over"
        : explainJob(state, job).reason,
    })),
    place: moves.place.map((move) => named(move, nameOf)),
    preempt: moves.preempt.map((move) => named(move, nameOf)),
    broken: broken.map(({ generation, error }) => ({
      job: nameOf(generation),
      error: messageOf(error),
    })),
  };
}

/** A worker that has what it shall have. */
function answerTo({ worker, incarnation, version, run }: Desired) {
  return {
    ...{ worker, incarnation, version, facts: null, missing: [], building: [], backlog: 0 },
    ...{ running: sizeOf(run), accepting: true, reason: null, stopping: false },
  };
}

type Counts = readonly [generation: number, worker: string, count: number];

function placeAll(reactor: Reactor, now: Now, policy: PlacementPolicy) {
  const moves = { place: new Map<string, Counts>(), preempt: new Map<string, Counts>() };
  const note = (into: Map<string, Counts>, [generation, worker, count]: Counts) => {
    const key = `${generation} ${worker}`;
    into.set(key, [generation, worker, count + (into.get(key)?.[2] ?? 0)]);
  };
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const input = passInput(reactor.state, now, policy);
    if (input === null) break;
    const placement = place(input);
    for (const [generation, worker, count] of placement.assign) {
      note(moves.place, [generation, worker, count]);
    }
    for (const [generation, worker, count] of placement.preempt) {
      note(moves.preempt, [generation, worker, count]);
    }
    reactor.react({ type: "placed", placement }, now);
    reactor.take(now);
    if (placement.assign.length + placement.preempt.length === 0) break;
  }
  return { place: [...moves.place.values()], preempt: [...moves.preempt.values()] };
}

function named([generation, worker, tasks]: Counts, nameOf: (of: number) => string): Move {
  return { job: nameOf(generation), worker, tasks };
}

function sizeOf(runs: readonly (readonly [number, number, number, ...unknown[]])[]): number {
  return runs.reduce((sum, [, from, to]) => sum + to - from, 0);
}
