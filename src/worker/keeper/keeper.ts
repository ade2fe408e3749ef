/**
 * The keeper's core: holds the queue, starts attempts as resources allow, watches them end, ends
 * them when asked, and keeps every fact until it is acknowledged. Synchronous; time comes from the
 * clock it is given, processes from the spawner. Runs in the keeper process.
 *
 * An attempt is gone when no process of it is left: its group is empty, and nothing that came back to
 * the keeper belongs to it.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { Cgroup } from "../../host/cgroup.ts";
import { commandOf, descendants, isAlive } from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import { resolveCommand } from "../../host/resolve_command.ts";
import type { Spawner } from "../../host/spawner.ts";
import type { StopCause, StopReport } from "../../lifecycle/part.ts";
import type { EndCause, StopReason } from "../../wire/reconcile.ts";
import type { Run } from "../../wire/runs.ts";
import type { KeeperCapacity, KeeperFacts, KeeperSpec, StartedFact } from "../keeper_link.ts";
import {
  type Attempt,
  type AttemptKey,
  causeOf,
  isOneOf,
  ownerOf,
  runOf,
  signalEach,
  uidOf,
} from "./attempt.ts";
import { endReport, type HardEnd } from "./end_report.ts";
import { FactBook } from "./fact_book.ts";
import { MARKER } from "./marker.ts";
import { Room } from "./room.ts";
import { RunQueue } from "./run_queue.ts";
import { Slots } from "./slots.ts";

/** What is left when a leader ended by itself gets this long to end too, in ms. */
const LINGER_MS = 1_000;
/** How often what should be gone is looked at, in ms. */
const LOOK_MS = 10;
/** How often orphans are looked for while all is quiet, in ms. */
const IDLE_LOOK_MS = 250;
/** How long after SIGKILL something may stay before it is named as left over, in ms. */
const KILL_PATIENCE_MS = 2_000;
/** Starts in one turn, so that ends are seen in between. */
const STARTS_A_TURN = 64;

/** How a keeper is made. */
export interface KeeperOptions {
  readonly cluster: string;
  readonly worker: string;
  /** The worker's folder. */
  readonly folder: string;
  readonly spawner: Spawner;
  /** Holds the keeper and all below it, where one could be made. */
  readonly cgroup: Cgroup | null;
  readonly clock: Clock;
  /** Notes started attempts where the next keeper finds them. */
  readonly journal: (started: readonly StartedFact[]) => void;
  /** Told that `takeFacts` has something. */
  readonly onFacts: () => void;
}

