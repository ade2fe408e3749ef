/**
 * The worker's way to its keeper, past the gate that holds attempts back while their bundle is
 * fetched. Carries out what the gate says. Lives in the lifecycle isolate, which owns the cache.
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { AttemptSpec } from "../wire/reconcile.ts";
import type { Run } from "../wire/runs.ts";
import { AttemptFigures } from "./attempt_figures.ts";
import type { BundleCache } from "./bundle_cache.ts";
import type { KeeperCommand } from "./desired_state.ts";
import type { KeeperFacts, KeeperLink, KeeperSpec } from "./keeper_link.ts";
import { type GatedSpec, type GateStep, StartGate } from "./start_gate.ts";

/** Where unpacked bundles are: what of a {@linkcode BundleCache} is used here. */
export type BundleShelf = Pick<BundleCache, "acquire" | "release" | "settled">;

/** What it works with. */
export interface BundleStartsOptions {
  readonly link: KeeperLink;
  /** How attempts of a job are started here. */
  readonly plan: (spec: AttemptSpec) => KeeperSpec;
  /** Null where there is none, and jobs with bundles cannot start. */
  readonly cache: BundleShelf | null;
  /** For how long attempts take to end. */
  readonly clock?: Pick<Clock, "now">;
}

/** See the head of this file. */
export class BundleStarts {
  readonly #options: BundleStartsOptions;
  readonly #gate = new StartGate();
  readonly #figures: AttemptFigures;

  /** Takes over what the keeper has. */
  constructor(options: BundleStartsOptions) {
    this.#options = options;
    this.#figures = new AttemptFigures(options.clock ?? systemClock);
    this.#do(this.#gate.adopt(options.link.hello));
  }

  /** How many are held back until their bundle is here. */
  get held(): number {
    return this.#gate.held;
  }

  /** Which they are. */
  get building(): readonly Run[] {
    return this.#gate.building;
  }

  /** Tells the keeper, or holds it back. */
  command(command: KeeperCommand): void {
    if (command.kind === "stop") this.#figures.asked(command.runs);
    this.#do(this.#gate.apply(command));
  }

  /** Takes in what the keeper saw. */
  observe(facts: KeeperFacts): void {
    this.#figures.ended(facts);
    this.#do(this.#gate.observe(facts));
  }

  /** What is held back never starts: the worker is stopping, and its keeper still listens. */
  close(): void {
    this.#do(this.#gate.close());
  }

  /** The keeper is gone. */
  drop(): void {
    this.#do(this.#gate.drop());
  }

  /** This run of the loop is over; what the keeper has may run on in its bundles. */
  leave(): void {
    this.#gate.drop();
  }

  #do(steps: readonly GateStep[]): void {
    const { link, plan, cache } = this.#options;
    for (const step of steps) {
      switch (step.kind) {
        case "tell":
          this.#tell(step.command);
          break;
        case "spec":
          link.spec(plan(inBundle(step.spec, step.folder)));
          break;
        case "refuse":
          link.refuse(step.runs, step.end);
          break;
        case "prepare":
          // owner: the cache, which ends it when nobody waits any more, and when it is closed.
          void this.#prepare(step.spec);
          break;
        case "release":
          cache?.release(step.generation);
          break;
        case "settled":
          cache?.settled();
      }
    }
  }

  #tell(command: KeeperCommand): void {
    const { link, plan } = this.#options;
    switch (command.kind) {
      case "spec":
        return link.spec(plan(command.spec));
      case "start":
        return link.start(command.runs);
      case "unqueue":
        return link.unqueue(command.runs);
      case "stop":
        return link.stop(command.runs, command.reason, command.graceMs ?? null);
      case "ack":
        return link.ack(command.upTo);
      case "forget":
        return link.forget(command.generation);
    }
  }

  async #prepare(spec: GatedSpec): Promise<void> {
    const { cache, plan } = this.#options;
    const { generation, bundle } = spec;
    let what = "The bundle is not here";
    try {
      if (cache === null) throw new IrisError("unavailable", "This worker takes no bundles");
      const folder = await cache.acquire(bundle, generation);
      // What cannot be planned here ends as what cannot be fetched: nothing of it may get lost.
      what = "The job cannot be started here";
      plan(inBundle(spec, folder));
      this.#do(this.#gate.ready(generation, folder));
    } catch (error) {
      // Released before it was ready: what waited was answered then.
      if (error instanceof IrisError && error.code === "closing") return;
      logger("worker").warn`job ${spec.job}: ${what}: ${messageOf(error)}`;
      this.#do(this.#gate.failed(generation, `${what}: ${messageOf(error)}`));
    }
  }
}

/** A job's spec on a worker where its bundle lies in `folder`: relative paths are below it. */
export function inBundle(spec: AttemptSpec, folder: string): AttemptSpec {
  const { cwd, module } = spec;
  const below = (path: string) => path.startsWith("/") ? path : `${folder}/${path}`;
  return {
    ...spec,
    cwd: cwd === null ? folder : below(cwd),
    env: { ...spec.env, IRIS_BUNDLE_DIR: folder },
    module: module === null ? null : { ...module, file: below(module.file) },
  };
}
