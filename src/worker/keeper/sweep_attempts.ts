/** After a keeper was lost: ends the attempts it had. Runs in the lifecycle isolate. */
import type { Clock } from "../../base/clock.ts";
import { environOf } from "../../host/proc.ts";
import { sweepMarked } from "../../host/sweep.ts";
import type { StartedFact } from "../keeper_link.ts";
import { attemptUid } from "../../wire/runs.ts";
import { leftOfJournal } from "./left_behind.ts";
import { MARKER } from "./marker.ts";

/** How long it may take, in ms. */
const SWEEP_MS = 2_000;

/** SIGKILLs what is left of these attempts; resolves to what is still there. */
export async function sweepAttempts(
  attempts: readonly StartedFact[],
  { folder, clock }: { folder: string; clock: Clock },
): Promise<readonly string[]> {
  const uids = new Set(
    attempts.map((one) => attemptUid(one.generation, one.index, one.attempt)),
  );
  // Read once: the next keeper begins a journal of its own.
  const noted = leftOfJournal(folder);
  const { left } = await sweepMarked({
    marker: MARKER,
    prefix: "\0",
    folder: null,
    clock,
    timeoutMs: SWEEP_MS,
    also: () => [...noted(), ...attempts.map(({ pid }) => pid).filter((pid) => isOneOf(pid, uids))],
  });
  return left;
}

/** A pid may have been used again: only one that still has our marker is ours. */
function isOneOf(pid: number, uids: ReadonlySet<string>): boolean {
  const uid = environOf(pid, MARKER)?.split(".").slice(-3).join(".");
  return uid !== undefined && uids.has(uid);
}
