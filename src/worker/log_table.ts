/**
 * The attempts of one job generation on one worker, in the order in which they began. Columns of
 * numbers, since a worker runs many thousands of attempts. Pure data.
 */
import type { EndedFact, StartedFact } from "./keeper_link.ts";

/** Where one attempt's output lies. */
export interface LogRow {
  /** Grows from one start on a worker to the next. */
  readonly order: number;
  readonly index: number;
  readonly attempt: number;
  readonly slot: number;
  readonly rotation: number;
  /** When it began, and when it ended: null while it runs. Wall ms. */
  readonly atMs: number;
  readonly endMs: number | null;
  /** Byte ranges in the slot's files; an end is null while the attempt runs. */
  readonly out: { readonly from: number; readonly to: number | null };
  readonly err: { readonly from: number; readonly to: number | null };
}

const COLUMNS = 11;
const NOT_YET = -1;

/** See the head of this file. */
export class LogTable {
  #cells = new Float64Array(COLUMNS * 16);
  #size = 0;
  /** The order of each attempt that runs, by `index.attempt`. */
  readonly #running = new Map<string, number>();
  /** The order of the latest attempt at each task; made when it is asked for. */
  #latest: Map<number, number> | null = null;

  get size(): number {
    return this.#size;
  }

  /** How many run. */
  get running(): number {
    return this.#running.size;
  }

  /** The order of the attempt that began last; 0 for none. */
  get last(): number {
    return this.#size === 0 ? 0 : this.#cells[(this.#size - 1) * COLUMNS]!;
  }

  /** Whether an attempt is here, however it is numbered. */
  knows(key: { readonly index: number; readonly attempt: number }): boolean {
    for (let at = 0; at < this.#size * COLUMNS; at += COLUMNS) {
      if (this.#cells[at + 1] === key.index && this.#cells[at + 2] === key.attempt) return true;
    }
    return false;
  }

  /** An attempt began. @returns false when it is known already */
  begin(fact: StartedFact, order: number): boolean {
    const key = keyOf(fact);
    if (this.#running.has(key)) return false;
    const { index, attempt, slot, rotation, atMs } = fact;
    const out = { from: fact.outFrom, to: null };
    const err = { from: fact.errFrom, to: null };
    if (!this.insert({ order, index, attempt, slot, rotation, atMs, endMs: null, out, err })) {
      return false;
    }
    this.#running.set(key, order);
    return true;
  }

  /** Puts a row in its place. @returns false when it is here already */
  insert(row: LogRow): boolean {
    const place = this.#place(row.order);
    if (place < this.#size && this.#cells[place * COLUMNS] === row.order) return false;
    if ((this.#size + 1) * COLUMNS > this.#cells.length) {
      const larger = new Float64Array(this.#cells.length * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    const at = place * COLUMNS;
    this.#cells.copyWithin(at + COLUMNS, at, this.#size * COLUMNS);
    const { order, index, attempt, slot, rotation, atMs, endMs, out, err } = row;
    this.#cells.set([order, index, attempt, slot, rotation, atMs, endMs ?? NOT_YET], at);
    this.#cells.set([out.from, out.to ?? NOT_YET, err.from, err.to ?? NOT_YET], at + 7);
    this.#size++;
    this.#latest = null;
    return true;
  }

  /** An attempt ended. @returns its row, or null when it did not run */
  end(fact: EndedFact): LogRow | null {
    const key = keyOf(fact);
    const order = this.#running.get(key);
    if (order === undefined) return null;
    this.#running.delete(key);
    const place = this.#place(order);
    const at = place * COLUMNS;
    if (place >= this.#size || this.#cells[at] !== order) return null;
    this.#cells[at + 6] = fact.atMs;
    this.#cells[at + 8] = fact.outTo;
    this.#cells[at + 10] = fact.errTo;
    return this.#row(place);
  }

  /** One row by its order, or null. */
  row(order: number): LogRow | null {
    const place = this.#place(order);
    return place < this.#size && this.#cells[place * COLUMNS] === order ? this.#row(place) : null;
  }

  /** The first row with a larger order, or null. */
  after(order: number): LogRow | null {
    let place = this.#place(order);
    if (place < this.#size && this.#cells[place * COLUMNS] === order) place++;
    return place < this.#size ? this.#row(place) : null;
  }

  /** The order of the latest attempt at a task. */
  latest(index: number): number | undefined {
    if (this.#latest === null) {
      this.#latest = new Map();
      for (let at = 0; at < this.#size * COLUMNS; at += COLUMNS) {
        this.#latest.set(this.#cells[at + 1]!, this.#cells[at]!);
      }
    }
    return this.#latest.get(index);
  }

  *rows(): Generator<LogRow> {
    for (let place = 0; place < this.#size; place++) yield this.#row(place);
  }

  *runningRows(): Generator<LogRow> {
    for (const order of this.#running.values()) {
      const row = this.row(order);
      if (row !== null) yield row;
    }
  }

  /** Forgets the oldest rows. @returns how many */
  dropOldest(count: number): number {
    const dropped = Math.min(count, this.#size);
    this.#cells.copyWithin(0, dropped * COLUMNS, this.#size * COLUMNS);
    this.#size -= dropped;
    this.#latest = null;
    return dropped;
  }

  /** The place of the first row whose order is not smaller. */
  #place(order: number): number {
    let low = 0;
    let high = this.#size;
    if (high > 0 && this.#cells[(high - 1) * COLUMNS]! < order) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cells[middle * COLUMNS]! < order) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #row(place: number): LogRow {
    const at = place * COLUMNS;
    const cell = (column: number) => this.#cells[at + column]!;
    const orNull = (column: number) => cell(column) === NOT_YET ? null : cell(column);
    return {
      order: cell(0),
      index: cell(1),
      attempt: cell(2),
      slot: cell(3),
      rotation: cell(4),
      atMs: cell(5),
      endMs: orNull(6),
      out: { from: cell(7), to: orNull(8) },
      err: { from: cell(9), to: orNull(10) },
    };
  }
}

function keyOf(fact: { readonly index: number; readonly attempt: number }): string {
  return `${fact.index}.${fact.attempt}`;
}
