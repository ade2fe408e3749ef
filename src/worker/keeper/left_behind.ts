/**
 * Which processes a keeper that was killed left behind, beside those that its marker or its output
 * files give away: those of the sessions that its journal names. A pid alone proves nothing, since
 * the kernel gives it to others once it is free. Runs in main and in the lifecycle isolate.
 */
import {
  allPids,
  bootId,
  type ProcessStat,
  processStat,
  TICKS_PER_SECOND,
} from "../../host/proc.ts";
import { type JournalContent, type NotedAttempt, readJournal } from "./journal.ts";

/** A leader's start may differ by this from what the journal says, in clock ticks. */
const TOLERANCE_TICKS = TICKS_PER_SECOND;

/** What is looked at of a process. */
export type SeenProcess = Pick<ProcessStat, "pid" | "session" | "startTime">;

/**
 * The processes that belong to attempts which a journal has as not ended. Pure.
 *
 * A leader is one that has the pid *and* began when the journal says. While a session has a member
 * its number is no other process's pid, so with its leader there all members are the attempt's, and
 * with a stranger under that pid none is. Without a leader a member is the attempt's when it was
 * there, in that session, before the journal was written last: nothing moves into a session.
 *
 * @param journal what was running, and until when that is known
 * @param seen all processes there are now
 */
export function leftBehind(
  journal: Pick<JournalContent, "open" | "ticks">,
  seen: readonly SeenProcess[],
): number[] {
  const noted = new Map<number, NotedAttempt>();
  for (const one of journal.open) noted.set(one.started.pid, one);
  const leaders = new Map<number, SeenProcess>();
  for (const process of seen) if (noted.has(process.pid)) leaders.set(process.pid, process);
  const isLate = ({ startTime }: SeenProcess, ticks: number) =>
    Math.abs(startTime - ticks) > TOLERANCE_TICKS;
  return seen.filter((process) => {
    const attempt = noted.get(process.session);
    if (attempt === undefined) return false;
    const leader = leaders.get(process.session);
    if (leader !== undefined) return !isLate(leader, attempt.ticks);
    return process.startTime >= attempt.ticks - TOLERANCE_TICKS &&
      process.startTime <= journal.ticks;
  }).map(({ pid }) => pid);
}

/** What is left of the attempts in a worker folder's journal now; nothing of another boot is. */
export function leftOfJournal(folder: string): () => number[] {
  const journal = readJournal(`${folder}/journal`);
  if (journal === null || journal.open.length === 0 || journal.boot !== bootId()) return () => [];
  return () => leftBehind(journal, allPids().map(processStat).filter((stat) => stat !== null));
}
