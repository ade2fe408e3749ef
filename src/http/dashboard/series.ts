/**
 * Numbers over time that were seen while somebody looked: so that a chart has a past when it is opened
 * again. Bounded. Owned by the application of one server.
 */

/** Points of one series. */
const MAX_POINTS = 300;
/** Things of which there is a past; the one that was seen longest ago goes first. */
const MAX_KEYS = 500;
/** Points that are further apart than so many steps are not joined. */
const HOLE = 6;
/** A past with a hole of so long is another one, in ms. */
const MAX_GAP_MS = 60_000;

/** One moment: wall ms, then a value for each line. */
export type Point = readonly [atMs: number, ...values: (number | null)[]];

/** See the head of this file. */
export class Series {
  readonly #points = new Map<string, Point[]>();

  /**
   * Adds what is known now, and says all that is known.
   *
   * @param everyMs what comes sooner after the last point is left out
   */
  add(key: string, point: Point, everyMs: number): readonly Point[] {
    const before = this.#points.get(key) ?? [];
    this.#points.delete(key);
    const last = before.at(-1)?.[0] ?? -Infinity;
    const points = point[0] - last > MAX_GAP_MS ? [] : before;
    // Where nobody looked the line has a hole.
    if (points.length > 0 && point[0] - last > HOLE * everyMs) points.push([last + 1]);
    if (points.length === 0 || point[0] - last >= everyMs) points.push(point);
    while (points.length > MAX_POINTS) points.shift();
    for (const oldest of this.#points.keys()) {
      if (this.#points.size < MAX_KEYS) break;
      this.#points.delete(oldest);
    }
    this.#points.set(key, points);
    return points;
  }
}

/** Points as columns, time in seconds first: what charts take. One point alone gets a past of nothing. */
export function columnsOf(points: readonly Point[], lines: number): (number | null)[][] {
  const first = points[0]?.[0] ?? 0;
  const all: readonly Point[] = points.length > 1 ? points : [[first - MAX_GAP_MS], ...points];
  return Array.from({ length: lines + 1 }, (_, at) => {
    return all.map((point) => at === 0 ? Math.round(point[0]) / 1_000 : point[at] ?? null);
  });
}
