/**
 * What the reactor wants done, gathered over all events of a turn: so that many events make one
 * transaction, one desired set per worker and one notice per job. Owned by the reactor.
 */
import type { Desired, WorkerLink } from "../heartbeat/messages.ts";
import type { AttemptLane } from "../model/attempt_lane.ts";
import type { Job } from "../model/job.ts";
import { eventsOf, type TriedAttempt } from "./events.ts";
import type {
  ChargeRow,
  DetailRow,
  EndpointRow,
  EventRow,
  JobProgress,
  JobRow,
  LaneKey,
  LaneRow,
  ResultRow,
  StoreChanges,
  StrikesRow,
  TokenChanges,
} from "../store/rows.ts";
import type { TokenRow } from "../store/token_row.ts";
import type { JobSpec } from "../wire/api.ts";
import type { Actor } from "../wire/audit.ts";
import type { EndpointView } from "../wire/endpoints.ts";
import type { AttemptSpec, RegisterRequest } from "../wire/reconcile.ts";
import type { Refusal } from "./messages.ts";
import { TurnFigures } from "./turn_figures.ts";
import type { WorkerNode } from "./worker_node.ts";

/** An answer to a call of the server; it leaves after the commit. */
export type Answer =
  | {
    readonly type: "job";
    readonly id: number;
    readonly generation: number;
    /** What the submitter should know though the job was taken in: one line each. */
    readonly warnings: readonly string[];
  }
  | { readonly type: "registered"; readonly id: number }
  | { readonly type: "worker"; readonly id: number; readonly name: string }
  | { readonly type: "endpoint"; readonly id: number; readonly endpoint: EndpointView }
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly refusal: Refusal };

type TokenUse = TokenChanges["used"][number];

/** What is to be done, in the order of these fields. */
export interface Effects {
  /** First, in one transaction; null when nothing changed. */
  readonly store: StoreChanges | null;
  readonly forgottenWorkers: readonly string[];
  readonly links: readonly WorkerLink[];
  readonly specs: readonly AttemptSpec[];
  readonly desired: readonly Desired[];
  readonly forgottenSpecs: readonly number[];
  readonly answers: readonly Answer[];
  /** Names of jobs that changed. */
  readonly changedJobs: readonly string[];
  /** Whether what is shown of workers changed. */
  readonly workersChanged: boolean;
  /** Faults of our own that were contained: one line each, to be logged. */
  readonly reports: readonly string[];
  /** What is only counted. */
  readonly figures: TurnFigures;
}

/** Gathers effects. */
export class EffectLog {
  readonly jobs = new Set<Job<JobSpec>>();
  /** Of these, what is still to be brought in line with their tasks. */
  readonly unsettled = new Set<Job<JobSpec>>();
  readonly newJobs = new Set<Job<JobSpec>>();
  readonly lanes = new Set<AttemptLane>();
  readonly goneLanes: LaneKey[] = [];
  readonly results: ResultRow[] = [];
  readonly copiedResults: (readonly [from: number, to: number])[] = [];
  readonly details: DetailRow[] = [];
  /** What tasks handed back. */
  readonly returned: DetailRow[] = [];
  readonly registered: RegisterRequest[] = [];
  /** Workers about which something was decided, or is not any more. */
  readonly marked = new Set<WorkerNode>();
  /** The last word about each endpoint: there from now on, or gone. */
  readonly endpoints = new Map<string, readonly [row: EndpointRow, there: boolean]>();
  readonly goneWorkers: string[] = [];
  readonly strikes: StrikesRow[] = [];
  readonly tokens = { given: [] as TokenRow[], revoked: [] as string[], used: [] as TokenUse[] };
  /** Who submitted new jobs. */
  readonly by = new Map<Job<JobSpec>, Actor>();
  /** How attempts ended whose tasks are tried again, by generation and task. */
  readonly tried = new Map<string, TriedAttempt>();
  /** What is to be told beside what follows from the rest. */
  readonly events: EventRow[] = [];
  readonly links: WorkerLink[] = [];
  readonly specs: AttemptSpec[] = [];
  readonly forgottenSpecs: number[] = [];
  readonly desired = new Set<WorkerNode>();
  readonly answers: Answer[] = [];
  readonly reports: string[] = [];
  readonly figures = new TurnFigures();
  workersChanged = false;

