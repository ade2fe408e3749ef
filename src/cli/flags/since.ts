/** Points in time as people type them: so long ago, or a date with its time. Pure. */
import { IrisError } from "../../base/errors.ts";
import { parseTime } from "../../wire/time.ts";
import { type Parse, parseDuration } from "./quantities.ts";

/** A time ago, or a point in time. */
export type Since = { readonly agoMs: number } | { readonly atMs: number };

/** `10m` or `2026-01-31T12:00:00Z`. */
export const parseSince: Parse<Since> = (text, flag) => {
  if (/^[\d.]+(ms|s|m|h|d)$/.test(text)) return { agoMs: parseDuration(text, flag) };
  const atMs = parseTime(text);
  if (atMs !== null && !/^\d+$/.test(text)) return { atMs };
  const message = `Invalid ${flag}: "${text}" is not a duration or a time ` +
    "(examples: 10m, 2026-01-31T12:00:00Z)";
  throw new IrisError("usage", message, { field: flag });
};

/** That point in time, in wall ms. */
export function sinceTime(since: Since, nowMs: number): number {
  return Math.floor("atMs" in since ? since.atMs : Math.max(0, nowMs - since.agoMs));
}
