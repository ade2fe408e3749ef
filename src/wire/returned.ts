/**
 * What a task hands back beside its exit code: a result and how far it got. A module's function does
 * so by what it returns and by `context.progress`; any task that asked for it by writing JSON to the
 * files that `IRIS_RESULT_FILE` and `IRIS_PROGRESS_FILE` name. It travels with the fact of the end,
 * as the JSON text of a {@linkcode Returned}. Pure.
 */
import type { TaskOptions } from "./task_options.ts";
import type { EndedUsage } from "./usage.ts";

/** The largest result, in bytes of JSON. What is larger belongs into a file of the task's outputs. */
export const MAX_RESULT_BYTES = 1024 * 1024;
/** The largest progress file, in bytes. */
export const MAX_PROGRESS_BYTES = 4 * 1024;
/** The longest message of a progress, in characters; the rest is cut off. */
export const MAX_MESSAGE_CHARS = 500;
/** How deep a result may be nested. */
const MAX_DEPTH = 200;
/** The longest text of a {@linkcode Returned}, in characters: a result and a progress. */
export const MAX_RETURNED_CHARS = MAX_RESULT_BYTES + 2 * MAX_PROGRESS_BYTES;

/** How far a task got, as it said last. */
export interface TaskProgress {
  /** From 0 to 1; null when it did not say. */
  readonly fraction: number | null;
  /** So many of `total` are done, in units of the task's own. */
  readonly done: number | null;
  readonly total: number | null;
  readonly message: string | null;
  /** When it said so. */
  readonly atMs: number;
}

/** What was handed back; what was not is left out. */
export interface Returned {
  readonly result?: unknown;
  readonly progress?: TaskProgress;
  /** Beside what the task says: what its cgroup counted, where it had one. */
  readonly usage?: EndedUsage;
}

/** What was handed back, or null for nothing, with what was used: as it travels. */
export function withUsage(text: string | null, usage: EndedUsage): string {
  const more = `"usage":${JSON.stringify(usage)}}`;
  return text === null ? `{${more}` : `${text.slice(0, -1)},${more}`;
}

/** True when nothing was handed back but what was used. */
export function isUsageAlone(text: string): boolean {
  return text.startsWith('{"usage":');
}

/** Whether tasks with these options have somewhere to write a result to. */
export function mayReturn(options: Pick<TaskOptions, "module" | "result"> | undefined): boolean {
  return options !== undefined && (options.module !== null || options.result === true);
}

/** A progress as a task may say it: a fraction, or an object with some of the fields. */
export type ProgressInput =
  | number
  | { readonly fraction?: number; readonly done?: number; total?: number; message?: string };

/** What a task said of its progress, or null when that makes no sense. */
export function progressOf(said: unknown, atMs: number): TaskProgress | null {
  const given = typeof said === "number" ? { fraction: said } : said;
  if (typeof given !== "object" || given === null) return null;
  const { fraction, done, total, message } = given as Record<string, unknown>;
  const amounts = [fraction, done, total];
  if (!amounts.every((one) => one === undefined || one === null || isAmount(one))) return null;
  const all = amount(total);
  const some = amount(done);
  const share = amount(fraction) ??
    (some !== null && all !== null && all > 0 ? some / all : null);
  if (share === null && some === null && typeof message !== "string") return null;
  return {
    fraction: share === null ? null : Math.min(1, share),
    done: some,
    total: all,
    message: typeof message === "string" ? message.slice(0, MAX_MESSAGE_CHARS) : null,
    atMs,
  };
}

/** What a progress file holds, or null when it holds no progress. */
export function parseProgress(text: string, atMs: number): TaskProgress | null {
  try {
    return progressOf(JSON.parse(text), atMs);
  } catch {
    return null;
  }
}

/** Why a text is not kept as a result, or null. */
export function resultProblem(json: string): string | null {
  try {
    JSON.parse(json);
  } catch {
    return "is no JSON";
  }
  // Whoever writes it again goes through it by recursion.
  return depthOf(json) > MAX_DEPTH ? `is nested deeper than ${MAX_DEPTH} times` : null;
}

/** How deep the lists and objects of a JSON text are nested. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{\]}]/g)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
  }
  return deepest;
}

/** What was handed back, from the text in which it travels and rests. */
export function parseReturned(text: string): Returned {
  // Written by a worker, and checked when it came in.
  return JSON.parse(text) as Returned;
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function amount(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
