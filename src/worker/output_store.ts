/**
 * What ended attempts wrote into their output folders: kept up to the job's limit, and all together
 * up to the worker's, the oldest first to go. What is not kept is said, and changes no result. Owned
 * by the worker's server isolate, which gives it out.
 */
import { exists } from "../base/there.ts";
import { packFolder, streamOf } from "../archive/pack.ts";
import { scanFolder } from "../archive/scan_folder.ts";
import { removeFolder } from "../archive/unpack.ts";
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { turnEnd } from "../base/turn.ts";
import type { KeptOutput, OutputRequest } from "../wire/shipping.ts";
import { keepWithin } from "./keep_output.ts";
import type { EndedFact, StartedFact } from "./keeper_link.ts";
import { type OutputPlace, outputsOf } from "./output_place.ts";

/** A folder that is younger may be of an attempt that nobody told of yet, in ms. */
const YOUNG_MS = 10_000;
/** Jobs without outputs that are remembered as such. */
const MAX_WITHOUT = 10_000;

/** What a store is made of. */
export interface OutputStoreOptions {
  /** The worker's folder. */
  readonly folder: string;
  /** Everything that is kept, in bytes. */
  readonly limitBytes: number;
  readonly clock: Clock;
}

interface Key {
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
}

type Kept = KeptOutput & { readonly atMs: number };

/** See the head of this file. */
export class OutputStore {
  readonly #options: OutputStoreOptions;
  readonly #place: OutputPlace;
  readonly #jobs = new Map<number, Map<string, Kept>>();
  /** Jobs that keep nothing: seen at an attempt that ran. */
  readonly #without = new Set<number>();
  /** Folders that were there at the beginning, of which nothing is noted. */
  #unsettled: Key[];
  #bytes = 0;
  /** What ended is looked at one after the other. */
  #work: Promise<void> = Promise.resolve();
  #closed = new AbortController();

  /** Reads what an earlier process kept. */
  constructor(options: OutputStoreOptions) {
    this.#options = options;
    this.#place = outputsOf(options.folder);
    this.#unsettled = this.#read();
  }

