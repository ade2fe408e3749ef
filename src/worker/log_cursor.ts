/** The cursor of a log reader as text: opaque to callers, checked when it comes back. Pure. */
import { IrisError } from "../base/errors.ts";

/** An attempt that was visited and is not read to its end. */
export interface OpenRow {
  /** Its number in start order. */
  readonly number: number;
  readonly index: number;
  readonly attempt: number;
  /** Positions in the slot files; one past the end when the end was said. */
  readonly out: number;
  readonly err: number;
}

/** Where a reader stands. */
export interface LogCursor {
  /** The worker process whose numbers these are. */
  readonly instance: string;
  /** The first attempt that was not visited. */
  readonly next: number;
  /** When the latest visited attempt began: how another process finds the place. */
  readonly lastAtMs: number;
  readonly open: readonly OpenRow[];
}

/** The longest cursor taken, in characters. */
const MAX_CURSOR_CHARS = 1024 * 1024;
const CURSOR = /^1;([\w-]{1,64});(\d{1,15});(\d{1,15});((?:\d{1,15}(?:\.\d{1,15}){4}(?:,|$))*)$/;

/** The text of a cursor. */
export function formatCursor(cursor: LogCursor): string {
  const open = cursor.open
    .map((row) => `${row.number}.${row.index}.${row.attempt}.${row.out}.${row.err}`)
    .join(",");
  return `1;${cursor.instance};${cursor.next};${Math.trunc(cursor.lastAtMs)};${open}`;
}

/**
 * The cursor of a text.
 *
 * @throws {IrisError} `invalid` when no reader made it
 */
export function parseCursor(text: string): LogCursor {
  const match = text.length > MAX_CURSOR_CHARS ? null : CURSOR.exec(text);
  if (match === null) {
    throw new IrisError("invalid", "cursor is not one that a worker gave", { field: "cursor" });
  }
  const rows = match[4] === "" ? [] : match[4]!.split(",");
  return {
    instance: match[1]!,
    next: Number(match[2]),
    lastAtMs: Number(match[3]),
    open: rows.map((row) => {
      const [number, index, attempt, out, err] = row.split(".").map(Number);
      return { number: number!, index: index!, attempt: attempt!, out: out!, err: err! };
    }),
  };
}
