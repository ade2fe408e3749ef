/** One call: a worker says to its controller that it is there. Used in the lifecycle isolate. */
import type { Clock } from "../base/clock.ts";
import { type ErrorCode, IrisError } from "../base/errors.ts";
import { fetchProblem } from "../base/fetch_problem.ts";
import { isErrorCode } from "../wire/error_table.ts";
import { FIRST_PROTOCOL, PROTOCOL, whyIncompatible } from "../wire/protocol.ts";
import type { RegisterRequest, RegisterResponse } from "../wire/reconcile.ts";

/** How long one attempt to register may take, in ms. */
const REGISTER_TIMEOUT_MS = 10_000;
/** The longest answer that is looked at, in characters. */
const MAX_ANSWER_CHARS = 64 * 1024;
/** So much of what somebody else said stands in a message, in characters. */
const MAX_QUOTE_CHARS = 200;

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
) => Promise<Pick<Response, "ok" | "status" | "text"> & { readonly headers?: Headers }>;

/**
 * Registers a worker.
 *
 * @throws {IrisError} in one line: `unauthorized` when the token is refused, `incompatible` when the
 *   versions do not fit, `conflict` when the name is taken, `unavailable` when the controller cannot
 *   be reached, is none, or does not take workers now
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
      redirect: "manual",
      signal: abort.signal,
    });
    const text = await answer.text();
    if (!answer.ok) throw refusal(answer, text, options.controllerUrl);
    return fitting(parseAnswer(text, options.controllerUrl), request, options.controllerUrl);
  } catch (error) {
    if (error instanceof IrisError) throw error;
    throw new IrisError(
      "unavailable",
      `The controller at ${options.controllerUrl} cannot be reached: ${fetchProblem(error)}`,
      { cause: error },
    );
  } finally {
    timer.cancel();
    options.signal.removeEventListener("abort", onAbort);
  }
}

/** What an answer that is no success means. */
function refusal(
  { status, headers }: { status: number; headers?: Headers },
  text: string,
  url: string,
): IrisError {
  const location = headers?.get("location") ?? null;
  if (status >= 300 && status < 400) {
    const to = location === null ? "" : `: perhaps it is ${originOf(location, url)}`;
    return new IrisError("unavailable", `${url} is not the controller, it sends elsewhere${to}`);
  }
  const said = errorIn(text);
  if (status === 401 || status === 403) {
    return new IrisError(
      "unauthorized",
      `The controller at ${url} does not take this worker's token: give the file ` +
        "`worker-token` of its state folder by --token-file",
    );
  }
  if (said !== null) {
    return new IrisError(
      said.code,
      `The controller at ${url} refuses this worker: ${said.message}`,
    );
  }
  return new IrisError("unavailable", notIris(url, { status, text }));
}

function originOf(location: string, url: string): string {
  return URL.canParse(location, url) ? new URL(location, url).origin : location;
}

/** The error that a controller's answer carries; null when it is none of ours. */
function errorIn(text: string): { code: ErrorCode; message: string } | null {
  try {
    const { error } = JSON.parse(text) as { error: { code: unknown; message: unknown } };
    const { code, message } = error;
    if (typeof code !== "string" || typeof message !== "string") return null;
    return {
      code: isErrorCode(code) ? code : "unavailable",
      message: message.slice(0, MAX_QUOTE_CHARS),
    };
  } catch {
    return null;
  }
}

function notIris(url: string, { status, text }: { status: number; text: string }): string {
  const what = /^\s*</.test(text)
    ? "a web page"
    : text.trim() === ""
    ? "nothing"
    : `"${text.trim().slice(0, 60).replaceAll(/\s+/g, " ")}"`;
  return `${url} is no Iris controller: it answered ${what} (HTTP ${status})`;
}

function parseAnswer(text: string, url: string): RegisterResponse {
  try {
    const value = JSON.parse(text.slice(0, MAX_ANSWER_CHARS)) as Partial<RegisterResponse>;
    const { cluster, epoch, version, protocol, graceMs } = value;
    if (typeof cluster === "string" && typeof epoch === "number") {
      return {
        cluster,
        epoch,
        ...(typeof version === "string" ? { version } : {}),
        ...(typeof protocol === "number" ? { protocol } : {}),
        ...(typeof graceMs === "number" ? { graceMs } : {}),
      };
    }
  } catch {
    // Said below.
  }
  throw new IrisError("unavailable", notIris(url, { status: 201, text }));
}

/** An older controller takes in whoever comes: then it is the worker that looks at versions. */
function fitting(
  answer: RegisterResponse,
  request: RegisterRequest,
  url: string,
): RegisterResponse {
  const ours = { version: request.version, protocol: PROTOCOL };
  const { version = "", protocol = FIRST_PROTOCOL } = answer;
  const why = whyIncompatible(ours, { version, protocol });
  if (why === null) return answer;
  throw new IrisError("incompatible", `The controller at ${url}, ${why}`);
}
