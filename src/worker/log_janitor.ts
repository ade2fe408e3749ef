/**
 * Keeps the logs of attempts that ended within bounds: gives back the bytes of jobs that the
 * controller has forgotten, removes the oldest files when all logs take too much room, and keeps the
 * journal whole. Never touches what a running attempt wrote: that is the keeper's. Owned by the
 * worker's server isolate.
 *
 * It asks the controller which jobs are forgotten, instead of being told, so a worker that was away
 * catches up by itself.
 */
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { FileCalls } from "../host/file_calls.ts";
import type { ForgottenResponse } from "../wire/logs.ts";
import { TIMES_SUFFIX } from "./keeper/times_writer.ts";
import type { LogJournal } from "./log_journal.ts";
import { type ByteRange, gapsOf, wholeBlocks } from "./log_limits.ts";
import type { LogStore } from "./log_store.ts";
import { listSlotFiles, type SlotFileEntry } from "./slot_folder.ts";

/** How often it looks, in ms; a look that took long is followed by a longer rest. */
const LOOK_MS = 2_000;
const REST_FACTOR = 20;
/** How often the controller is asked which jobs are forgotten, in ms, and about how many at once. */
const ASK_MS = 10_000;
const ASK_GENERATIONS = 10_000;
/** What was written within this may be of an attempt that nobody has told of yet, in ms. */
const SETTLED_MS = 5_000;
/** In the folder of log files: the cluster whose jobs these were. */
const CLUSTER_FILE = "cluster";

/** What a janitor is made with. */
export interface LogJanitorOptions {
  /** Of the slot files. */
  readonly folder: string;
  readonly store: LogStore;
  readonly journal: LogJournal;
  readonly calls: FileCalls | null;
  readonly clock: Clock;
  /** How much all logs may take, in bytes. */
  readonly spaceBytes: number;
  /** Asks the controller which of these it has forgotten. @throws when it cannot be reached */
  readonly ask: (generations: readonly number[], signal: AbortSignal) => Promise<ForgottenResponse>;
  /** What else is kept here by job, and goes with it; nothing when left out. */
  readonly others?: {
    readonly generations: readonly number[];
    forget(generation: number): void;
  };
}

/** See the head of this file. */
export class LogJanitor {
  readonly #options: LogJanitorOptions;
  #settled = false;
  /** True while there may be bytes that belong to no attempt. */
  #dirty = true;
  #askAtMs = 0;
  #asked = 0;
  #saidFull = false;

  /** @param options what it looks after */
  constructor(options: LogJanitorOptions) {
    this.#options = options;
  }

