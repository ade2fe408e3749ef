/** Why a scale group has what it has: `GET /api/v1/groups/:group/explain`, and its schema. Pure. */
import * as v from "valibot";
import { AVAILABILITY_SCHEMA, type GroupView } from "./vms.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.minValue(0));
const text = v.string();
const tasks = v.array(v.strictObject({ job: text, tasks: count }));

/** What the last decision about a group rests on. Counts of slices unless said otherwise. */
export const GROUP_FACTS_SCHEMA = v.strictObject({
  group: text,
  /** That work or are on their way; of these, with something to do, or needed by what is pending. */
  have: count,
  needed: count,
  coming: count,
  /** More than these, for what is pending. */
  asked: count,
  /** How many it shall have, and why. */
  count,
  reason: text,
  /** With nothing to do, longest first; when each may go by its idle time (wall ms); null for never. */
  idle: v.array(v.strictObject({ slice: text, sinceMs: v.number(), goesAtMs: v.nullable(time) })),
  /** For whom it was asked for more, and for whom something is on its way. */
  asking: tasks,
  awaited: tasks,
});

/** See {@linkcode GROUP_FACTS_SCHEMA}. */
export interface GroupFacts {
  readonly group: string;
  readonly have: number;
  readonly needed: number;
  readonly coming: number;
  readonly asked: number;
  readonly count: number;
  readonly reason: string;
  readonly idle: readonly {
    readonly slice: string;
    readonly sinceMs: number;
    readonly goesAtMs: number | null;
  }[];
  readonly asking: readonly { readonly job: string; readonly tasks: number }[];
  readonly awaited: readonly { readonly job: string; readonly tasks: number }[];
}

/** The answer. */
export const GROUP_EXPLANATION_SCHEMA = v.strictObject({
  group: text,
  /** For people. */
  lines: v.array(text),
  availability: AVAILABILITY_SCHEMA,
  /** Null before something was decided. */
  facts: v.nullable(GROUP_FACTS_SCHEMA),
});

/** See {@linkcode GROUP_EXPLANATION_SCHEMA}. */
export interface GroupExplanation {
  readonly group: string;
  readonly lines: readonly string[];
  readonly availability: GroupView["availability"];
  readonly facts: GroupFacts | null;
}
