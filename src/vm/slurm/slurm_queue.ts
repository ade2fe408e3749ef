/** What `squeue` prints, read strictly: what has another form is nothing to conclude from. Pure. */
import { plainLine } from "../../base/errors.ts";

/** Neither stands in anything that a person types. */
const RECORD = "\x1e";
const FIELD = "\x1f";
/** Id, state, name, comment, reason, nodes: what an unknown field prints is the field itself. */
const FIELDS = ["%i", "%T", "%j", "%k", "%r", "%N"] as const;
/** For `squeue --format`. */
export const QUEUE_FORMAT = `${RECORD}${FIELDS.join(FIELD)}`;

/** Waits for its nodes, or runs, or ends: something of it is there. */
const WAITING = [
  ...["PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"],
  ...["EXPEDITING"],
] as const;
const THERE = [
  ...["CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "RESIZING", "SIGNALING", "STAGE_OUT"],
  ...["STOPPED", "POWER_UP_NODE", "LAUNCH_FAILED", "RECONFIG_FAIL", "UPDATE_DB"],
] as const;
/** It is over, and its nodes have nothing of it any more. */
const OVER = [
  ...["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"],
  ...["PREEMPTED", "REVOKED", "TIMEOUT"],
] as const;

/** A state of a job, as `squeue` names it. */
export type JobState = (typeof WAITING | typeof THERE | typeof OVER)[number];

/** A job as `squeue` shows it. */
export interface QueueJob {
  readonly id: string;
  readonly state: JobState;
  readonly name: string;
  readonly comment: string;
  /** Why it waits, in Slurm's word; `None` when there is none. */
  readonly reason: string;
  /** For instance `n[0-1]`; empty before it has some. */
  readonly nodes: string;
}

/** The output of a command has a form that is not known. */
export class UnknownFormat extends Error {
  override name = "UnknownFormat";
}

/** True while it only waits for nodes. */
export function isWaiting(state: JobState): boolean {
  return (WAITING as readonly string[]).includes(state);
}

/** True once it is over, with its nodes left. */
export function isOver(state: JobState): boolean {
  return (OVER as readonly string[]).includes(state);
}

/** True for a word that is a state. */
export function isJobState(word: string): word is JobState {
  return ([...WAITING, ...THERE, ...OVER] as readonly string[]).includes(word);
}

/**
 * Reads what `squeue --noheader --format=QUEUE_FORMAT` printed.
 *
 * @throws {UnknownFormat} when any of it has another form
 */
export function readQueue(text: string): QueueJob[] {
  const [before = "", ...records] = text.split(RECORD);
  if (before.trim() !== "") throw strange(before);
  return records.map((record) => {
    const fields = record.replace(/\n$/, "").split(FIELD);
    const [id = "", state = "", name = "", comment = "", reason = "", nodes = ""] = fields;
    const isKnown = fields.length === FIELDS.length && /^\d/.test(id) && isJobState(state);
    if (!isKnown) throw strange(record);
    return {
      ...{ id, state, name, nodes, comment: comment === "(null)" ? "" : comment },
      reason: plainLine(reason, 60),
    };
  });
}

function strange(text: string): UnknownFormat {
  const shown = plainLine(text.trim().replaceAll(FIELD, " "), 80);
  return new UnknownFormat(`squeue printed something in a form that is not known: ${shown}`);
}
