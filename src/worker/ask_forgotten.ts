/** One call: which of the jobs whose logs a worker has does its controller not know any more? */
import type { Clock } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import type { FetchText } from "./registration.ts";
import type { ForgottenRequest, ForgottenResponse } from "../wire/logs.ts";

/** How long the answer may take, in ms. */
const TIMEOUT_MS = 5_000;
/** The longest answer that is read, in characters. */
const MAX_ANSWER_CHARS = 1024 * 1024;

/** Who is asked, and how. */
export interface AskOptions {
  readonly url: string;
  readonly token: string;
  readonly fetch: FetchText;
  readonly clock: Clock;
}

/**
 * Asks the controller.
 *
 * @throws {IrisError} `unavailable` without an answer that makes sense
 */
export async function askForgotten(
  to: AskOptions,
  generations: readonly number[],
  signal: AbortSignal,
): Promise<ForgottenResponse> {
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const timer = to.clock.setTimer(TIMEOUT_MS, onAbort);
  try {
    const response = await to.fetch(new URL("/api/v1/workers/forgotten", to.url), {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Authorization: `Bearer ${to.token}`,
      },
      body: JSON.stringify({ generations } satisfies ForgottenRequest),
      redirect: "error",
      signal: abort.signal,
    });
    const text = await response.text();
    if (!response.ok) throw new IrisError("unavailable", `It answered ${response.status}`);
    return parseAnswer(text, generations);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

function parseAnswer(text: string, asked: readonly number[]): ForgottenResponse {
  const value: unknown = text.length > MAX_ANSWER_CHARS ? null : JSON.parse(text);
  if (typeof value === "object" && value !== null && "cluster" in value && "generations" in value) {
    const { cluster, generations } = value;
    const known = new Set<unknown>(asked);
    // Nothing is given up that was not asked about.
    const fits = Array.isArray(generations) && generations.every((one) => known.has(one));
    if (typeof cluster === "string" && cluster !== "" && fits) {
      return { cluster, generations: generations as number[] };
    }
  }
  throw new IrisError("unavailable", "The controller's answer about forgotten jobs makes no sense");
}
