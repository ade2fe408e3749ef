/** One call: a worker says to its controller that it is there. Used in the lifecycle isolate. */
import type { Clock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import type { RegisterRequest, RegisterResponse } from "../wire/reconcile.ts";

/** How long one attempt to register may take, in ms. */
const REGISTER_TIMEOUT_MS = 5_000;
/** The longest answer that is read, in characters. */
const MAX_ANSWER_CHARS = 64 * 1024;

/** Where and how to register. */
export interface RegisterOptions {
  readonly controllerUrl: string;
  /** The token that controllers take from workers. */
  readonly token: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What the call goes through. */
  readonly fetch: FetchText;
}

/** As much of `fetch` as a registration needs. */
export type FetchText = (
  url: URL,
  init: RequestInit,
) => Promise<Pick<Response, "ok" | "status" | "text">>;

/**
 * Registers a worker.
 *
 * @throws {IrisError} `unauthorized` when the token is refused, `unavailable` when the controller
 *   cannot be reached or does not take workers now
 */
export async function registerWorker(
  request: RegisterRequest,
  options: RegisterOptions,
): Promise<RegisterResponse> {
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  options.signal.addEventListener("abort", onAbort, { once: true });
  if (options.signal.aborted) abort.abort();
  const timer = options.clock.setTimer(REGISTER_TIMEOUT_MS, onAbort);
  try {
    const answer = await options.fetch(new URL("/api/v1/workers", options.controllerUrl), {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${options.token}` },
      body: JSON.stringify(request),
      redirect: "error",
      signal: abort.signal,
    });
    const text = await answer.text();
    if (answer.ok) return parseAnswer(text);
    const code = answer.status === 401 || answer.status === 403 ? "unauthorized" : "unavailable";
    throw new IrisError(
      code,
      `The controller at ${options.controllerUrl} answered ${answer.status}: ${text.slice(0, 200)}`,
    );
  } catch (error) {
    if (error instanceof IrisError) throw error;
    throw new IrisError(
      "unavailable",
      `The controller at ${options.controllerUrl} cannot be reached: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    timer.cancel();
    options.signal.removeEventListener("abort", onAbort);
  }
}

function parseAnswer(text: string): RegisterResponse {
  const value: unknown = text.length > MAX_ANSWER_CHARS ? null : JSON.parse(text);
  if (typeof value === "object" && value !== null && "cluster" in value && "epoch" in value) {
    const { cluster, epoch } = value;
    if (typeof cluster === "string" && typeof epoch === "number") return { cluster, epoch };
  }
  throw new IrisError("unavailable", "The controller's answer to a registration makes no sense");
}
