/** Schemas of single fields, whose messages say what is allowed and what was given. */
import * as v from "valibot";

/** A value for an error message: one line, and never a long one. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
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
  );
}
