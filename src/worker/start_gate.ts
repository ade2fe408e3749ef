/**
 * Holds back what must not start yet: attempts whose bundle is not on this worker. The keeper starts
 * what it is given by itself, so it is given nothing of a job before its bundle is ready; other jobs
 * pass. What waits here is the worker's: whoever stops it or takes it back is answered as if the
 * keeper had it. Pure; the lifecycle isolate carries the steps out.
 *
 * ```text
 *        start            ready                 the last one ended
 * idle ─────────→ waiting ─────→ ready (holds the bundle) ─────→ idle
 *                    │ failed: launch errors
 *                    └─────────────────────────────────────────→ idle
 * ```
 */
import type { AttemptSpec } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";
import { RunSet } from "../wire/run_set.ts";
import type { KeeperCommand } from "./desired_state.ts";
import type { KeeperFacts, KeeperHello, NeverStarted } from "./keeper_link.ts";

/** What is to be done, in order. */
export type GateStep =
  | { readonly kind: "tell"; readonly command: KeeperCommand }
  /** Before attempts of a job with a bundle start: where the bundle lies now. */
  | { readonly kind: "spec"; readonly spec: AttemptSpec; readonly folder: string }
  /** Attempts that never began are over. */
  | { readonly kind: "refuse"; readonly runs: readonly Run[]; readonly end: NeverStarted }
  /** Make a bundle ready for a generation, and say so by `ready` or `failed`. */
  | { readonly kind: "prepare"; readonly spec: GatedSpec }
  /** A generation does not need its bundle any more, or not yet again. */
  | { readonly kind: "release"; readonly generation: number }
  /** Nothing runs any more that an earlier process of this worker started. */
  | { readonly kind: "settled" };

/** The spec of a job with a bundle. */
export type GatedSpec = AttemptSpec & { readonly bundle: string };

interface Gated {
  readonly spec: GatedSpec;
  state: "idle" | "waiting" | "ready";
  /** True when the keeper knows the job. */
  told: boolean;
  held: Run[];
}

/** See the head of this file. */
export class StartGate {
  readonly #gated = new Map<number, Gated>();
  /** At the keeper, of jobs with a bundle. */
  readonly #passed = new RunSet();
  /** At the keeper since before this process; whether they need a bundle is not known. */
  readonly #adopted = new RunSet();

  /** How many attempts wait here. */
  get held(): number {
    let count = 0;
    for (const { held } of this.#gated.values()) {
      for (const [, from, to] of held) count += to - from;
    }
    return count;
  }

