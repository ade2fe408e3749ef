/** The one table of errors: code, HTTP status, exit code of a command. */
import type { ErrorCode } from "../base/errors.ts";

/** How an error shows outside. */
export interface ErrorRow {
  readonly httpStatus: number;
  /** 2 is a mistake in the input; 1 everything else. */
  readonly exitCode: number;
}

/** Every code there is. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  usage: { httpStatus: 400, exitCode: 2 },
  invalid: { httpStatus: 400, exitCode: 2 },
  too_large: { httpStatus: 413, exitCode: 2 },
  too_many: { httpStatus: 429, exitCode: 1 },
  unauthorized: { httpStatus: 401, exitCode: 1 },
  forbidden: { httpStatus: 403, exitCode: 1 },
  not_found: { httpStatus: 404, exitCode: 1 },
  conflict: { httpStatus: 409, exitCode: 1 },
  incompatible: { httpStatus: 426, exitCode: 1 },
  closing: { httpStatus: 503, exitCode: 1 },
  unavailable: { httpStatus: 503, exitCode: 1 },
  timeout: { httpStatus: 504, exitCode: 1 },
  launch: { httpStatus: 500, exitCode: 1 },
  state_dir: { httpStatus: 500, exitCode: 1 },
  port_in_use: { httpStatus: 500, exitCode: 1 },
  database: { httpStatus: 500, exitCode: 1 },
  gone: { httpStatus: 410, exitCode: 1 },
  job_failed: { httpStatus: 409, exitCode: 1 },
  task_failed: { httpStatus: 409, exitCode: 1 },
  storage_full: { httpStatus: 507, exitCode: 1 },
  quota: { httpStatus: 503, exitCode: 1 },
  internal: { httpStatus: 500, exitCode: 1 },
};

/** The HTTP status of an error answer. */
export function httpStatusOf(code: ErrorCode): number {
  return ERROR_TABLE[code].httpStatus;
}

/** The exit code of a command that failed with this error. */
export function exitCodeOfError(code: ErrorCode): number {
  return ERROR_TABLE[code].exitCode;
}

/** Whether a string from outside, for instance of an error body, is a code of ours. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, code);
}