  /**
   * Turns what was gathered into effects. Jobs and lanes are read now, not when they changed, and
   * copied: a disk that is full may keep these for long while the state goes on.
   */
  toEffects(wallMs: number): Effects {
    return {
      store: this.#toChanges(wallMs),
      links: this.links,
      forgottenWorkers: this.goneWorkers,
      specs: this.specs,
      desired: [...this.desired].map((worker) => worker.nextDesired()),
      forgottenSpecs: this.forgottenSpecs,
      answers: this.answers,
      changedJobs: [...new Set([...this.jobs].map((job) => job.name))],
      workersChanged: this.workersChanged,
      reports: this.reports,
      figures: this.figures,
    };
  }

  #toChanges(wallMs: number): StoreChanges | null {
    const size = this.jobs.size + this.lanes.size + this.goneLanes.length + this.results.length +
      this.details.length + this.returned.length + this.registered.length +
      this.goneWorkers.length + this.events.length + this.marked.size + this.strikes.length +
      this.endpoints.size + this.tokens.given.length + this.tokens.revoked.length +
      this.tokens.used.length;
    if (size === 0) return null;
    const charges = this.#charges();
    return {
      events: [...this.events, ...eventsOf(this, { charges, wallMs })],
      newJobs: [...this.newJobs].map(jobRow),
      jobs: [...this.jobs].filter((job) => !this.newJobs.has(job)).map(jobProgress),
      lanes: [...this.lanes].map(laneRow),
      goneLanes: this.goneLanes,
      results: this.results,
      copiedResults: this.copiedResults,
      details: this.details,
      returned: this.returned,
      charges,
      workers: this.registered,
      workerMarks: [...this.marked].map(({ name: worker, drained, setAside }) => ({
        ...{ worker, drained, setAside },
      })),
      endpoints: this.#endpoints(true),
      goneEndpoints: this.#endpoints(false),
      goneWorkers: this.goneWorkers,
      strikes: this.strikes,
      tokens: this.tokens,
    };
  }

  #endpoints(wanted: boolean): EndpointRow[] {
    return [...this.endpoints.values()].filter(([, there]) => there === wanted).map(([row]) => row);
  }

  #charges(): ChargeRow[] {
    return [...this.jobs].flatMap((job) =>
      job.ledger.takeChanged().map(([task, { failures, losses, crashes }]) =>
        [job.generation, task, failures, losses, crashes] as const
      )
    );
  }
}

function jobProgress(job: Job<JobSpec>): JobProgress {
  const pending: number[] = [];
  for (const range of job.pending) pending.push(...range);
  return {
    generation: job.generation,
    state: job.state,
    done: job.done,
    counts: job.tally.toCounts(),
    startedAtMs: job.startedAtMs,
    endedAtMs: job.endedAtMs,
    reason: job.reason,
    quarantined: job.quarantined,
    waits: [...job.waits],
    held: job.held,
    eligibleAtMs: job.eligibleAtMs,
    pending,
    avoided: [...job.avoided],
  };
}

function jobRow(job: Job<JobSpec>): JobRow {
  const { name, user, spec, submittedAtMs, parent, retryOf, submitted } = job;
  return { ...jobProgress(job), name, user, spec, submittedAtMs, parent, retryOf, submitted };
}

function laneRow(lane: AttemptLane): LaneRow {
  return {
    generation: lane.job.generation,
    worker: lane.worker,
    attempt: lane.attempt,
    assigned: lane.assigned.toBounds(),
    recalled: lane.recalled.toBounds(),
    building: lane.building.toBounds(),
    running: lane.running.toCells(),
    preempted: lane.evicted.preempted.toCells(),
    disbanded: lane.evicted.gang.toCells(),
    stopping: lane.stopping.toBounds(),
  };
}
