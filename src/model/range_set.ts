/**
 * A set of whole numbers kept as ranges: a million alike tasks are two numbers. Pure data; the
 * reactor keeps what is pending, assigned and running in these.
 */
import { invariant } from "../base/assert.ts";

/** Numbers from `from` (included) to `to` (excluded). */
export type Range = readonly [from: number, to: number];

/** A set of whole numbers, none negative. Cost grows with the number of ranges, not of members. */
export class RangeSet {
  /** Disjoint, ascending, never touching: from, to, from, to, … */
  #bounds: number[];
  #size = 0;

  private constructor(bounds: number[]) {
    this.#bounds = bounds;
    for (let i = 0; i < bounds.length; i += 2) this.#size += bounds[i + 1]! - bounds[i]!;
  }

  /** An empty set. */
  static empty(): RangeSet {
    return new RangeSet([]);
  }

  /** The numbers from `from` (included) to `to` (excluded). */
  static of(from: number, to: number): RangeSet {
    const set = RangeSet.empty();
    set.add(from, to);
    return set;
  }

  /**
   * The set that {@linkcode toBounds} described.
   *
   * @throws {AssertionFailure} when these are no such bounds
   */
  static fromBounds(bounds: Iterable<number>): RangeSet {
    const list = [...bounds];
    invariant(list.length % 2 === 0, "The bounds of a range set come in pairs");
    for (let i = 0; i < list.length; i++) {
      const below = i === 0 ? -1 : list[i - 1]!;
      invariant(Number.isSafeInteger(list[i]) && list[i]! > below, "Bounds of a range set ascend");
    }
    return new RangeSet(list);
  }

  /** How many numbers it holds. */
  get size(): number {
    return this.#size;
  }

  /** Of how many ranges it consists. */
  get ranges(): number {
    return this.#bounds.length / 2;
  }

  /** The least member, or undefined when it is empty. */
  get first(): number | undefined {
    return this.#bounds[0];
  }

  /** Whether a number is a member. */
  has(n: number): boolean {
    const at = this.#endingAfter(n);
    return at < this.#bounds.length && this.#bounds[at]! <= n;
  }

  /** Adds a range. @returns how many of it were no members before */
  add(from: number, to: number): number {
    if (from >= to) return 0;
    const bounds = this.#bounds;
    // Ranges that touch are joined, so one that ends at `from` counts as met.
    const first = this.#endingAfter(from - 1);
    let after = first;
    let held = 0;
    let low = from;
    let high = to;
    for (; after < bounds.length && bounds[after]! <= to; after += 2) {
      const [a, b] = [bounds[after]!, bounds[after + 1]!];
      held += Math.max(0, Math.min(b, to) - Math.max(a, from));
      low = Math.min(low, a);
      high = Math.max(high, b);
    }
    if (after === first + 2) {
      bounds[first] = low;
      bounds[first + 1] = high;
    } else {
      bounds.splice(first, after - first, low, high);
    }
    const added = to - from - held;
    this.#size += added;
    return added;
  }

  /** The parts of a range that are members, in order. */
  within(from: number, to: number): Range[] {
    const found: Range[] = [];
    const bounds = this.#bounds;
    for (let i = this.#endingAfter(from); i < bounds.length && bounds[i]! < to; i += 2) {
      found.push([Math.max(bounds[i]!, from), Math.min(bounds[i + 1]!, to)]);
    }
    return found;
  }

  /** Takes a range out. @returns the parts that were members, in order */
  remove(from: number, to: number): Range[] {
    const removed: Range[] = [];
    if (from >= to) return removed;
    const bounds = this.#bounds;
    const first = this.#endingAfter(from);
    let after = first;
    const rest: number[] = [];
    for (; after < bounds.length && bounds[after]! < to; after += 2) {
      const [a, b] = [bounds[after]!, bounds[after + 1]!];
      removed.push([Math.max(a, from), Math.min(b, to)]);
      if (a < from) rest.push(a, from);
      if (b > to) rest.push(to, b);
    }
    if (after > first) bounds.splice(first, after - first, ...rest);
    for (const [a, b] of removed) this.#size -= b - a;
    return removed;
  }

  /** Takes the least `count` members out. @returns them as ranges, in order */
  take(count: number): Range[] {
    const taken: Range[] = [];
    const bounds = this.#bounds;
    let left = count;
    let at = 0;
    while (left > 0 && at < bounds.length) {
      const [a, b] = [bounds[at]!, bounds[at + 1]!];
      const n = Math.min(left, b - a);
      taken.push([a, a + n]);
      left -= n;
      if (a + n < b) {
        bounds[at] = a + n;
        break;
      }
      at += 2;
    }
    bounds.splice(0, at);
    this.#size -= count - left;
    return taken;
  }

  /** Takes the greatest `count` members out. @returns them as ranges, in order */
  takeLast(count: number): Range[] {
    const taken: Range[] = [];
    const bounds = this.#bounds;
    let left = count;
    while (left > 0 && bounds.length > 0) {
      const [a, b] = [bounds.at(-2)!, bounds.at(-1)!];
      const n = Math.min(left, b - a);
      taken.push([b - n, b]);
      left -= n;
      if (n < b - a) bounds[bounds.length - 1] = b - n;
      else bounds.length -= 2;
    }
    this.#size -= count - left;
    return taken.reverse();
  }

  /** Empties it. @returns what it held, as ranges, in order */
  clear(): Range[] {
    const all = [...this];
    this.#bounds = [];
    this.#size = 0;
    return all;
  }

  /** Its ranges, in order. */
  *[Symbol.iterator](): IterableIterator<Range> {
    const bounds = this.#bounds;
    for (let i = 0; i < bounds.length; i += 2) yield [bounds[i]!, bounds[i + 1]!];
  }

  /** Its bounds: from, to, from, to, … */
  toBounds(): readonly number[] {
    return this.#bounds.slice();
  }

  /** Position of the first range that ends after `n` (binary search). */
  #endingAfter(n: number): number {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bounds[middle * 2 + 1]! > n) high = middle;
      else low = middle + 1;
    }
    return low * 2;
  }
}
