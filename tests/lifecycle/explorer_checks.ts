/** What a stop promises, checked after each whole run of a small tree. Pure over what was seen. */
import type { Outcome, StopReport } from "../../src/lifecycle/part.ts";
import { forEachReport, worstOutcome } from "../../src/lifecycle/stop_report.ts";
import type { Actor, World } from "./explorer_world.ts";

const STEPS = ["start", "close", "ask", "force", "verify", "release"];

/** Every promise that was broken in this run, in words; empty when none was. */
export function brokenPromises(world: World): string[] {
  const { report } = world;
  if (!report) return [...world.problems, "the stop never ended"];
  return [
    ...world.problems,
    ...checkTime(world, report),
    ...world.actors.flatMap((actor) => [...checkCalls(actor), ...checkOrder(actor, world.actors)]),
    ...checkReport(world, report),
    ...checkErrors(world, report),
  ];
}

function checkTime(world: World, report: StopReport): string[] {
  const broken: string[] = [];
  const overMs = (world.endedAtMs ?? Infinity) - world.mustEndBy;
  if (overMs > 1e-6) broken.push(`over ${overMs} ms after the deadline`);
  if (world.timersLeft !== 0) broken.push(`${world.timersLeft} timers left`);
  forEachReport(report, (at, path) => {
    if (at.tookMs > at.allowedMs + 1e-6) broken.push(`${path} took longer than allowed`);
  });
  for (const actor of world.actors) {
    const state = actor.owner?.state;
    if (state !== "stopped") broken.push(`${actor.name} is ${state} in the end`);
  }
  return broken;
}

/** Each step at most once, in order, force only when due, release always and last. */
function checkCalls(actor: Actor): string[] {
  const { name, calls, at } = actor;
  const broken: string[] = [];
  if (new Set(calls).size !== calls.length) broken.push(`${name}: called twice: ${calls}`);
  const bad = actor.profile.verify !== "clean" && actor.profile.verify !== undefined;
  const order = bad ? calls.filter((step) => step !== "force") : calls;
  const sorted = order.toSorted((a, b) => STEPS.indexOf(a) - STEPS.indexOf(b));
  if (order.join() !== sorted.join()) broken.push(`${name}: out of order: ${calls}`);
  if (calls.at(-1) !== "release") broken.push(`${name}: not released last: ${calls}`);
  if (actor.forceDue === false) broken.push(`${name}: forced before its time`);
  if (at.ask !== undefined && actor.start !== "up") broken.push(`${name}: asked before it was up`);
  return broken;
}

/** The place of an actor among others: its parent before it, its elders after it. */
function checkOrder(actor: Actor, all: readonly Actor[]): string[] {
  if (actor.alone) return [];
  const broken: string[] = [];
  const first = firstStep(actor);
  const { parent } = actor;
  if (parent) {
    const asked = parent.at.ask ?? -1;
    if (asked > first) broken.push(`${parent.name} was asked after ${actor.name}`);
    const released = actor.at.release ?? Infinity;
    for (const step of ["verify", "release"]) {
      if ((parent.at[step] ?? Infinity) < released) {
        broken.push(`${step} of ${parent.name} came before the release of ${actor.name}`);
      }
    }
  }
  for (const mate of all) {
    if (mate === actor || mate.parent !== parent || mate.alone) continue;
    broken.push(...checkMates(actor, mate, first));
  }
  return broken;
}

function checkMates(actor: Actor, mate: Actor, first: number): string[] {
  const released = mate.at.release ?? Infinity;
  if (mate.stage > actor.stage && first < released) {
    return [`${actor.name} came before newer ${mate.name} was released`];
  }
  if (mate.stage !== actor.stage) return [];
  const broken: string[] = [];
  if ((actor.at.ask ?? -1) > released) {
    broken.push(`${actor.name} did not stop together with ${mate.name}`);
  }
  if (mate.order > actor.order && (actor.at.release ?? Infinity) < released) {
    broken.push(`${actor.name} was released before newer ${mate.name}`);
  }
  return broken;
}

