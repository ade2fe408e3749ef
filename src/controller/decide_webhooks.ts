/** When a webhook is called, and when it is given up. Pure. */
import { backoffMs } from "../base/backoff.ts";
import type { Random } from "../base/random.ts";
import type { JobView } from "../wire/api.ts";
import { mayCall } from "../wire/webhook.ts";

/** So often one is tried. */
export const MAX_TRIES = 12;
/** A job that ended longer ago owes nobody a call, in ms. */
export const MAX_AGE_MS = 86_400_000;
/** Calls that are under way at the same time. */
export const MAX_CALLS = 8;
/** How long one may take, in ms. */
export const CALL_MS = 10_000;

const BACKOFF = { minMs: 1_000, maxMs: 3_600_000 } as const;

/** A call that is owed. */
export interface Owed {
  readonly generation: number;
  readonly tries: number;
  /** Not before this, wall ms. */
  readonly atMs: number;
}

/** What came of a try: an HTTP status, or why there was none. */
export type Tried = { readonly status: number } | { readonly problem: string };

/** The calls to make now, the longest owed first. */
export function dueCalls(
  owed: readonly Owed[],
  of: { readonly nowMs: number; readonly running: ReadonlySet<number> },
): Owed[] {
  return owed.filter(({ generation, atMs }) => !of.running.has(generation) && atMs <= of.nowMs)
    .sort((a, b) => a.atMs - b.atMs)
    .slice(0, Math.max(0, MAX_CALLS - of.running.size));
}

/** Why a job's webhook is not called at all any more; null when it is. */
export function whyNot(
  job: JobView,
  { nowMs, hosts }: { readonly nowMs: number; readonly hosts: readonly string[] },
): string | null {
  const url = job.spec.webhook;
  if (url === null) return "there is none";
  if (!mayCall(url, hosts)) return "its host is not among those of --webhooks any more";
  if (nowMs - (job.endedAtMs ?? nowMs) > MAX_AGE_MS) return "the job ended too long ago";
  return null;
}

/** What follows from a try: it is done, it is tried again, or it is given up, and why. */
export function afterTry(
  owed: Owed,
  of: { readonly tried: Tried; readonly nowMs: number; readonly random: Random },
): { readonly next: Owed } | { readonly done: true } | { readonly givenUp: string } {
  const { tried, nowMs, random } = of;
  if ("status" in tried && tried.status >= 200 && tried.status < 300) return { done: true };
  const why = triedText(tried);
  // 410: whoever is there wants no more of them.
  if ("status" in tried && tried.status === 410) return { givenUp: why };
  const tries = owed.tries + 1;
  if (tries >= MAX_TRIES) return { givenUp: `${why}, ${tries} times` };
  return { next: { ...owed, tries, atMs: nowMs + backoffMs(tries - 1, BACKOFF, random) } };
}

/** `HTTP 500`. */
export function triedText(tried: Tried): string {
  if ("problem" in tried) return tried.problem;
  const { status } = tried;
  return status >= 300 && status < 400
    ? `HTTP ${status}, and redirects are not followed`
    : `HTTP ${status}`;
}

/** What is sent of a job: nothing of its command, environment or output. */
export function webhookBody(job: JobView, id: string): string {
  const { name, generation, state, replicas, counts, reason } = job;
  const { submittedAtMs, startedAtMs, endedAtMs } = job;
  return JSON.stringify({
    ...{ id, event: "job_done", job: name, generation, state, replicas, counts },
    reason: reason?.slice(0, MAX_REASON_CHARS) ?? null,
    ...{ submittedAtMs, startedAtMs, endedAtMs },
  });
}

/** A longer reason is cut, in characters. */
const MAX_REASON_CHARS = 1_000;
