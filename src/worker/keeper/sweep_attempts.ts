/** After a keeper was lost: ends the attempts it had. Runs in the lifecycle isolate. */
import type { Clock } from "../../base/clock.ts";
import { environOf } from "../../host/proc.ts";
import { sweepMarked } from "../../host/sweep.ts";
import type { StartedFact } from "../keeper_link.ts";
import { attemptUid } from "../../wire/runs.ts";
import { MARKER } from "./marker.ts";

/** How long it may take, in ms. */
const SWEEP_MS = 2_000;

/** SIGKILLs what is left of these attempts; resolves to what is still there. */
export async function sweepAttempts(
  attempts: readonly StartedFact[],
  clock: Clock,
): Promise<readonly string[]> {
  const left: string[] = [];
  const uids = new Set(
    attempts.map((one) => attemptUid(one.generation, one.index, one.attempt)),
  );
  const leaders = attempts.map((one) => one.pid).filter((pid) => {
    // A pid may have been used again: only one that still has our marker is ours.
    const uid = environOf(pid, MARKER)?.split(".").slice(-3).join(".");
    return uid !== undefined && uids.has(uid);
  });
  const { left: still } = await sweepMarked({
    marker: MARKER,
    prefix: "\0",
    folder: null,
    clock,
    timeoutMs: SWEEP_MS,
    also: () => leaders,
  });
  left.push(...still);
  return left;
}