function firstStep(actor: Actor): number {
  const { ask, force, verify, release } = actor.at;
  return Math.min(...[ask, force, verify, release].map((at) => at ?? Infinity));
}

/** Every part exactly once, unless it left before; the outcomes true. */
function checkReport(world: World, report: StopReport): string[] {
  const broken: string[] = [];
  const seen = new Map<string, StopReport>();
  forEachReport(report, (at, path) => {
    if (seen.has(at.name)) broken.push(`${path} is there twice`);
    seen.set(at.name, at);
    broken.push(...checkWorst(at, path));
  });
  for (const actor of world.actors) {
    const at = seen.get(actor.name);
    const expected = expectedOutcomes(actor);
    if (at === undefined) {
      const gone = actor.leftBefore || leftWithParent(actor);
      if (!gone) broken.push(`${actor.name} is missing`);
      if (gone && !actor.parent && expected.every((outcome) => outcome === "leaked")) {
        broken.push(`${actor.name} leaked, and is forgotten`);
      }
      continue;
    }
    const own = ownOutcome(at);
    if (!expected.includes(own)) {
      broken.push(`${actor.name} is ${own}, should be ${expected.join(" or ")}`);
    }
  }
  return broken;
}

function leftWithParent(actor: Actor): boolean {
  for (let at = actor.parent; at; at = at.parent) if (at.leftBefore) return true;
  return false;
}

function checkWorst(at: StopReport, path: string): string[] {
  const below = at.children.map((child) => child.outcome);
  const broken: string[] = [];
  if (worstOutcome([at.outcome, ...below]) !== at.outcome) {
    broken.push(`${path} is better than its worst part`);
  }
  const own = ownOutcome(at);
  if (worstOutcome([own, ...below]) !== at.outcome) broken.push(`${path} is worse than its parts`);
  if ((own === "leaked") !== at.leftovers.length > 0) {
    broken.push(`${path}: leftovers and leaked do not agree`);
  }
  return broken;
}

/** From the data that is not the outcome. */
function ownOutcome(at: StopReport): Outcome {
  if (at.leftovers.length > 0) return "leaked";
  if (at.rung === "force") return "forced";
  return at.errors.length > 0 ? "failed" : "clean";
}

/** What is true, told from what the part did alone. */
function expectedOutcomes(actor: Actor): readonly Outcome[] {
  const { profile, at } = actor;
  const verified = at.verify !== undefined;
  if (profile.release === "hang") return ["leaked"];
  if (verified && profile.verify !== "clean" && profile.verify !== undefined) return ["leaked"];
  const acknowledged = actor.ended || actor.ask === "ok" || actor.start === "threw";
  const killed = at.force !== undefined;
  const rest: Outcome = actor.thrownInTime > 0 ? "failed" : "clean";
  if (profile.verify !== "none") return [killed ? "forced" : rest];
  if (killed) return acknowledged ? ["forced"] : ["leaked"];
  if (profile.force !== "none") return [rest];
  // Without force and verify, only its word counts; a late word is as good, but it overran.
  return acknowledged || actor.ask === "threw" ? [rest, "forced"] : ["leaked"];
}

/** Nothing that was thrown is lost. */
function checkErrors(world: World, report: StopReport): string[] {
  const told: string[] = [];
  for (const tree of [report, ...(world.childReport ? [world.childReport] : [])]) {
    forEachReport(tree, (at) => told.push(JSON.stringify(at.errors)));
  }
  for (const error of [...world.failures, ...world.late, ...world.ownErrors]) {
    told.push(textOf(error));
  }
  const all = told.join("\n");
  return world.actors.flatMap((actor) =>
    actor.thrown.filter((message) => !all.includes(message)).map((message) => `lost: ${message}`)
  );
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError) return [error.message, ...error.errors.map(textOf)].join();
  return error instanceof Error ? `${error.message} ${textOf(error.cause)}` : String(error);
}
