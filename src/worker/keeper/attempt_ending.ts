/** How an attempt that is gone ended, from all that is known of it. Runs in the keeper. */
import { mayReturn, withUsage } from "../../wire/returned.ts";
import type { EndCause } from "../../wire/reconcile.ts";
import { takeReturn } from "../returns.ts";
import type { AttemptUsages } from "./attempt_usage.ts";
import { type Attempt, causeOf, uidOf } from "./attempt.ts";
import { type CleanupResult, lastWords } from "./cleanups.ts";

/** What the fact of an end says. */
export interface Ending {
  readonly cause: EndCause;
  readonly code: number;
  readonly forced: boolean;
  readonly detail: string | null;
  readonly leftovers: readonly string[];
  /** What it handed back, as it travels, or null. */
  readonly returned: string | null;
  readonly cpuMs: number | null;
  readonly peakBytes: number | null;
}

/** The exit codes of what SIGTERM and SIGKILL ended. */
const TERMINATED = 143;
const KILLED = 137;
/** The exit codes of an engine that could not start what it was told to. */
const REFUSALS: readonly number[] = [125, 126, 127];

/** How one ended that was asked to before its engine's client could pass that on. */
function stopped(code: number | null): Pick<Ending, "cause" | "code" | "forced"> {
  if (code === null) return { cause: "cancelled", code: TERMINATED, forced: false };
  return { cause: code === 0 ? "exit" : "cancelled", code, forced: code === KILLED };
}

/** What is known. */
export interface EndingParts {
  readonly alive: readonly string[];
  readonly cleanup: CleanupResult;
  /** The worker's. */
  readonly folder: string;
  readonly usages: AttemptUsages;
}

/** Puts together what is known, before the attempt's hold is dropped. */
export function endingOf(attempt: Attempt, of: EndingParts): Ending {
  const { alive, cleanup, folder, usages } = of;
  const { counted, ...used } = usages.total(attempt);
  const { text, problem } = mayReturn(attempt.spec.options)
    ? takeReturn(folder, uidOf(attempt.started))
    : { text: null, problem: null };
  const { detail, ...caused } = causeOf(attempt);
  const ending: Ending = {
    ...caused,
    forced: attempt.forced,
    detail: [detail, problem].filter((part) => part !== null).join("; ") || null,
    leftovers: [...alive, ...cleanup.left],
    // Exact figures are kept with the end: they cost a row, and whoever limits its jobs wants them.
    returned: counted
      ? withUsage(text, { cpuMs: used.cpuMs ?? 0, peakBytes: used.peakBytes })
      : text,
    ...used,
  };
  if (ending.cause !== "exit" || (!cleanup.never && cleanup.running === null)) {
    if (!cleanup.oom) return ending;
    return { ...ending, cause: "oom", detail: "its container ran out of memory" };
  }
  // The code is that of its engine's client, which knew no other.
  if (attempt.reason !== null) return { ...ending, ...stopped(cleanup.running) };
  if (cleanup.running !== null) {
    return { ...ending, cause: "unknown", detail: lastWords(attempt) };
  }
  // With any other code it ran, and somebody else removed it.
  if (!REFUSALS.includes(ending.code)) return ending;
  return { ...ending, cause: "launch_error", detail: refusal(attempt) };
}

/** What an engine said last, which may be of its registry alone: then of which image it is said. */
function refusal(attempt: Attempt): string {
  const words = lastWords(attempt);
  const image = attempt.spec.options?.container?.image ?? "";
  return words.includes(image) ? words : `${image}: ${words}`;
}
