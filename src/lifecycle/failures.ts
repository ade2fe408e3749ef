/**
 * Failures of parts on their way up: the nearest owner with a handler that deals with one, else the
 * root. Runs in the owner's isolate.
 */
import type { ErrorList } from "./error_list.ts";

/** Deals with the failure of something below; true when it did, else the failure goes further up. */
export type FailureHandler = (error: unknown, path: string) => boolean | void;

/** A node, as far as failures pass through it. */
export interface FailureStop {
  readonly parent: FailureStop | undefined;
  readonly handlers: ReadonlySet<FailureHandler>;
  readonly errors: ErrorList;
}

/** A failure, and the path of what failed. */
export interface Failure {
  readonly error: unknown;
  readonly path: string;
}

/**
 * Hands a failure to the handlers from `from` upwards. One that nobody dealt with goes into the
 * root's own errors, and to `onRoot`. What a handler throws is an error of its node.
 */
export function escalate(from: FailureStop, failure: Failure, onRoot?: FailureHandler): void {
  let at = from;
  while (!handledAt(at, failure)) {
    if (at.parent) {
      at = at.parent;
      continue;
    }
    at.errors.push(failure.error);
    if (onRoot) call(onRoot, failure, at.errors);
    return;
  }
}

function handledAt(node: FailureStop, failure: Failure): boolean {
  return [...node.handlers].some((handler) => call(handler, failure, node.errors));
}

function call(handler: FailureHandler, { error, path }: Failure, errors: ErrorList): boolean {
  try {
    return handler(error, path) === true;
  } catch (thrown) {
    errors.push(thrown);
    return false;
  }
}
