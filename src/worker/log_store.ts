/**
 * Where the output of each attempt lies: which slot file, from which byte to which. Fed with the
 * keeper's facts, owned by the worker's server isolate, bounded. Columns of numbers, since a worker
 * runs many thousands of attempts.
 */
import type { EndedFact, StartedFact } from "./keeper_link.ts";

/** Attempts remembered at most; the oldest generations whose attempts all ended go first. */
export const MAX_LOG_ROWS = 500_000;

/** Where one attempt's output lies. */
export interface LogRow {
  readonly index: number;
  readonly attempt: number;
  readonly slot: number;
  readonly rotation: number;
  readonly atMs: number;
  /** Byte ranges in the slot's files; an end is null while the attempt runs. */
  readonly out: { readonly from: number; readonly to: number | null };
  readonly err: { readonly from: number; readonly to: number | null };
}

const COLUMNS = 9;
const RUNNING = -1;

/** The attempts of one job generation, in the order in which they began, numbered from 0. */
class Table {
  #cells = new Float64Array(COLUMNS * 16);
  /** The number of the first row that is still here, and of the first that is not yet. */
  #first = 0;
  #next = 0;
  /** Row number by `index.attempt`, of attempts that run. */
  readonly running = new Map<string, number>();

  get size(): number {
    return this.#next - this.#first;
  }

  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#next;
  }

  begin(fact: StartedFact): boolean {
    const key = keyOf(fact);
    if (this.running.has(key)) return false;
    const at = this.size * COLUMNS;
    if (at === this.#cells.length) {
      const larger = new Float64Array(this.#cells.length * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    this.#cells[at] = fact.index;
    this.#cells[at + 1] = fact.attempt;
    this.#cells[at + 2] = fact.slot;
    this.#cells[at + 3] = fact.rotation;
    this.#cells[at + 4] = fact.outFrom;
    this.#cells[at + 5] = RUNNING;
    this.#cells[at + 6] = fact.errFrom;
    this.#cells[at + 7] = RUNNING;
    this.#cells[at + 8] = fact.atMs;
    this.running.set(key, this.#next++);
    return true;
  }

  end(fact: EndedFact): void {
    const key = keyOf(fact);
    const row = this.running.get(key);
    if (row === undefined) return;
    this.running.delete(key);
    const at = (row - this.#first) * COLUMNS;
    if (at < 0) return;
    this.#cells[at + 5] = fact.outTo;
    this.#cells[at + 7] = fact.errTo;
  }

  row(number: number): LogRow {
    const at = (number - this.#first) * COLUMNS;
    const cell = (column: number) => this.#cells[at + column]!;
    const end = (column: number) => cell(column) === RUNNING ? null : cell(column);
    return {
      index: cell(0),
      attempt: cell(1),
      slot: cell(2),
      rotation: cell(3),
      atMs: cell(8),
      out: { from: cell(4), to: end(5) },
      err: { from: cell(6), to: end(7) },
    };
  }

  /** Every attempt that is here, as `index.attempt`. */
  keys(): Set<string> {
    const keys = new Set<string>();
    for (let at = 0; at < this.size * COLUMNS; at += COLUMNS) {
      keys.add(`${this.#cells[at]}.${this.#cells[at + 1]}`);
    }
    return keys;
  }

  /** Forgets the oldest rows. @returns how many */
  dropOldest(count: number): number {
    const dropped = Math.min(count, this.size);
    this.#cells.copyWithin(0, dropped * COLUMNS, this.size * COLUMNS);
    this.#first += dropped;
    return dropped;
  }
}

function keyOf(fact: { readonly index: number; readonly attempt: number }): string {
  return `${fact.index}.${fact.attempt}`;
}

/** The index over all slot files of one worker. */
export class LogStore {
  readonly #tables = new Map<number, Table>();
  readonly #limit: number;
  readonly #watchers = new Set<() => void>();
  #rows = 0;

  /** @param limit attempts remembered at most */
  constructor(limit: number = MAX_LOG_ROWS) {
    this.#limit = limit;
  }

  /** How many attempts it remembers. */
  get size(): number {
    return this.#rows;
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
    const known = new Map<number, Set<string>>();
    for (const fact of facts.started) {
      const table = this.#table(fact.generation);
      if (options.again) {
        let keys = known.get(fact.generation);
        if (keys === undefined) known.set(fact.generation, keys = table.keys());
        if (keys.has(keyOf(fact))) continue;
      }
      if (table.begin(fact)) this.#rows++;
    }
    for (const fact of facts.ended) this.#tables.get(fact.generation)?.end(fact);
    if (this.#rows > this.#limit) this.#evict();
    for (const watcher of this.#watchers) watcher();
  }

  /** The numbers of a generation's attempts that are remembered: from `first` up to `next`. */
  span(generation: number): { readonly first: number; readonly next: number } {
    const table = this.#tables.get(generation);
    return { first: table?.first ?? 0, next: table?.next ?? 0 };
  }

  /** How many attempts of a generation run. */
  running(generation: number): number {
    return this.#tables.get(generation)?.running.size ?? 0;
  }

  /** One attempt by its number in start order, or null when it is not remembered. */
  row(generation: number, number: number): LogRow | null {
    const table = this.#tables.get(generation);
    if (table === undefined || number < table.first || number >= table.next) return null;
    return table.row(number);
  }

  /** Calls `watcher` at each change. @returns what ends that */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #table(generation: number): Table {
    let table = this.#tables.get(generation);
    if (table === undefined) this.#tables.set(generation, table = new Table());
    return table;
  }

  /** Whole generations that ended, oldest first; then the oldest attempts of the largest one. */
  #evict(): void {
    for (const [generation, table] of this.#tables) {
      if (this.#rows <= this.#limit) return;
      if (table.running.size > 0 || this.#tables.size === 1) continue;
      this.#rows -= table.size;
      this.#tables.delete(generation);
    }
    while (this.#rows > this.#limit) {
      const largest = [...this.#tables.values()].reduce((a, b) => b.size > a.size ? b : a);
      this.#rows -= largest.dropOldest(Math.ceil(largest.size / 4));
    }
  }
}