  /** Looks again and again until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const from = clock.now();
      try {
        await this.pass(signal);
      } catch (error) {
        logger("worker").warn`logs cannot be looked after: ${messageOf(error)}`;
      }
      await sleep(clock, Math.max(LOOK_MS, (clock.now() - from) * REST_FACTOR), signal);
    }
  }

  /** Looks once. */
  async pass(signal: AbortSignal): Promise<void> {
    const { store, journal, folder, clock } = this.#options;
    // Until it is told what runs, everything might.
    if (!store.told) return;
    if (!this.#settled) {
      this.#settled = true;
      store.settleLost((name) => sizeOf(`${folder}/${name}`));
    }
    store.noteRunning();
    if (journal.lacking) store.save();
    await journal.sync();
    if (clock.now() >= this.#askAtMs) await this.#ask(signal);
    const files = listSlotFiles(folder);
    if (this.#dirty) this.#sweep(files);
    this.#fit(listSlotFiles(folder));
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { store, ask, clock, others } = this.#options;
    this.#askAtMs = clock.now() + ASK_MS;
    const here = new Set([...store.generations, ...others?.generations ?? []]);
    const over = [...here].filter((generation) => store.running(generation) === 0);
    if (over.length === 0) return;
    if (this.#asked >= over.length) this.#asked = 0;
    const some = over.slice(this.#asked, this.#asked + ASK_GENERATIONS);
    this.#asked += some.length;
    let answer: ForgottenResponse;
    try {
      answer = await ask(some, signal);
    } catch {
      // Asked again: what is forgotten stays so.
      return;
    }
    // Another cluster counts its jobs anew: what is here is of none that it knows.
    const gone = this.#isOurs(answer.cluster) ? answer.generations : over;
    if (store.forget(gone) > 0) this.#dirty = true;
    for (const generation of gone) others?.forget(generation);
  }

  /** Whether the cluster is the one whose logs these are; without any it becomes that. */
  #isOurs(cluster: string): boolean {
    const path = `${this.#options.folder}/${CLUSTER_FILE}`;
    let known: string | null = null;
    try {
      known = Deno.readTextFileSync(path);
    } catch {
      // The first answer.
    }
    if (known !== cluster) Deno.writeTextFileSync(path, cluster, { mode: 0o600 });
    return known === null || known === cluster;
  }

  /** Gives back what belongs to no attempt that is remembered. */
  #sweep(files: readonly SlotFileEntry[]): void {
    this.#dirty = false;
    const kept = new Map<string, ByteRange[]>();
    for (const row of this.#options.store.all()) {
      for (const kind of ["out", "err"] as const) {
        const { from, to } = row[kind];
        if (from === to) continue;
        const name = `${row.slot}.${row.rotation}.${kind}`;
        const ranges = kept.get(name);
        const range = { from, to: to ?? Infinity };
        if (ranges === undefined) kept.set(name, [range]);
        else ranges.push(range);
      }
    }
    const running = this.#running();
    for (const file of files) {
      const ranges = kept.get(file.name) ?? [];
      if (ranges.length === 0 && this.#isOver(file, running)) {
        this.#remove(file);
        continue;
      }
      const end = this.#settledEnd(file, running);
      // What was written just now is looked at again.
      if (end === 0 && file.size > 0) this.#dirty = true;
      for (const gap of gapsOf(ranges, end)) this.#punch(file, gap);
    }
  }

  /** When all logs take too much room, the oldest go first. */
  #fit(files: readonly SlotFileEntry[]): void {
    const { spaceBytes } = this.#options;
    let total = files.reduce((sum, file) => sum + file.diskBytes, 0);
    if (total <= spaceBytes) {
      this.#saidFull = false;
      return;
    }
    const running = this.#running();
    const oldest = [...files].sort((a, b) => a.writtenAtMs - b.writtenAtMs);
    for (const file of oldest) {
      if (total <= spaceBytes) return;
      if (!this.#isOver(file, running)) continue;
      this.#remove(file);
      total -= file.diskBytes;
    }
    for (const file of oldest) {
      if (total <= spaceBytes) return;
      const end = file.isCurrent ? this.#settledEnd(file, running) : 0;
      if (end > 0 && this.#punch(file, { from: 0, to: end })) {
        total -= Math.min(file.diskBytes, end);
      }
    }
    if (total <= spaceBytes || this.#saidFull) return;
    this.#saidFull = true;
    logger("worker").warn`logs take ${total} bytes, more than the ${spaceBytes} they may`;
  }

  /** Where in each file the attempt begins that runs and writes to it. */
  #running(): Map<string, number> {
    const running = new Map<string, number>();
    for (const { slot, rotation, out, err } of this.#options.store.allRunning()) {
      running.set(`${slot}.${rotation}.out`, out.from);
      running.set(`${slot}.${rotation}.err`, err.from);
    }
    return running;
  }

  /** Whether nothing will ever be written to a file again. */
  #isOver(file: SlotFileEntry, running: ReadonlyMap<string, number>): boolean {
    return !file.isCurrent && !running.has(file.name) && this.#isOld(file);
  }

  #isOld({ writtenAtMs }: SlotFileEntry): boolean {
    return Math.abs(this.#options.clock.wall() - writtenAtMs) > SETTLED_MS;
  }

  /** Up to where a file holds nothing but output of attempts that are known to have ended. */
  #settledEnd(file: SlotFileEntry, running: ReadonlyMap<string, number>): number {
    return running.get(file.name) ?? (this.#isOld(file) ? file.size : 0);
  }

  #remove(file: SlotFileEntry): void {
    for (const path of [file.path, `${file.path}${TIMES_SUFFIX}`]) {
      try {
        Deno.removeSync(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  #punch(file: SlotFileEntry, range: ByteRange): boolean {
    const blocks = wholeBlocks({ from: range.from, to: Math.min(range.to, file.size) });
    return blocks !== null &&
      (this.#options.calls?.punch(file.path, blocks.from, blocks.to) ?? false);
  }
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}
