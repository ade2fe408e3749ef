/**
 * Which workers fail tasks that are not to blame themselves: on which tasks of different jobs cannot
 * be started, or with which they are lost again and again. Remembers a bounded number of recent
 * failures; decides nothing about one job alone. Pure; owned by the core's state. It is stored, so that
 * a controller that begins anew gives no worker new credit.
 */
import type { StrikesRow } from "../store/rows.ts";

/** Tasks of so many different jobs in a row cannot be started on a worker: it is the worker. */
export const LAUNCH_JOBS = 3;
/** A worker is lost so often within the window, with tasks of different jobs: it is the worker. */
export const LOSSES = 3;
/** Failures longer ago than this count no more, in ms. */
export const TRUST_WINDOW_MS = 30 * 60_000;
/** A worker is set aside for this long first, in ms; doubled each time it fails again at once. */
export const ASIDE_MS = 10 * 60_000;
const MAX_ASIDE_MS = 4 * 60 * 60_000;
/** What was stored and did not change for so long is forgotten, in ms. */
export const FORGET_MS = 24 * 60 * 60_000;
/** Jobs that are remembered for a worker, and workers for a job. */
const MAX_REMEMBERED = 32;

interface Record {
  /** Jobs whose tasks could not be started since the last one that could, and when (wall ms). */
  launches: { readonly job: number; readonly atMs: number }[];
  losses: { readonly jobs: readonly number[]; readonly atMs: number }[];
  /** How often it was set aside without a task that began since. */
  times: number;
}

/** What is stored of a worker. */
interface Stored extends Record {
  /** Jobs of which tasks could not be started there. */
  readonly failed: readonly number[];
}

/** Failures by worker. */
export class WorkerTrust {
  readonly #records = new Map<string, Record>();
  /** Where tasks of a job could not be started. */
  readonly #failedAt = new Map<number, Set<string>>();
  /** Workers of which something changed since it was last asked. */
  readonly #changed = new Set<string>();

  /** Begins with what was stored. `wallMs` is now. */
  restore(rows: readonly StrikesRow[], wallMs: number): void {
    for (const { worker, atMs, strikes } of rows) {
      if (strikes === null || wallMs - atMs >= FORGET_MS) {
        this.#changed.add(worker);
        continue;
      }
      // Written by this program. A clock that was set back makes nothing last longer.
      const { failed, ...record } = JSON.parse(strikes) as Stored;
      const past = <T extends { readonly atMs: number }>(one: T): T => ({
        ...one,
        atMs: Math.min(one.atMs, wallMs),
      });
      const [launches, losses] = [record.launches.map(past), record.losses.map(past)];
      this.#records.set(worker, { ...record, launches, losses });
      for (const job of failed) {
        this.#failedAt.set(job, (this.#failedAt.get(job) ?? new Set()).add(worker));
      }
    }
  }

  /** What is to be stored: of each worker of which something changed since the last time. */
  takeChanged(wallMs: number): StrikesRow[] {
    if (this.#changed.size === 0) return [];
    const rows = [...this.#changed].map((worker) => {
      const failed = [...this.#failedAt].filter(([, at]) => at.has(worker)).map(([job]) => job);
      const record = this.#records.get(worker);
      const stored: Stored = { ...record ?? { launches: [], losses: [], times: 0 }, failed };
      const nothing = record === undefined && failed.length === 0;
      return { worker, atMs: wallMs, strikes: nothing ? null : JSON.stringify(stored) };
    });
    this.#changed.clear();
    return rows;
  }

  /** A task began on a worker: what failed there before was not its fault. */
  began(worker: string): void {
    const record = this.#records.get(worker);
    if (record === undefined) return;
    const nothing = record.launches.length === 0 && record.times === 0;
    if (nothing && record.losses.length > 0) return;
    this.#changed.add(worker);
    for (const { job } of record.launches) this.#failedAt.get(job)?.delete(worker);
    record.launches = [];
    record.times = 0;
    if (record.losses.length === 0) this.#records.delete(worker);
  }

  /**
   * A task of a job could not be started on a worker.
   *
   * @returns why the worker is to be set aside, or null
   */
  launchFailed(worker: string, { job, atMs }: { job: number; atMs: number }): string | null {
    const record = this.#record(worker);
    const at = this.#failedAt.get(job) ?? new Set();
    this.#failedAt.set(job, at);
    if (at.size < MAX_REMEMBERED) at.add(worker);
    if (this.#failedAt.size > MAX_REMEMBERED * MAX_REMEMBERED) {
      for (const oldest of this.#failedAt.keys()) {
        this.#failedAt.delete(oldest);
        break;
      }
    }
    record.launches = record.launches
      .filter((one) => one.job !== job && atMs - one.atMs < TRUST_WINDOW_MS)
      .slice(-MAX_REMEMBERED);
    record.launches.push({ job, atMs });
    // A job that fails elsewhere too has itself to blame.
    const here = record.launches.filter((one) => (this.#failedAt.get(one.job)?.size ?? 0) <= 1);
    const wanted = record.times > 0 ? 1 : LAUNCH_JOBS;
    if (here.length < wanted) return null;
    return `tasks of ${here.length} different job${here.length === 1 ? "" : "s"} in a row could ` +
      "not be started on it";
  }

  /** A worker was lost with tasks of these jobs. @returns why it is to be set aside, or null */
  lost(worker: string, { jobs, atMs }: { jobs: readonly number[]; atMs: number }): string | null {
    if (jobs.length === 0) return null;
    const record = this.#record(worker);
    record.losses = record.losses.filter((one) => atMs - one.atMs < TRUST_WINDOW_MS)
      .slice(-MAX_REMEMBERED);
    record.losses.push({ jobs: jobs.slice(0, MAX_REMEMBERED), atMs });
    const different = new Set(record.losses.flatMap((one) => one.jobs)).size;
    if (record.losses.length < LOSSES || different < 2) return null;
    return `it was lost ${record.losses.length} times within ${
      TRUST_WINDOW_MS / 60_000
    } minutes, with tasks of ${different} different jobs`;
  }

  /** The worker is set aside now. @returns for how long, in ms */
  setAside(worker: string): number {
    const record = this.#record(worker);
    record.launches = [];
    record.losses = [];
    return Math.min(MAX_ASIDE_MS, ASIDE_MS * 2 ** Math.min(10, record.times++));
  }

  /** Somebody says that the worker is fine. */
  forgive(worker: string): void {
    if (this.#records.has(worker)) this.#changed.add(worker);
    this.#records.delete(worker);
    for (const at of this.#failedAt.values()) {
      if (at.delete(worker)) this.#changed.add(worker);
    }
  }

  /** What is known of a worker, about to be changed. */
  #record(worker: string): Record {
    this.#changed.add(worker);
    let record = this.#records.get(worker);
    if (record === undefined) {
      record = { launches: [], losses: [], times: 0 };
      this.#records.set(worker, record);
    }
    return record;
  }
}
