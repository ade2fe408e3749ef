/** What users want of a simulated fleet: a curve of cores over time, made of tasks that end. */
import type { Constraint } from "../../../src/model/constraints.ts";
import type { Engine } from "../engine.ts";
import type { SimCore } from "./sim_core.ts";

/** How often jobs come, in ms. */
const TICK_MS = 5_000;
const MINUTE_MS = 60_000;
/** A day is short here, in ms: what matters is its length beside boot and idle times. */
const DAY_MS = 40 * MINUTE_MS;

/** The shapes that a load can have: how many cores are wanted at a time, in shares of the most. */
export const LOADS: Readonly<Record<string, (atMs: number, bursts: readonly number[]) => number>> =
  {
    steady: () => 0.5,
    day: (atMs) => 0.05 + 0.75 * (1 - Math.cos(2 * Math.PI * atMs / DAY_MS)) / 2,
    bursts: (atMs, bursts) =>
      0.1 + (bursts.some((at) => atMs >= at && atMs < at + 3 * MINUTE_MS) ? 1.2 : 0),
    /** Nothing, and now and then a lot. */
    spikes: (atMs, bursts) => bursts.some((at) => atMs >= at && atMs < at + MINUTE_MS) ? 0.8 : 0,
  };

/** What a load is made of. */
export interface LoadOptions {
  readonly load: string;
  /** The most cores, in thousandths. */
  readonly mostMilli: number;
  readonly untilMs: number;
  /** Constraints that some jobs have. */
  readonly wishes: readonly Constraint[];
}

/** Submits jobs until it is over. */
export function submitLoad(
  engine: Engine,
  core: SimCore,
  { load, mostMilli, untilMs, wishes }: LoadOptions,
): void {
  const curve = LOADS[load]!;
  const bursts = Array.from({ length: 8 }, () => engine.between(0, untilMs));
  let owed = 0;
  const tick = () => {
    if (engine.nowMs >= untilMs) return;
    engine.at(TICK_MS, tick);
    // What is steady has tasks that are alike, so that as many run at each moment.
    const isSteady = load === "steady";
    const durationMs = isSteady ? 3 * MINUTE_MS : engine.between(1, 5) * MINUTE_MS;
    const cpuMilli = isSteady ? 1_000 : engine.pick([1_000, 1_000, 2_000, 4_000]);
    // In the long run as many cores are held as the curve says.
    owed += curve(engine.nowMs, bursts) * mostMilli * TICK_MS;
    const tasks = Math.floor(owed / (durationMs * cpuMilli));
    if (tasks === 0) return;
    owed -= tasks * durationMs * cpuMilli;
    const constraints = !isSteady && engine.chance(0.2) && wishes.length > 0
      ? [engine.pick(wishes)]
      : [];
    core.submit({ cpuMilli, tasks, durationMs, constraints });
  };
  engine.at(0, tick);
}
