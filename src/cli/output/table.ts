/** Tables and durations for the terminal. Pure. */
import { unicodeWidth } from "@std/cli/unicode-width";

/** A column is not cut below this; one that holds less stays as it is. */
const MIN_WIDTH = 10;
const GAP = "  ";
const ELLIPSIS = "…";

/** How a table is made to fit. */
export interface TableOptions {
  /** Columns of the terminal; any number when left out. */
  readonly columns?: number | undefined;
  /** Headers of what may be left out where there is no room, the least important first. */
  readonly drop?: readonly string[];
  /** Whether states are coloured. */
  readonly color?: boolean | undefined;
}

/**
 * Rows under a header, columns two spaces apart, the last one unpadded. No line is longer than the
 * terminal: long cells are cut first, then columns are left out, then all are cut.
 *
 * @param rows cells; all rows as long as the header
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const all = [header, ...rows];
  const natural = header.map((_, column) =>
    Math.max(...all.map((row) => unicodeWidth(row[column] ?? "")))
  );
  const kept = fittingColumns(header, natural, options);
  const widths = fit(kept.map((column) => natural[column]!), options.columns ?? Infinity);
  const state = kept.findIndex((column) => header[column] === "STATE");
  const line = (cells: readonly string[], isHeader = false) =>
    kept.map((column, at) => {
      const cell = cut(cells[column] ?? "", widths[at]!);
      const padding = at === kept.length - 1 ? 0 : widths[at]! - unicodeWidth(cell);
      const painted = at === state && !isHeader && options.color ? paintState(cell) : cell;
      return painted + " ".repeat(padding);
    }).join(GAP).trimEnd();
  return [line(header, true), ...rows.map((row) => line(row))].join("\n");
}

/** Which columns are shown: one after the other is left out until the rest fits when it is cut. */
function fittingColumns(
  header: readonly string[],
  natural: readonly number[],
  { columns = Infinity, drop = [] }: TableOptions,
): number[] {
  let kept = header.map((_, column) => column);
  const least = () =>
    kept.reduce((sum, column) => sum + Math.min(natural[column]!, MIN_WIDTH), 0) +
    GAP.length * (kept.length - 1);
  for (const name of drop) {
    if (least() <= columns) break;
    kept = kept.filter((column) => header[column] !== name);
  }
  return kept;
}

/** The widest columns give way, evenly, until all of them fit. */
function fit(natural: readonly number[], columns: number): number[] {
  const room = columns - GAP.length * (natural.length - 1);
  const widths = [...natural];
  for (let over = sum(widths) - room; over > 0; over = sum(widths) - room) {
    const most = Math.max(...widths);
    if (most <= 1) break;
    const widest = widths.flatMap((width, at) => width === most ? [at] : []);
    const next = Math.max(1, ...widths.filter((width) => width < most));
    const each = Math.min(most - next || 1, Math.ceil(over / widest.length));
    for (const at of widest) widths[at] = most - each;
  }
  return widths;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

/** A text in at most so many columns, with `…` where something is missing. */
export function cut(text: string, columns: number): string {
  if (unicodeWidth(text) <= columns) return text;
  let kept = "";
  for (const letter of text) {
    if (unicodeWidth(kept + letter) > columns - 1) break;
    kept += letter;
  }
  return columns < 1 ? "" : kept + ELLIPSIS;
}

const COLORS = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

/** A text in a colour. */
export function paint(text: string, color: keyof typeof COLORS): string {
  return text === "" ? "" : `\x1b[${COLORS[color]}m${text}\x1b[0m`;
}

const STATE_COLORS: Readonly<Record<string, keyof typeof COLORS>> = {
  succeeded: "green",
  alive: "green",
  ready: "green",
  running: "cyan",
  building: "cyan",
  pending: "yellow",
  assigned: "yellow",
  preempted: "yellow",
  suspect: "yellow",
  stopping: "yellow",
  drained: "yellow",
  unwell: "yellow",
  "set aside": "yellow",
  failed: "red",
  killed: "red",
  worker_failed: "red",
  unschedulable: "red",
  cosched_failed: "red",
  lost: "red",
  refused: "red",
  unhealthy: "red",
  requested: "yellow",
  booting: "yellow",
  initializing: "yellow",
  terminated: "dim",
};

/** The state of something in the colour it has everywhere; what is in brackets does not matter. */
export function paintState(state: string): string {
  const color = STATE_COLORS[state.toLowerCase().replace(/ \(.*/, "").trim()];
  return color === undefined ? state : paint(state, color);
}

/** A duration for people: `340 ms`, `12.3 s`, `5 m 3 s`, `3 h 5 m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} m ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}