  /** Which they are. */
  get building(): Run[] {
    return [...this.#gated.values()].flatMap(({ held }) => held);
  }

  /** Takes over what a keeper already has. */
  adopt(hello: KeeperHello): GateStep[] {
    this.#adopted.addAll(hello.queued);
    for (const { generation, index, attempt } of hello.running) {
      this.#adopted.add([generation, index, index + 1, attempt]);
    }
    return this.#adopted.size === 0 ? [{ kind: "settled" }] : [];
  }

  /** What becomes of a command for the keeper. */
  apply(command: KeeperCommand): GateStep[] {
    switch (command.kind) {
      case "spec":
        return this.#spec(command);
      case "start":
        return this.#start(command.runs);
      case "unqueue":
        return this.#take(command, { cause: "missing", detail: null });
      case "stop":
        return this.#take(command, { cause: "cancelled", detail: null });
      case "forget":
        return this.#forget(command);
      case "ack":
        return [{ kind: "tell", command }];
    }
  }

  /** A bundle lies ready in this folder: what waited for it starts. */
  ready(generation: number, folder: string): GateStep[] {
    const gated = this.#gated.get(generation);
    if (gated?.state !== "waiting") return [{ kind: "release", generation }];
    gated.state = "ready";
    gated.told = true;
    const runs = gated.held.splice(0);
    this.#passed.addAll(runs);
    return [
      { kind: "spec", spec: gated.spec, folder },
      { kind: "tell", command: { kind: "start", runs } },
    ];
  }

  /** A bundle cannot be had: what waited for it ends as not to be launched. */
  failed(generation: number, detail: string): GateStep[] {
    const gated = this.#gated.get(generation);
    if (gated?.state !== "waiting") return [];
    gated.state = "idle";
    const runs = gated.held.splice(0);
    return [
      { kind: "refuse", runs, end: { cause: "launch_error", detail } },
      { kind: "release", generation },
    ];
  }

  /** Takes in what the keeper saw. */
  observe(facts: KeeperFacts): GateStep[] {
    if (this.#passed.size === 0 && this.#adopted.size === 0) return [];
    const adopted = this.#adopted.size > 0;
    const touched = new Set<number>();
    const leave = (run: Run) => {
      this.#adopted.delete(run);
      if (!this.#gated.has(run[0])) return;
      this.#passed.delete(run);
      touched.add(run[0]);
    };
    for (const { generation, index, attempt } of facts.ended) {
      leave([generation, index, index + 1, attempt]);
    }
    facts.unqueued.forEach(leave);
    const steps: GateStep[] = [];
    for (const generation of touched) steps.push(...this.#maybeIdle(generation));
    if (adopted && this.#adopted.size === 0) steps.push({ kind: "settled" });
    return steps;
  }

  /** Gives back all that waits, unstarted: this worker takes in nothing any more. */
  close(): GateStep[] {
    const steps: GateStep[] = [];
    for (const [generation, gated] of this.#gated) {
      if (gated.state !== "waiting") continue;
      gated.state = "idle";
      const runs = gated.held.splice(0);
      steps.push({ kind: "refuse", runs, end: { cause: "missing", detail: null } });
      steps.push({ kind: "release", generation });
    }
    return steps;
  }

  /** The keeper is gone, and with it whom to tell: what waited is over. */
  drop(): GateStep[] {
    const steps = [...this.#gated].filter(([, { state }]) => state !== "idle")
      .map(([generation]): GateStep => ({ kind: "release", generation }));
    this.#gated.clear();
    this.#passed.clear();
    this.#adopted.clear();
    return steps;
  }

  #spec(command: KeeperCommand & { kind: "spec" }): GateStep[] {
    const { spec } = command;
    const { bundle, generation } = spec;
    if (bundle === null) return [{ kind: "tell", command }];
    if (!this.#gated.has(generation)) {
      this.#gated.set(generation, {
        spec: { ...spec, bundle },
        state: "idle",
        told: false,
        held: [],
      });
    }
    return [];
  }

  #start(runs: readonly Run[]): GateStep[] {
    const pass: Run[] = [];
    const steps: GateStep[] = [];
    for (const run of runs) {
      const [generation] = run;
      const gated = this.#gated.get(generation);
      if (gated === undefined || gated.state === "ready") {
        if (gated !== undefined) this.#passed.add(run);
        pass.push(run);
        continue;
      }
      gated.held.push(run);
      if (gated.state === "waiting") continue;
      gated.state = "waiting";
      steps.push({ kind: "prepare", spec: gated.spec });
    }
    if (pass.length > 0) steps.unshift({ kind: "tell", command: { kind: "start", runs: pass } });
    return steps;
  }

  /** Splits what is asked back or stopped into what waits here and what the keeper has. */
  #take(
    command: KeeperCommand & { kind: "unqueue" | "stop" },
    end: NeverStarted,
  ): GateStep[] {
    const here: Run[] = [];
    const steps: GateStep[] = [];
    const wanted = new RunSet(command.runs);
    for (const generation of new Set(command.runs.map(([one]) => one))) {
      const gated = this.#gated.get(generation);
      if (gated?.state !== "waiting") continue;
      here.push(...wanted.intersect(gated.held));
      gated.held = wanted.missing(gated.held);
      if (gated.held.length > 0) continue;
      gated.state = "idle";
      steps.push({ kind: "release", generation });
    }
    const there = new RunSet(here).missing(command.runs);
    if (here.length > 0) steps.unshift({ kind: "refuse", runs: here, end });
    if (there.length > 0) steps.push({ kind: "tell", command: { ...command, runs: there } });
    return steps;
  }

  /** Only jobs of which nothing is here are forgotten. */
  #forget(command: KeeperCommand & { kind: "forget" }): GateStep[] {
    const gated = this.#gated.get(command.generation);
    this.#gated.delete(command.generation);
    const known = gated === undefined || gated.told;
    return known ? [{ kind: "tell", command }] : [];
  }

  #maybeIdle(generation: number): GateStep[] {
    const gated = this.#gated.get(generation);
    if (gated?.state !== "ready" || this.#passed.hasGeneration(generation)) return [];
    gated.state = "idle";
    return [{ kind: "release", generation }];
  }
}
