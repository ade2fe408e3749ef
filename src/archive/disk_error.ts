/** What the disk said, as an error of ours. */
import { IrisError, messageOf } from "../base/errors.ts";

/** True when there is no room, or no more of it for this user. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}

/**
 * One line about a write that failed.
 *
 * @param what could not be written
 */
export function diskError(what: string, error: unknown): IrisError {
  if (error instanceof IrisError) return error;
  if (isDiskFull(error)) {
    return new IrisError("storage_full", `${what} could not be written: the disk is full`, {
      cause: error,
    });
  }
  return new IrisError("unavailable", `${what} could not be written: ${messageOf(error)}`, {
    cause: error,
  });
}
