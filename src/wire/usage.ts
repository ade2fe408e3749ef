/**
 * What attempts, workers and hosts use: views of the API and what worker and controller say of it.
 * Read when it is asked for, not told with every heartbeat. Pure.
 */
import type { TaskSignal } from "./signals.ts";

/** What a running attempt uses, all its processes together. */
export interface AttemptUsage {
  readonly atMs: number;
  /** Processor time so far, waited-for children included, in ms. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
  /** The most memory that was seen: between two looks it may have been more. */
  readonly peakBytes: number;
  readonly processes: number;
}

/** What an attempt used that ended. */
export interface EndedUsage {
  readonly cpuMs: number;
  /** Null when it lived too short, and used too little, to be told apart from its keeper. */
  readonly peakBytes: number | null;
}

/** `GET /api/v1/jobs/:name/tasks/:index/usage`: of the latest attempt. */
export interface TaskUsage {
  readonly task: string;
  readonly attempt: number | null;
  readonly worker: string | null;
  readonly running: AttemptUsage | null;
  readonly ended: EndedUsage | null;
}

/** What one process of Iris uses. */
export interface ProcessUsage {
  readonly pid: number;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** What a whole host uses, tasks and everything else. */
export interface HostUsage {
  readonly atMs: number;
  /** Thousandths of a core busy, over the last seconds; null right after the start. */
  readonly cpuMilli: number | null;
  readonly memoryBytes: number;
  readonly memoryTotalBytes: number;
  /** Of the file system that the worker's folder is on. */
  readonly diskBytes: number;
  readonly diskTotalBytes: number;
  /** The load average of one minute, as the kernel has it. */
  readonly load: number;
  /** The worker's own process (of a local cluster: the whole cluster's), and its keeper's. */
  readonly worker: ProcessUsage;
  readonly keeper: ProcessUsage | null;
}

/** `POST /v1/usage` of a worker. */
export interface UsageRequest {
  readonly attempts: readonly {
    readonly generation: number;
    readonly index: number;
    readonly attempt: number;
  }[];
}

/** Its answer: attempts in the order of the request. */
export interface UsageResponse {
  readonly host: HostUsage;
  readonly attempts: readonly {
    readonly running: AttemptUsage | null;
    readonly ended: EndedUsage | null;
  }[];
}

/** `POST /v1/signal` of a worker. */
export interface SignalRequest {
  readonly generation: number;
  /** Null for every running attempt of the generation. */
  readonly attempt: { readonly index: number; readonly attempt: number } | null;
  readonly signal: TaskSignal;
}

/** The answer to a signal, of the API and of a worker. */
export interface Signalled {
  /** How many tasks got it. */
  readonly signalled: number;
}
