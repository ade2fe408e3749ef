/** Errors of the outside world: a class with a stable `code` and the `cause` it came from. */

/** The codes an Iris error can carry; `src/wire/error_table.ts` maps each to HTTP and exit codes. */
export type ErrorCode =
  | "usage"
  | "invalid"
  | "not_found"
  | "conflict"
  | "unauthorized"
  | "forbidden"
  | "closing"
  | "incompatible"
  | "too_large"
  | "too_many"
  | "unavailable"
  | "timeout"
  | "launch"
  | "state_dir"
  | "port_in_use"
  | "database"
  | "storage_full"
  | "quota"
  | "gone"
  | "job_failed"
  | "task_failed"
  | "internal";

/** What the world did: expected, reported in one line, never a stack trace for the user. */
export class IrisError extends Error {
  override name = "IrisError";
  /** Stable and machine-readable. */
  readonly code: ErrorCode;
  /** The input field the error is about, when there is one, for instance `replicas`. */
  readonly field: string | undefined;

  /**
   * @param code what kind of failure it is
   * @param message one line for a person
   */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; field?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
  }
}

/** The longest text from outside that is repeated in a message, in characters. */
const MAX_SHOWN_CHARS = 500;

/**
 * What somebody else wrote, fit for a line of a message or of a terminal: control characters and
 * what turns the direction of writing stand as escapes, and what is too long is cut.
 *
 * @param text as it came
 * @param maxChars the longest text that is given back
 */
export function plainLine(text: string, maxChars = MAX_SHOWN_CHARS): string {
  const cut = text.length <= maxChars ? text : `${text.slice(0, maxChars - 3)}...`;
  return cut.replaceAll(
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** One line for a person, whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
