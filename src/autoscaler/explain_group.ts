/** Why a scale group has what it has, as data and in a few lines. Pure. */
import type { GroupExplanation, GroupFacts } from "../wire/group_explanation.ts";
import type { GroupView } from "../wire/vms.ts";
import { blockText, timeText } from "./block_text.ts";
import type { GroupDecision } from "./group_plan.ts";

/** No more idle slices, and no more jobs, are named. */
const MAX_NAMED = 5;

/** What of a decision is shown. Times become wall times, so that a decision that stays says the same. */
export function groupFacts(
  { group, have, needed, coming, asked, count, reason, idle, asking, awaited }: GroupDecision,
  { nowMs, nameOf }: { nowMs: number; nameOf: (generation: number) => string },
): GroupFacts {
  const wall = (ms: number) =>
    Number.isFinite(ms) ? Math.round((nowMs + ms) / 1_000) * 1_000 : null;
  return {
    ...{ group, have, needed, coming, asked, count, reason },
    idle: idle.map(({ slice, idleMs, goesInMs }) => ({
      ...{ slice, sinceMs: wall(-idleMs)!, goesAtMs: wall(goesInMs) },
    })),
    asking: asking.map(({ generation, tasks }) => ({ job: nameOf(generation), tasks })),
    awaited: awaited.map(({ generation, tasks }) => ({ job: nameOf(generation), tasks })),
  };
}

/** Explains a group. @param facts null before a decision was made */
export function explainGroup(
  view: GroupView,
  facts: GroupFacts | null,
  nowMs: number,
): GroupExplanation {
  return {
    group: view.name,
    lines: linesOf(view, facts, nowMs),
    availability: view.availability,
    facts,
  };
}

function linesOf(view: GroupView, facts: GroupFacts | null, nowMs: number): string[] {
  const { name, max, availability, heard, manager } = view;
  const block = blockText({ ...availability, untilMs: later(availability.untilMs, nowMs) });
  const blocked = heard
    ? block === null ? [] : [`blocked: ${block}`]
    : [`its VM manager ${manager} is not heard: nothing is asked of it`];
  if (facts === null) return [`${name}: nothing was decided yet`, ...blocked];
  const { have, needed, coming, count } = facts;
  return [
    `${name}: ${have} of at most ${max} ${max === 1 ? "slice" : "slices"}, ${needed} needed, ` +
    `${facts.idle.length} idle, ${coming} on ${
      coming === 1 ? "its" : "their"
    } way; ${count} wanted`,
    ...idleLine(view, facts, nowMs),
    ...askedLine(facts),
    ...awaitedLine(facts),
    ...blocked,
  ];
}

/** `2 idle: g-3 goes in 3m, g-4 in 5m`, as far as they may go. */
function idleLine(view: GroupView, facts: GroupFacts, nowMs: number): string[] {
  const { idle, have, needed, asked } = facts;
  if (idle.length === 0) return [];
  const least = Math.max(view.min, needed + view.buffer);
  const isHalted = view.availability.state === "halted";
  const going = asked > 0 || isHalted ? 0 : Math.min(idle.length, Math.max(0, have - least));
  const kept = idle.length - going;
  const why = isHalted
    ? "while it is halted"
    : asked > 0
    ? "while more is asked for"
    : `min ${view.min}, buffer ${view.buffer}`;
  const parts = idle.slice(0, Math.min(going, MAX_NAMED)).map(({ slice, goesAtMs }) => {
    if (goesAtMs === null) return `${slice} never goes by itself`;
    return goesAtMs <= nowMs
      ? `${slice} goes now`
      : `${slice} goes in ${timeText(goesAtMs - nowMs)}`;
  });
  if (going > MAX_NAMED) parts.push(`${going - MAX_NAMED} more after that`);
  if (kept > 0) parts.push(`${kept} kept (${why})`);
  return [`${idle.length} idle: ${parts.join(", ")}`];
}

function askedLine({ asked, asking }: GroupFacts): string[] {
  return asked === 0 ? [] : [`asked for ${asked} more: ${jobs(asking, "that fit nowhere")}`];
}

function awaitedLine({ awaited }: GroupFacts): string[] {
  return awaited.length === 0 ? [] : [`on the way: ${jobs(awaited, "that will fit")}`];
}

function jobs(of: GroupFacts["asking"], what: string): string {
  const named = of.slice(0, MAX_NAMED).map(({ job, tasks }) =>
    `job ${job} has ${tasks} ${tasks === 1 ? "task" : "tasks"} ${what}`
  );
  const more = of.length - MAX_NAMED;
  return named.join(", ") + (more > 0 ? `, and ${more} more ${more === 1 ? "job" : "jobs"}` : "");
}

/** A time that is over says nothing any more. */
function later(untilMs: number | null, nowMs: number): number | null {
  return untilMs !== null && untilMs > nowMs ? untilMs : null;
}
