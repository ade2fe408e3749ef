/**
 * What the controller's server asks of workers about what runs on them now: nothing of it is
 * decided or stored, so it goes past the core. `live_calls.ts` is the real one; tests of routes use
 * a fake. Every method may throw an `IrisError`.
 */
import type { TaskSignal } from "../wire/signals.ts";
import type { HostUsage, Signalled, TaskUsage } from "../wire/usage.ts";

/** See the head of this file. */
export interface LiveApi {
  /** What the latest attempt of a task uses, or used. @throws `not_found` */
  taskUsage(job: string, index: number): Promise<TaskUsage>;
  /** What a worker's host uses. @throws `not_found`, `unavailable` */
  hostUsage(worker: string): Promise<HostUsage>;
  /**
   * Sends a signal to a running task, or with null to all of a job.
   *
   * @throws `not_found`, `conflict` when the one task does not run, `unavailable`
   */
  signal(job: string, index: number | null, signal: TaskSignal): Promise<Signalled>;
  /** Runs a command beside a task for whoever has the other end; owns the socket from here on. */
  exec(socket: WebSocket, job: string, index: number): void;
}
