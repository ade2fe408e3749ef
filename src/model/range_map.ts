/**
 * A map from whole numbers to a figure, kept as ranges of equal figures: which tasks run, and since
 * when. Pure data.
 */
import { invariant } from "../base/assert.ts";

/** Numbers from `from` (included) to `to` (excluded) that share a value. */
export type ValueRange = readonly [from: number, to: number, value: number];

/** Ranges of whole numbers with a value each. Neighbours with the same value are not joined. */
export class RangeMap {
  /** Disjoint and ascending: from, to, value, from, to, value, … */
  readonly #cells: number[] = [];
  #size = 0;

  /**
   * The map that {@linkcode toCells} described.
   *
   * @throws {AssertionFailure} when these are no such cells
   */
  static fromCells(cells: Iterable<number>): RangeMap {
    const list = [...cells];
    invariant(list.length % 3 === 0, "The cells of a range map come in threes");
    const map = new RangeMap();
    for (let i = 0; i < list.length; i += 3) map.set([list[i]!, list[i + 1]!, list[i + 2]!]);
    return map;
  }

  /** How many numbers have a value. */
  get size(): number {
    return this.#size;
  }

  /** Of how many ranges it consists. */
  get ranges(): number {
    return this.#cells.length / 3;
  }

  /** Whether a number has a value. */
  has(n: number): boolean {
    const at = this.#endingAfter(n);
    return at < this.#cells.length && this.#cells[at]! <= n;
  }

  /**
   * Gives a range a value; none of it may have one.
   *
   * @throws {AssertionFailure} when some of it has a value already, or the range is empty
   */
  set([from, to, value]: ValueRange): void {
    invariant(from < to, `A range must not be empty: ${from} to ${to}`);
    const cells = this.#cells;
    const at = this.#endingAfter(from);
    invariant(at >= cells.length || cells[at]! >= to, `Some of ${from} to ${to} has a value`);
    if (at === cells.length) cells.push(from, to, value);
    else cells.splice(at, 0, from, to, value);
    this.#size += to - from;
  }

  /** Takes the values of a range away. @returns the parts that had one, in order */
  remove(from: number, to: number): ValueRange[] {
    const removed: ValueRange[] = [];
    if (from >= to) return removed;
    const cells = this.#cells;
    const first = this.#endingAfter(from);
    let after = first;
    const rest: number[] = [];
    for (; after < cells.length && cells[after]! < to; after += 3) {
      const [a, b, value] = [cells[after]!, cells[after + 1]!, cells[after + 2]!];
      removed.push([Math.max(a, from), Math.min(b, to), value]);
      if (a < from) rest.push(a, from, value);
      if (b > to) rest.push(to, b, value);
    }
    if (after > first) cells.splice(first, after - first, ...rest);
    for (const [a, b] of removed) this.#size -= b - a;
    return removed;
  }

  /** Empties it. @returns what it held, in order */
  clear(): ValueRange[] {
    const all = [...this];
    this.#cells.length = 0;
    this.#size = 0;
    return all;
  }

  /** Its ranges with their values, in order. */
  *[Symbol.iterator](): IterableIterator<ValueRange> {
    const cells = this.#cells;
    for (let i = 0; i < cells.length; i += 3) yield [cells[i]!, cells[i + 1]!, cells[i + 2]!];
  }

  /** A copy of its cells: from, to, value, from, to, value, … */
  toCells(): readonly number[] {
    return this.#cells.slice();
  }

  /** Position of the first cell that ends after `n` (binary search). */
  #endingAfter(n: number): number {
    const cells = this.#cells;
    let low = 0;
    let high = cells.length / 3;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cells[middle * 3 + 1]! > n) high = middle;
      else low = middle + 1;
    }
    return low * 3;
  }
}
