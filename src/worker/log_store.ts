/**
 * Where the output of each attempt lies: which slot file, from which byte to which. Fed with the
 * keeper's facts, owned by the worker's server isolate, bounded. What ended is noted in a journal
 * too, so that a next worker process finds it.
 */
import type { EndedFact, StartedFact } from "./keeper_link.ts";
import type { LogJournal } from "./log_journal.ts";
import { type LogRow, LogTable } from "./log_table.ts";

export type { LogRow };

/** Attempts remembered at most; the oldest generations whose attempts all ended go first. */
export const MAX_LOG_ROWS = 500_000;

/** How a store is made. */
export interface LogStoreOptions {
  /** Attempts remembered at most. */
  readonly limit?: number;
  /** Where what ended is noted; owned by whoever made it. */
  readonly journal?: LogJournal;
}

/** Told which jobs attempts began or ended of; null for whichever. */
export type LogWatcher = (generations: ReadonlySet<number> | null) => void;

/** The index over all slot files of one worker. */
export class LogStore {
  readonly #tables = new Map<number, LogTable>();
  readonly #limit: number;
  readonly #journal: LogJournal | null;
  readonly #watchers = new Set<LogWatcher>();
  #rows = 0;
  #told: boolean;
  #order = 0;

  /** @param options how much is remembered, and where */
  constructor(options: LogStoreOptions = {}) {
    this.#limit = options.limit ?? MAX_LOG_ROWS;
    this.#journal = options.journal ?? null;
    this.#told = this.#journal === null;
    for (const { generation, row } of this.#journal?.load() ?? []) {
      if (this.#table(generation).insert(row)) this.#rows++;
      this.#order = Math.max(this.#order, row.order);
    }
  }

  /** How many attempts it remembers. */
  get size(): number {
    return this.#rows;
  }

  /** True once the lifecycle loop has told what runs. */
  get told(): boolean {
    return this.#told;
  }

  /** Job generations of which something is remembered. */
  get generations(): number[] {
    return [...this.#tables.keys()];
  }

  /**
   * Takes in what began and what ended.
   *
   * @param options `again` when a lifecycle loop that began anew tells what its keeper has: what is
   *   known already is left as it is
   */
  add(
    facts: { started: readonly StartedFact[]; ended: readonly EndedFact[] },
    options: { again?: boolean } = {},
  ): void {
    for (const fact of facts.started) this.#begin(fact, options.again ?? false);
    const ended: { generation: number; row: LogRow }[] = [];
    for (const fact of facts.ended) {
      if (fact.began !== undefined) this.#begin(fact.began, true);
      const row = this.#tables.get(fact.generation)?.end(fact) ?? this.#endNoted(fact);
      if (row !== null && hasOutput(row)) ended.push({ generation: fact.generation, row });
    }
    this.#journal?.append(ended);
    if (options.again) this.#told = true;
    if (this.#rows > this.#limit) this.#evict();
    if (this.#journal?.isWasteful(this.#rows)) this.save();
    if (this.#watchers.size === 0) return;
    const touched = options.again
      ? null
      : new Set([...facts.started, ...facts.ended].map(({ generation }) => generation));
    for (const watcher of this.#watchers) watcher(touched);
  }

  /** The first attempt of a generation that began after this one; null for none. */
  after(generation: number, order: number): LogRow | null {
    return this.#tables.get(generation)?.after(order) ?? null;
  }

  /** The number of the attempt that began last; 0 for none. */
  last(generation: number): number {
    return this.#tables.get(generation)?.last ?? 0;
  }

  /** How many attempts of a generation run. */
  running(generation: number): number {
    return this.#tables.get(generation)?.running ?? 0;
  }

  /** One attempt by its number in start order, or null when it is not remembered. */
  row(generation: number, order: number): LogRow | null {
    return this.#tables.get(generation)?.row(order) ?? null;
  }

  /** Whether no later attempt at the same task is remembered. */
  isLatest(generation: number, row: LogRow): boolean {
    return this.#tables.get(generation)?.latest(row.index) === row.order;
  }

  /** Every attempt, in no particular order of generations. */
  *all(): Generator<LogRow> {
    for (const table of this.#tables.values()) yield* table.rows();
  }

  /** Attempts that run. */
  *allRunning(): Generator<LogRow> {
    for (const table of this.#tables.values()) {
      if (table.running > 0) yield* table.runningRows();
    }
  }

  /** Forgets whole generations of which nothing runs. @returns how many */
  forget(generations: readonly number[]): number {
    let count = 0;
    for (const generation of generations) {
      const table = this.#tables.get(generation);
      if (table === undefined || table.running > 0) continue;
      this.#rows -= table.size;
      this.#tables.delete(generation);
      this.#journal?.forget(generation);
      count++;
    }
    return count;
  }

  /**
   * Attempts that ran when an earlier worker process noted them, and that no keeper has: they ended
   * with their keeper, and what they wrote ends where their files end.
   */
  settleLost(sizeOf: (name: string) => number): void {
    for (const { generation, row } of this.#journal?.takeRunning() ?? []) {
      const table = this.#table(generation);
      if (table.row(row.order) !== null) continue;
      const end = (kind: "out" | "err") =>
        Math.max(row[kind].from, sizeOf(`${row.slot}.${row.rotation}.${kind}`));
      const lost: LogRow = {
        ...row,
        endMs: row.atMs,
        out: { from: row.out.from, to: end("out") },
        err: { from: row.err.from, to: end("err") },
      };
      if (!table.insert(lost)) continue;
      this.#rows++;
      this.#journal?.append([{ generation, row: lost }]);
    }
  }

  /** Notes what runs, for the case that its keeper is lost together with this process. */
  noteRunning(): void {
    if (this.#journal === null) return;
    for (const [generation, table] of this.#tables) {
      if (table.running === 0) continue;
      const rows = [...table.runningRows()];
      this.#journal.noteRunning(rows.map((row) => ({ generation, row })));
    }
  }

  /** Writes the whole journal anew, without what is forgotten. */
  save(): void {
    const rows: { generation: number; row: LogRow }[] = [];
    for (const [generation, table] of this.#tables) {
      for (const row of table.rows()) {
        if (row.endMs !== null && hasOutput(row)) rows.push({ generation, row });
      }
    }
    this.#journal?.rewrite(rows);
  }

  /** Calls `watcher` at each change. @returns what ends that */
  watch(watcher: LogWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #begin(fact: StartedFact, again: boolean): void {
    const table = this.#table(fact.generation);
    // A keeper of an earlier version does not number its starts.
    const order = fact.order ?? Math.max(this.#order, table.last) + 1;
    if (fact.order === undefined && again && table.knows(fact)) return;
    if (table.begin(fact, order)) this.#rows++;
    this.#order = Math.max(this.#order, order);
  }

  /** The end of an attempt that an earlier process noted as running, told for a lost keeper. */
  #endNoted(fact: EndedFact): LogRow | null {
    const noted = this.#journal?.takeNoted(fact) ?? null;
    if (noted === null) return null;
    const row: LogRow = {
      ...noted,
      endMs: fact.atMs,
      out: { from: noted.out.from, to: Math.max(noted.out.from, fact.outTo) },
      err: { from: noted.err.from, to: Math.max(noted.err.from, fact.errTo) },
    };
    if (!this.#table(fact.generation).insert(row)) return null;
    this.#rows++;
    return row;
  }

  #table(generation: number): LogTable {
    let table = this.#tables.get(generation);
    if (table === undefined) this.#tables.set(generation, table = new LogTable());
    return table;
  }

  /** Whole generations that ended, oldest first; then the oldest attempts of the largest one. */
  #evict(): void {
    for (const [generation, table] of this.#tables) {
      if (this.#rows <= this.#limit) return;
      if (table.running > 0 || this.#tables.size === 1) continue;
      this.forget([generation]);
    }
    while (this.#rows > this.#limit) {
      const largest = [...this.#tables.values()].reduce((a, b) => b.size > a.size ? b : a);
      this.#rows -= largest.dropOldest(Math.ceil(largest.size / 4));
    }
  }
}

function hasOutput({ out, err }: LogRow): boolean {
  return out.to !== out.from || err.to !== err.from;
}