  /** Everything that is kept, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Jobs of which something is, or may be, kept. */
  get generations(): readonly number[] {
    return [...this.#jobs.keys()];
  }

  /** Takes in what began and ended; `again` when it is all that runs. */
  observe(facts: {
    readonly again: boolean;
    readonly started: readonly StartedFact[];
    readonly ended: readonly EndedFact[];
  }): void {
    for (const { generation } of facts.started) {
      if (this.#jobs.has(generation) || this.#without.has(generation)) continue;
      if (exists(this.#place.generation(generation))) this.#jobs.set(generation, new Map());
      else {
        if (this.#without.size >= MAX_WITHOUT) this.#without.clear();
        this.#without.add(generation);
      }
    }
    for (const fact of facts.ended) if (!this.#without.has(fact.generation)) this.#settleSoon(fact);
    if (!facts.again) return;
    const running = new Set(facts.started.map((fact) => `${fact.generation} ${nameOf(fact)}`));
    const wallMs = this.#options.clock.wall();
    for (const key of this.#unsettled.splice(0)) {
      if (running.has(`${key.generation} ${nameOf(key)}`)) continue;
      if (wallMs - changedAtMs(this.#place.attempt(key)) > YOUNG_MS) this.#settleSoon(key);
    }
  }

  /** What is kept of a job, when all of it that ended was looked at. */
  async list(generation: number): Promise<readonly KeptOutput[]> {
    await this.#work;
    return [...this.#jobs.get(generation)?.values() ?? []].map(({ atMs: _, ...kept }) => kept);
  }

  /** What is kept of one attempt, as an archive. @throws {IrisError} `not_found`, `closing` */
  async open(request: OutputRequest): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    await this.#work;
    if (this.#closed.signal.aborted) throw new IrisError("closing", "This worker is stopping");
    const kept = this.#jobs.get(request.generation)?.get(nameOf(request));
    if (kept === undefined || kept.gone) {
      throw new IrisError("not_found", "Nothing of that attempt is kept here");
    }
    const folder = this.#place.attempt(request);
    // What cannot be packed was taken out, or named, when the attempt ended.
    const entries = scanFolder(folder, { rules: null, onProblem: () => {} });
    return streamOf(packFolder(folder, entries), this.#closed.signal);
  }

  /** A job is forgotten: nothing of it is kept any more. */
  forget(generation: number): void {
    this.#work = this.#work.then(() => {
      for (const { bytes, gone } of this.#jobs.get(generation)?.values() ?? []) {
        if (!gone) this.#bytes -= bytes;
      }
      this.#jobs.delete(generation);
      this.#remove(this.#place.generation(generation));
    });
  }

  /** Ends what is being given out, and gives out nothing more. */
  endStreams(): void {
    this.#closed.abort();
  }

  /** Waits for what is being looked at. */
  async close(): Promise<void> {
    this.endStreams();
    await this.#work;
  }

  /** What is noted, into memory. @returns folders of which nothing is */
  #read(): Key[] {
    const unsettled: Key[] = [];
    for (const name of namesIn(this.#place.root)) {
      const generation = Number(name);
      if (!Number.isSafeInteger(generation)) continue;
      const kept = new Map<string, Kept>();
      this.#jobs.set(generation, kept);
      for (const line of linesOf(this.#place.kept(generation))) kept.set(nameOf(line), line);
      for (const { bytes, gone } of kept.values()) if (!gone) this.#bytes += bytes;
      for (const folder of namesIn(this.#place.generation(generation))) {
        const [, index, attempt] = /^(\d+)\.(\d+)$/.exec(folder) ?? [];
        if (index === undefined || kept.has(folder)) continue;
        unsettled.push({ generation, index: Number(index), attempt: Number(attempt) });
      }
    }
    return unsettled;
  }

  #settleSoon(key: Key): void {
    const { generation, index, attempt } = key;
    if (this.#jobs.get(generation)?.has(nameOf(key))) return;
    this.#work = this.#work.then(async () => {
      try {
        this.#settle({ generation, index, attempt });
      } catch (error) {
        logger("worker").warn`outputs of ${generation}.${nameOf(key)}: ${messageOf(error)}`;
      }
      await turnEnd();
    });
  }

  #settle(key: Key): void {
    const folder = this.#place.attempt(key);
    if (!exists(folder)) return;
    const limit = Number(readText(this.#place.limit(key.generation)) ?? 0);
    const { files, bytes, note } = keepWithin(folder, limit);
    if (files === 0 && note === null) return this.#remove(folder);
    const { index, attempt } = key;
    const atMs = this.#options.clock.wall();
    this.#note(key.generation, { index, attempt, files, bytes, note, gone: false, atMs });
    this.#bytes += bytes;
    this.#makeRoom();
  }

  #note(generation: number, kept: Kept): void {
    const job = this.#jobs.get(generation) ?? new Map<string, Kept>();
    this.#jobs.set(generation, job);
    job.set(nameOf(kept), kept);
    Deno.writeTextFileSync(this.#place.kept(generation), `${JSON.stringify(kept)}\n`, {
      append: true,
    });
  }

  #makeRoom(): void {
    if (this.#bytes <= this.#options.limitBytes) return;
    const all = [...this.#jobs].flatMap(([generation, job]) =>
      [...job.values()].filter(({ gone }) => !gone).map((kept) => ({ generation, kept }))
    ).sort((a, b) => a.kept.atMs - b.kept.atMs);
    for (const { generation, kept } of all) {
      if (this.#bytes <= this.#options.limitBytes) return;
      this.#bytes -= kept.bytes;
      this.#remove(this.#place.attempt({ generation, ...kept }));
      this.#note(generation, { ...kept, gone: true });
    }
  }

  #remove(path: string): void {
    try {
      removeFolder(path);
    } catch (error) {
      logger("worker").warn`${path} could not be removed: ${messageOf(error)}`;
    }
  }
}

function nameOf({ index, attempt }: { index: number; attempt: number }): string {
  return `${index}.${attempt}`;
}

function changedAtMs(path: string): number {
  try {
    return Deno.lstatSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}

function readText(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Notes of an earlier process; a last line that it did not finish is none. */
function linesOf(path: string): Kept[] {
  return (readText(path) ?? "").split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Kept];
    } catch {
      return [];
    }
  });
}