/** Names that the keeper gives each attempt itself. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  ...["IRIS_TASK", "IRIS_TASK_INDEX", "IRIS_ATTEMPT", "IRIS_ENTRY", MARKER],
]);

interface Prepared {
  readonly spec: KeeperSpec;
  readonly env: readonly string[];
  readonly cwd: string;
  path: string | null;
}

/** See the head of this file. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #slots: Slots;
  readonly #specs = new Map<number, Prepared>();
  readonly #queue = new RunQueue();
  readonly #facts = new FactBook();
  readonly #attempts = new Map<string, Attempt>();
  readonly #leaders = new Map<number, Attempt>();
  readonly #room = new Room();
  #timer: Timer | null = null;
  #closed = false;
  #startingSoon = false;
  readonly #strangers = new Map<number, string>();
  #idle: (() => void) | null = null;
  #freshStarts: StartedFact[] = [];

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#slots = new Slots(`${options.folder}/logs`);
    options.spawner.onChildEnd(() => this.look());
  }

  get running(): readonly StartedFact[] {
    return [...this.#attempts.values()].map((attempt) => attempt.started);
  }

  get queued(): readonly Run[] {
    return this.#queue.runs;
  }

  capacity(capacity: KeeperCapacity): void {
    this.#room.capacity = capacity;
    this.#startSoon();
  }

  spec(spec: KeeperSpec): void {
    const cwd = spec.cwd ?? `${this.#options.folder}/work`;
    if (spec.cwd === null) {
      try {
        Deno.mkdirSync(cwd, { recursive: true, mode: 0o700 });
      } catch {
        // Each start says that there is none.
      }
    }
    // The first of two lines with one name counts for most programs, and ours must.
    const env = Object.entries(spec.env).filter(([name]) => !OWN_NAMES.has(name))
      .map(([name, value]) => `${name}=${value}`);
    this.#specs.set(spec.generation, { spec, env, cwd, path: null });
  }

  forget(generation: number): void {
    this.#specs.delete(generation);
  }

  start(runs: readonly Run[]): void {
    if (this.#closed) return;
    this.#queue.push(runs);
    const known = [...this.#attempts.values()].filter(({ started }) => isOneOf(started, runs));
    this.#queue.take(known.map(runOf));
    this.#startSoon();
  }

  unqueue(runs: readonly Run[]): void {
    for (const run of this.#queue.take(runs)) this.#facts.unqueued(run);
    this.#tell();
  }

  stop(runs: readonly Run[], reason: StopReason, graceMs: number | null): void {
    const now = this.#options.clock.now();
    for (const [generation, from, to, attempt] of this.#queue.take(runs)) {
      for (let index = from; index < to; index++) {
        this.#neverStarted({ generation, index, attempt }, { cause: "cancelled", detail: null });
      }
    }
    for (const attempt of this.#attempts.values()) {
      if (!isOneOf(attempt.started, runs)) continue;
      this.#ask(attempt, reason, now + (graceMs ?? attempt.spec.graceMs));
    }
    this.#tell();
    this.#arm();
  }

  ack(upTo: number): void {
    this.#facts.ack(upTo);
  }

  /** Facts that were not taken before. */
  takeFacts(): KeeperFacts | null {
    return this.#facts.take();
  }

  /** All facts that were not acknowledged. */
  allFacts(): KeeperFacts {
    return this.#facts.all();
  }

  /** Takes in nothing new. */
  close(): void {
    this.#closed = true;
    for (const run of this.#queue.drain()) this.#facts.unqueued(run);
    this.#tell();
  }

  /** Takes in new work again, for a worker that came back; not once everything is being ended. */
  open(): void {
    if (this.#killAllAtMs === Infinity) this.#closed = false;
  }

  /** Asks every attempt to end, kills at the given time, and resolves when all that can is gone. */
  async end(of: { cause: StopCause; killAtMs: number; untilMs: number }): Promise<StopReport> {
    const { clock } = this.#options;
    const from = clock.now();
    this.close();
    const all = [...this.#attempts.values()];
    for (const attempt of all) this.#ask(attempt, "shutdown", of.killAtMs);
    this.#killAllAtMs = Math.min(this.#killAllAtMs, of.killAtMs);
    this.#giveUpAtMs = Math.min(this.#giveUpAtMs, of.untilMs);
    this.look();
    await this.#untilIdle();
    return endReport({
      cause: of.cause,
      tookMs: clock.now() - from,
      allowedMs: of.untilMs - from,
      hard: this.#hardEnds,
      strangers: [...this.#strangers].filter(([pid]) => isAlive(pid))
        .map(([pid, command]) => `${pid} ${command}`),
    });
  }

  #killAllAtMs = Infinity;
  #giveUpAtMs = Infinity;

  /** Looks at what ended and what is left; called on each SIGCHLD and by timer. */
  look(): void {
    const now = this.#options.clock.now();
    for (const end of this.#options.spawner.reap()) {
      const attempt = this.#leaders.get(end.pid);
      if (attempt === undefined) {
        this.#strangers.delete(end.pid);
        continue;
      }
      attempt.end = end;
      attempt.endedAtMs = this.#options.clock.wall();
      this.#leaders.delete(end.pid);
    }
    const watched = [...this.#attempts.values()].filter((one) =>
      one.end !== null || one.reason !== null || one.timeoutAtMs <= now
    );
    const ending = this.#killAllAtMs < Infinity;
    if (watched.length > 0 || ending || now >= this.#nextIdleLookMs) {
      this.#nextIdleLookMs = now + IDLE_LOOK_MS;
      this.#findOrphans(now);
      for (const attempt of watched) this.#advance(attempt, now);
    }
    if (ending && now >= this.#killAllAtMs) this.#killEverything();
    this.#startSome();
    this.#tell();
    this.#settleIdle(now);
    this.#arm();
  }

  #nextIdleLookMs = 0;

  dispose(): void {
    this.#timer?.cancel();
    this.#slots.close();
  }

  #findOrphans(now: number): void {
    for (const pid of this.#options.spawner.children()) {
      if (this.#leaders.has(pid)) continue;
      if (!isAlive(pid)) continue;
      const owner = ownerOf(pid, this.#attempts);
      if (owner === null) {
        if (!this.#strangers.has(pid)) this.#strangers.set(pid, commandOf(pid));
        continue;
      }
      owner.orphans.add(pid);
      if (owner.end !== null && owner.killAtMs === Infinity) {
        owner.killAtMs = now + LINGER_MS;
        signalEach(pid, "SIGTERM");
      }
    }
  }

  #advance(attempt: Attempt, now: number): void {
    const { pid } = attempt.started;
    for (const orphan of attempt.orphans) if (!isAlive(orphan)) attempt.orphans.delete(orphan);
    if (
      attempt.end !== null && attempt.orphans.size === 0 && !this.#options.spawner.groupAlive(pid)
    ) {
      return this.#gone(attempt, []);
    }
    if (attempt.timeoutAtMs <= now && attempt.reason === null) {
      attempt.timedOut = true;
      this.#ask(attempt, "timeout", now + attempt.spec.graceMs);
    }
    if (attempt.end !== null && attempt.killAtMs === Infinity) {
      // The leader ended by itself: what it left behind is asked, then killed.
      attempt.killAtMs = now + Math.min(LINGER_MS, attempt.spec.graceMs);
      this.#signalAll(attempt, "SIGTERM");
    }
    if (now < attempt.killAtMs) return;
    attempt.forced = true;
    this.#signalAll(attempt, "SIGKILL");
    if (now - attempt.killAtMs > KILL_PATIENCE_MS || now >= this.#giveUpAtMs) {
      const left = [pid, ...attempt.orphans].filter(isAlive).map((one) =>
        `${one} ${commandOf(one)}`
      );
      if (attempt.end !== null || now >= this.#giveUpAtMs) this.#gone(attempt, left);
    }
  }

  #ask(attempt: Attempt, reason: StopReason, killAtMs: number): void {
    const first = attempt.reason === null;
    attempt.reason ??= reason;
    attempt.killAtMs = Math.min(attempt.killAtMs, killAtMs);
    if (first) this.#signalAll(attempt, "SIGTERM");
  }

  #signalAll(attempt: Attempt, signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = attempt.started;
    const below = attempt.end === null ? descendants(pid) : [];
    signalGroup(pid, signal);
    // A stopped process cannot act on a signal until it continues.
    if (signal === "SIGTERM") signalGroup(pid, "SIGCONT");
    for (const one of [...attempt.orphans, ...below]) {
      if (signal === "SIGKILL") signalEach(one, signal);
      else if (attempt.end !== null) signalEach(one, signal);
      if (signal === "SIGTERM") signalProcess(one, "SIGCONT");
    }
  }

  #killEverything(): void {
    this.#options.cgroup?.kill();
    for (const pid of descendants(Deno.pid)) signalEach(pid, "SIGKILL");
    for (const attempt of this.#attempts.values()) signalGroup(attempt.started.pid, "SIGKILL");
  }

  #gone(attempt: Attempt, leftovers: readonly string[]): void {
    const { started, slot, spec } = attempt;
    this.#attempts.delete(uidOf(started));
    this.#leaders.delete(started.pid);
    this.#room.give(spec);
    const sizes = this.#slots.sizes(slot);
    if (leftovers.length === 0) this.#slots.give(slot);
    const { cause, code } = causeOf(attempt);
    this.#facts.ended({
      generation: started.generation,
      index: started.index,
      attempt: started.attempt,
      cause,
      code,
      atMs: attempt.endedAtMs || this.#options.clock.wall(),
      outTo: sizes.out,
      errTo: sizes.err,
      forced: attempt.forced,
      detail: null,
      leftovers,
    });
    const hard = attempt.forced || leftovers.length > 0;
    if (hard && this.#killAllAtMs < Infinity) {
      this.#hardEnds.push({ started, job: spec.job, leftovers });
    }
  }

  /** Attempts that did not end when the keeper's own end asked them. */
  readonly #hardEnds: HardEnd[] = [];

  #startSoon(): void {
    if (this.#startingSoon) return;
    this.#startingSoon = true;
    queueMicrotask(() => {
      this.#startingSoon = false;
      this.#startSome();
      this.#tell();
      this.#arm();
    });
  }

  #startSome(): void {
    let begun = 0;
    while (!this.#closed && begun < STARTS_A_TURN) {
      const next = this.#queue.first();
      if (next === undefined) break;
      const prepared = this.#specs.get(next.generation);
      if (prepared !== undefined && !this.#room.fits(prepared.spec)) break;
      this.#queue.shift();
      if (prepared === undefined) {
        const end = { cause: "missing", detail: "no spec" } as const;
        this.#neverStarted(next, end);
        continue;
      }
      if (this.#attempts.has(uidOf(next))) continue;
      this.#spawn(prepared, next);
      begun++;
    }
    if (begun === STARTS_A_TURN) this.#startSoon();
    if (this.#freshStarts.length > 0) this.#options.journal(this.#freshStarts.splice(0));
  }

  #spawn(prepared: Prepared, which: AttemptKey): void {
    const { spec } = prepared;
    const { cluster, worker, clock } = this.#options;
    const { slot, outFrom, errFrom } = this.#slots.take();
    let pid: number;
    try {
      prepared.path ??= resolveCommand(spec.argv[0] ?? "", {
        path: spec.env.PATH ?? "",
        cwd: prepared.cwd,
      });
      const uid = uidOf(which);
      pid = this.#options.spawner.spawn({
        path: prepared.path,
        argv: spec.argv,
        env: prepared.env,
        extraEnv: [
          `IRIS_TASK=${spec.job}/${which.index}`,
          `IRIS_TASK_INDEX=${which.index}`,
          `IRIS_ATTEMPT=${which.attempt}`,
          ...entryOf(spec, which.index),
          `${MARKER}=${cluster}.${worker}.${uid}`,
        ],
        cwd: prepared.cwd,
        stdoutPath: slot.outPath,
        stderrPath: slot.errPath,
      });
    } catch (error) {
      this.#slots.give(slot);
      if (!(error instanceof IrisError)) throw error;
      return this.#neverStarted(which, { cause: "launch_error", detail: messageOf(error) });
    }
    const started: StartedFact = {
      ...which,
      pid,
      atMs: clock.wall(),
      slot: slot.number,
      rotation: slot.rotation,
      outFrom,
      errFrom,
    };
    const attempt: Attempt = {
      started,
      slot: { ...slot },
      spec,
      end: null,
      endedAtMs: 0,
      reason: null,
      killAtMs: Infinity,
      forced: false,
      timedOut: false,
      timeoutAtMs: spec.timeoutMs === null ? Infinity : clock.now() + spec.timeoutMs,
      orphans: new Set(),
    };
    this.#attempts.set(uidOf(which), attempt);
    this.#leaders.set(pid, attempt);
    this.#room.take(spec);
    this.#facts.started(started);
    this.#freshStarts.push(started);
  }

  #neverStarted(
    which: AttemptKey,
    end: { cause: EndCause; detail: string | null },
  ): void {
    this.#facts.ended({
      ...which,
      ...end,
      code: end.cause === "launch_error" ? 127 : 0,
      atMs: this.#options.clock.wall(),
      outTo: 0,
      errTo: 0,
      forced: false,
      leftovers: [],
    });
  }

  #tell(): void {
    if (this.#facts.hasNews) this.#options.onFacts();
  }

  #arm(): void {
    if (this.#timer !== null) return;
    const busy = [...this.#attempts.values()].some((one) =>
      one.end !== null || one.reason !== null
    );
    const ending = this.#killAllAtMs < Infinity && this.#idle !== null;
    if (this.#attempts.size === 0 && this.#strangers.size === 0 && !ending) return;
    this.#timer = this.#options.clock.setTimer(busy || ending ? LOOK_MS : IDLE_LOOK_MS, () => {
      this.#timer = null;
      this.look();
    });
  }

  #untilIdle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const earlier = this.#idle;
    this.#idle = () => {
      earlier?.();
      resolve();
    };
    this.look();
    return promise;
  }

  #settleIdle(now: number): void {
    if (this.#idle === null) return;
    for (const pid of this.#strangers.keys()) if (!isAlive(pid)) this.#strangers.delete(pid);
    const over = this.#attempts.size === 0 && this.#strangers.size === 0;
    if (!over && now < this.#giveUpAtMs) return;
    const settle = this.#idle;
    this.#idle = null;
    settle();
  }
}

/** The line of the environment that holds a task's entry, if its job has entries. */
function entryOf({ entries }: KeeperSpec, index: number): string[] {
  return entries === null || entries === undefined ? [] : [`IRIS_ENTRY=${entries[index] ?? ""}`];
}
