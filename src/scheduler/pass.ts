/**
 * What a scheduling pass looks at and what it proposes: plain data. Tasks of a job are alike, so a
 * pass deals in counts, and its cost grows with jobs and workers, not with tasks.
 */
import type { Band } from "../model/band.ts";
import type { Constraint } from "../model/constraints.ts";
import type { PlacementExplanation } from "../model/explanation.ts";

/** What one task needs. */
export interface TaskShape {
  /** Thousandths of a core. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Named resources in thousandths of a unit; `disk` in bytes. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Pending tasks of one job that may go to the same workers. */
export interface PendingGroup extends TaskShape {
  readonly generation: number;
  /** Tells groups of a job apart: those that avoid nothing are 0. */
  readonly group: number;
  readonly count: number;
  readonly user: string;
  readonly band: Band;
  /** The scheduler looks at how long it waits; the autoscaler at when it came, for its patience. */
  readonly submittedAtMs: number;
  /** Since when nothing of the job was placed. */
  readonly waitingSinceMs: number;
  /** Whether its tasks may wait at a worker: they are short, so waiting there costs little. */
  readonly backlog: boolean;
  readonly constraints: readonly Constraint[];
  /** All tasks at once, on workers that share a value of this attribute, or none. */
  readonly gang: { readonly groupBy: string } | null;
  /** Workers on which they failed: used when no other could hold them. */
  readonly avoid: readonly string[];
  /** How many tasks of the job, all its groups together, may be placed now. */
  readonly maxNow: number;
  /** Whether tasks of a lower band may be stopped for it. */
  readonly preempts: boolean;
}

/** One worker that takes work. */
export interface WorkerRoom {
  readonly worker: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly totalCpuMilli: number;
  readonly totalMemoryBytes: number;
  readonly totalResources: Readonly<Record<string, number>>;
  /** What no attempt is charged for; less than nothing when attempts wait there. */
  readonly freeCpuMilli: number;
  readonly freeMemoryBytes: number;
  readonly freeResources: Readonly<Record<string, number>>;
  /** What attempts hold that were asked to end: free soon. */
  readonly leaving: TaskShape;
  /** How many more attempts may be placed there. */
  readonly slots: number;
  /** How many more attempts may wait there beyond what fits. */
  readonly backlogRoom: number;
}

/** Attempts of a job that wait at a worker, and would wait there for long. */
export interface QueuedTasks extends TaskShape {
  readonly generation: number;
  readonly worker: string;
  readonly count: number;
  /** How many more were asked back already, and are on their way. */
  readonly returning: number;
  readonly band: Band;
  readonly constraints: readonly Constraint[];
}

/** Attempts of a job that wait at a worker, and for which tasks of a lower band may be stopped. */
export interface BehindTasks {
  readonly worker: string;
  /** The job, and how many of its tasks wait there. */
  readonly of: PendingGroup;
}

/** Attempts of a job that a worker holds and that could make room. */
export interface HeldTasks extends TaskShape {
  readonly generation: number;
  readonly worker: string;
  readonly count: number;
  readonly band: Band;
  /** When the youngest began; null when they wait there. */
  readonly startedAtMs: number | null;
}

/** How free workers are chosen between: the fullest that still fits, or the emptiest. */
export type PlacementPolicy = "best_fit" | "spread";

/** What a pass looks at. */
export interface PassInput {
  /** Wall time, in ms. */
  readonly nowMs: number;
  readonly jobs: readonly PendingGroup[];
  readonly workers: readonly WorkerRoom[];
  /** Known workers that take no work now. */
  readonly unavailable: number;
  /** What could be taken back for a worker that has nothing to do. */
  readonly queued: readonly QueuedTasks[];
  /** What could be stopped for a job of a higher band. */
  readonly held: readonly HeldTasks[];
  /** What waits at workers, perhaps behind what could be stopped for it. */
  readonly behind: readonly BehindTasks[];
  /** What users' tasks hold now, in thousandths of a core; who is not here holds none. */
  readonly usage: Readonly<Record<string, number>>;
  readonly policy: PlacementPolicy;
}

/** So many tasks of a group and a worker. */
export type Proposal = readonly [
  generation: number,
  worker: string,
  count: number,
  group: number,
];

/** So many tasks of a job that come back from a worker before they began. */
export type Recall = readonly [generation: number, worker: string, count: number];

/** So many running tasks of a job that must make room at a worker, and for which job. */
export type Preemption = readonly [
  generation: number,
  worker: string,
  count: number,
  forGeneration: number,
];

/** Why a job got nothing, or not everything. */
export interface Explanation extends PlacementExplanation {
  readonly generation: number;
}

/** What a pass proposes. The core checks each against what is true by then. */
export interface Placement {
  readonly assign: readonly Proposal[];
  readonly recall: readonly Recall[];
  readonly preempt: readonly Preemption[];
  readonly explanations: readonly Explanation[];
}
