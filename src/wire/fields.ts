/** Schemas of single fields, whose messages say what is allowed and what was given. */
import * as v from "valibot";
import { plainLine } from "../base/errors.ts";

/** The longest value in a message, in characters. */
const MAX_SHOWN_CHARS = 80;

/** A value for an error message: one line, and never a long one. */
export function show(value: unknown): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
  return plainLine(text, MAX_SHOWN_CHARS);
}

/** `must be WHAT: it is VALUE`. */
export function must(what: string): (issue: v.BaseIssue<unknown>) => string {
  return (issue) => `must be ${what}: it is ${show(issue.input)}`;
}

/** A whole number of a range. */
export function whole(min: number, max: number) {
  const message = must(`a whole number from ${min} to ${max}`);
  return v.pipe(
    v.number(message),
    v.check((n) => Number.isSafeInteger(n) && n >= min && n <= max, message),
  );
}

/** A text that C can hold. */
export function text(what: string) {
  return v.pipe(
    v.string(must(what)),
    v.check((value) => !value.includes("\0"), "must not contain a NUL character"),
    v.check((value) => value.isWellFormed(), "must be whole Unicode: half a character is in it"),
  );
}
