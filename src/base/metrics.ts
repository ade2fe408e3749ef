/**
 * What an isolate counts of itself. Each has one book of it, as it has one log: plain numbers, added
 * to where something happens and copied out when they are to be told. Main gathers what all isolates
 * of its process tell, and adds it up.
 *
 * Written here: the packages for it count one observation at a time, where ours come by the thousand
 * alike, and take longer to load than an isolate (docs/adr/0028-metrics-are-counted-in-ranges.md).
 */
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricName,
  metricOf,
  METRICS,
} from "./metric_table.ts";

/** So many different sets of labels a metric has at most; what comes beyond is counted as `other`. */
export const MAX_SERIES = 512;
const OTHER = "other";
/** Between the labels of a key: none has it. */
const SEPARATOR = "\u0001";

/** The values of one set of labels: one number, or a histogram's buckets (each alone) and its sum. */
export type Series = readonly [labels: readonly string[], values: readonly number[]];

/** What an isolate or a process counted. Plain data. */
export type Figures = readonly (readonly [name: MetricName, series: readonly Series[]])[];

/** Numbers by metric and labels. */
class Book {
  readonly #metrics = new Map<MetricName, Map<string, number[]>>();

  /** The numbers of one set of labels, made where there are none. */
  cells(name: MetricName, labels: readonly string[]): number[] {
    let series = this.#metrics.get(name);
    if (series === undefined) this.#metrics.set(name, series = new Map());
    const key = labels.length === 1 ? labels[0]! : labels.join(SEPARATOR);
    const known = series.get(key);
    if (known !== undefined) return known;
    if (series.size >= MAX_SERIES && labels.some((label) => label !== OTHER)) {
      return this.cells(name, labels.map(() => OTHER));
    }
    const made = emptyCells(name);
    series.set(key, made);
    return made;
  }

  forget(name: MetricName): void {
    this.#metrics.delete(name);
  }

  figures(): Figures {
    return [...this.#metrics].map(([name, series]) => [
      name,
      [...series].map(([key, cells]) => [labelsOf(name, key), [...cells]] as const),
    ]);
  }
}

function labelsOf(name: MetricName, key: string): string[] {
  return METRICS[name].labels.length === 0 ? [] : key.split(SEPARATOR);
}

function emptyCells(name: MetricName): number[] {
  const declared = metricOf(name);
  return new Array(declared.kind === "histogram" ? declared.upTo.length + 2 : 1).fill(0);
}

const book = new Book();

/** Adds to a counter; `labels` in the order of its declaration. */
export function countUp(name: CounterName, by: number, ...labels: readonly string[]): void {
  book.cells(name, labels)[0]! += by;
}

/** Says how much there is of something now. */
export function setGauge(name: GaugeName, value: number, ...labels: readonly string[]): void {
  book.cells(name, labels)[0] = value;
}

/** There is more or less of something than before. */
export function moveGauge(name: GaugeName, by: number, ...labels: readonly string[]): void {
  book.cells(name, labels)[0]! += by;
}

/** Takes back all that was said of a gauge, before it is said anew. */
export function clearGauge(name: GaugeName): void {
  book.forget(name);
}

/** Notes that something took so long (or was so large), `of.count` times. */
export function observe(
  name: HistogramName,
  value: number,
  of: { readonly count?: number; readonly labels?: readonly string[] } = {},
): void {
  const { count = 1, labels = [] } = of;
  const cells = book.cells(name, labels);
  const { upTo } = METRICS[name];
  let at = 0;
  while (at < upTo.length && value > upTo[at]!) at++;
  cells[at]! += count;
  cells[upTo.length + 1]! += value * count;
}

/** A copy of what this isolate counted. */
export function ownFigures(): Figures {
  return book.figures();
}

/** Adds up what several counted. */
export function addedUp(all: readonly Figures[]): Figures {
  const sum = new Book();
  for (const figures of all) {
    for (const [name, series] of figures) {
      // What a process of another version counts is nothing that is known here.
      if (!Object.hasOwn(METRICS, name)) continue;
      const { greatest } = metricOf(name);
      for (const [labels, values] of series) {
        const cells = sum.cells(name, labels);
        for (let i = 0; i < cells.length; i++) {
          const value = values[i] ?? 0;
          cells[i] = greatest ? Math.max(cells[i]!, value) : cells[i]! + value;
        }
      }
    }
  }
  return sum.figures();
}
