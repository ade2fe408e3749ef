/**
 * The cursor of a log reader as text: opaque to callers, checked when it comes back. It names
 * attempts by their order on the worker, which outlives the worker's processes; so does the cursor.
 * Pure.
 */
import { IrisError } from "../base/errors.ts";

/** An attempt that was visited and is not read to its end. */
export interface OpenRow {
  readonly order: number;
  /** How far its streams were read; one past the end when the end was said. */
  readonly out: number;
  readonly err: number;
}

/** Where a reader stands. */
export interface LogCursor {
  /** The last attempt that was visited: all before it were, too. */
  readonly last: number;
  /** Of attempts up to this one only the tail was asked for. */
  readonly cutoff: number;
  /** In ascending order. */
  readonly open: readonly OpenRow[];
}

/** The longest cursor taken, in characters. */
const MAX_CURSOR_CHARS = 1024 * 1024;
const NUMBER = "[0-9a-z]{1,11}";
const HEAD = new RegExp(`^2;(${NUMBER});(${NUMBER});`);
const ENTRY = new RegExp(`^(${NUMBER})(?:\\.(${NUMBER})\\.(${NUMBER}))?$`);

/** The text of a cursor: numbers in base 36, each order as the step from the one before it. */
export function formatCursor({ last, cutoff, open }: LogCursor): string {
  let before = 0;
  const rows = open.map(({ order, out, err }) => {
    const step = (order - before).toString(36);
    before = order;
    return out === 0 && err === 0 ? step : `${step}.${out.toString(36)}.${err.toString(36)}`;
  });
  return `2;${last.toString(36)};${cutoff.toString(36)};${rows.join(",")}`;
}

/**
 * The cursor of a text.
 *
 * @throws {IrisError} `invalid` when no reader made it
 */
export function parseCursor(text: string): LogCursor {
  const head = text.length > MAX_CURSOR_CHARS ? null : HEAD.exec(text);
  if (head === null) throw strange();
  const rest = text.slice(head[0].length);
  let order = 0;
  const open = rest === "" ? [] : rest.split(",").map((entry) => {
    const match = ENTRY.exec(entry);
    if (match === null) throw strange();
    order += numberOf(match[1]);
    if (!Number.isSafeInteger(order)) throw strange();
    return { order, out: numberOf(match[2]), err: numberOf(match[3]) };
  });
  return { last: numberOf(head[1]), cutoff: numberOf(head[2]), open };
}

function numberOf(text: string | undefined): number {
  const value = text === undefined ? 0 : parseInt(text, 36);
  if (!Number.isSafeInteger(value)) throw strange();
  return value;
}

function strange(): IrisError {
  return new IrisError("invalid", "cursor is not one that a worker gave", { field: "cursor" });
}
