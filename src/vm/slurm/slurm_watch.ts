/**
 * Watches the allocations of one group: a look at all of them at a time, what their end takes, and what
 * is to be told. A look that fails concludes nothing; the next one comes later each time. A part of the
 * tree: it owns the loop of looks. Runs in the VM manager's isolate.
 */
import { backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Part } from "../../lifecycle/part.ts";
import { markStop, readNote, writeNote } from "./slice_folder.ts";
import type { SlurmClient } from "./slurm_client.ts";
import { UNKNOWN_END } from "./slurm_end.ts";
import { isOver, type QueueJob } from "./slurm_queue.ts";
import { ASK_SIGNAL } from "./slurm_scripts.ts";
import type { EndAction, SlurmSlice } from "./slurm_slice.ts";

/** How often Slurm is asked, in ms. */
export interface SlurmTiming {
  /** While nothing changes. */
  readonly lookMs: number;
  /** While something comes or goes. */
  readonly soonMs: number;
  /** After looks that failed. */
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  /** How long an allocation may still come of a request that was not answered. */
  readonly lostMs: number;
  /** What `sbatch` may take: it asks a full queue again and again. */
  readonly submitMs: number;
}

/** What a watch is made with. */
export interface WatchOptions {
  readonly group: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly client: SlurmClient;
  readonly timing: SlurmTiming;
}

/** See the head of this file. */
export class SlurmWatch {
  /** All that there is, by the slice's name. */
  readonly slices = new Map<string, SlurmSlice>();
  readonly #options: WatchOptions;
  readonly #abort = new AbortController();
  readonly #busy = new Set<Promise<unknown>>();
  #failures = 0;
  #outage: string | null = null;
  #wake: (() => void) | null = null;
  #woken = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Aborted when this ends: commands end with it. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What its owner stops: allocations stay, only what is done here ends. */
  part(): Part {
    return {
      name: `${this.#options.group} allocations`,
      kind: "resource",
      start: () => {
        // owner: this part, which waits for it.
        void this.doing(this.#run());
      },
      ask: async () => {
        this.#abort.abort();
        this.wake();
        while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
      },
    };
  }

  /** Keeps this part from having ended before that has. */
  doing<Result>(what: Promise<Result>): Promise<Result> {
    this.#busy.add(what);
    const done = () => this.#busy.delete(what);
    what.then(done, done);
    return what;
  }

  /** The next look is due at once. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { timing, random } = this.#options;
    while (!this.signal.aborted) {
      let waitMs: number | null = timing.backoff.maxMs;
      try {
        waitMs = await this.#look();
        if (waitMs === null) waitMs = backoffMs(this.#failures++, timing.backoff, random);
        else this.#failures = 0;
      } catch (error) {
        if (this.signal.aborted) return;
        logger("vm").error("provider slurm: {error}", { error: messageOf(error) });
      }
      await this.#wait(this.slices.size === 0 ? null : waitMs);
    }
  }

  /** @returns when to look again, in ms; null when this look failed */
  async #look(): Promise<number | null> {
    this.#woken = false;
    const { timing, client } = this.#options;
    const slices = [...this.slices.values()];
    if (slices.length === 0) return timing.lookMs;
    for (const slice of slices) slice.passLogs();
    const isEnded = await this.#endThose(slices);
    let jobs: readonly QueueJob[];
    try {
      jobs = await client.queue(slices.map(({ name }) => name), this.signal);
    } catch (error) {
      if (!(error instanceof IrisError)) throw error;
      return this.#failed(error.message);
    }
    if (isEnded) this.#answered();
    else this.#failed("Slurm cannot be asked to end allocations");
    for (const slice of slices) {
      await this.#see(slice, jobs.filter(({ name }) => name === slice.name));
    }
    if (!isEnded) return null;
    const isMoving = [...this.slices.values()].some((slice) => slice.isMoving);
    return isMoving ? timing.soonMs : timing.lookMs;
  }

  /** Does what is due to end allocations, in one command each. @returns false if Slurm is away */
  async #endThose(slices: readonly SlurmSlice[]): Promise<boolean> {
    const { clock, client } = this.#options;
    const due: Record<EndAction, SlurmSlice[]> = { ask: [], cancel: [], kill: [] };
    for (const slice of slices) {
      const action = slice.due(clock.now());
      if (action !== null) due[action].push(slice);
    }
    for (const slice of due.ask) markStop(slice.folder);
    const send = {
      ask: (ids: string[]) => client.signalSteps(ids, ASK_SIGNAL, this.signal),
      cancel: (ids: string[]) => client.cancel(ids, this.signal),
      kill: (ids: string[]) => client.kill(ids, this.signal),
    };
    for (const action of ["ask", "cancel", "kill"] as const) {
      const those = due[action];
      if (those.length === 0) continue;
      if (!await send[action](those.map(({ jobId }) => jobId!))) return false;
      for (const slice of those) slice.did(action, clock.now());
    }
    return true;
  }

  /** @param jobs those of its name */
  async #see(slice: SlurmSlice, jobs: readonly QueueJob[]): Promise<void> {
    const { clock, client } = this.#options;
    if (this.signal.aborted || slice.submitting !== null) return;
    if (this.slices.get(slice.slice) !== slice) return;
    const there = jobs.filter(({ state }) => !isOver(state));
    const mine = there.find(({ id }) => id === slice.jobId) ?? there[0];
    if (mine !== undefined) {
      this.#become(slice, mine.id);
      slice.is(mine);
      slice.tellEnded();
      const strays = there.filter((job) => job !== mine).map(({ id }) => id);
      if (strays.length > 0) {
        slice.log(`${slice.name} was there more than once: job ${strays.join(", ")} is cancelled`);
        await client.cancel(strays, this.signal);
      }
      return;
    }
    if (slice.jobId === null) {
      if (clock.now() < slice.unsureUntilMs) return;
      this.#drop(slice, () => slice.never("there is no allocation of it"));
      return;
    }
    const end = await client.show({ id: slice.jobId, name: slice.name }, this.signal);
    if (end === null || this.signal.aborted) return;
    // It was asked for after the look began, or waits anew.
    if (end.state !== null && !isOver(end.state)) return;
    if (end === UNKNOWN_END) slice.log(`Slurm does not know job ${slice.jobId} any more`);
    this.#drop(slice, () => slice.over(end));
  }

  /** It is this job: what was noted says so. */
  #become(slice: SlurmSlice, id: string): void {
    if (slice.jobId === id) return;
    slice.jobId = id;
    const note = readNote(slice.folder);
    try {
      if (note !== null) writeNote(slice.folder, { ...note, jobId: id });
    } catch {
      // It is found by its name.
    }
  }

  #drop(slice: SlurmSlice, tell: () => void): void {
    this.slices.delete(slice.slice);
    tell();
  }

  #failed(message: string): null {
    if (this.signal.aborted || this.#outage === message) return null;
    this.#outage = message;
    const line = `${message}; until it answers nothing is concluded`;
    logger("vm").warn("group {group}: {line}", { group: this.#options.group, line });
    for (const slice of this.slices.values()) slice.log(line);
    return null;
  }

  #answered(): void {
    if (this.#outage === null) return;
    this.#outage = null;
    for (const slice of this.slices.values()) slice.log("Slurm answers again");
  }

  async #wait(ms: number | null): Promise<void> {
    if (this.#woken || this.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === null ? null : this.#options.clock.setTimer(ms, resolve);
    this.#wake = resolve;
    await promise;
    this.#wake = null;
    timer?.cancel();
  }
}
