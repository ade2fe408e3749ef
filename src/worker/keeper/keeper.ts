/**
 * The keeper's core: holds the queue, starts attempts as resources allow, has them ended when asked,
 * and keeps every fact until it is acknowledged. Synchronous; time comes from the clock it is given,
 * processes from the spawner. Runs in the keeper process.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import type { Cgroup } from "../../host/cgroup.ts";
import type { FileCalls } from "../../host/file_calls.ts";
import { resolveCommand } from "../../host/resolve_command.ts";
import type { Spawner, SpawnRequest } from "../../host/spawner.ts";
import type { StopCause, StopReport } from "../../lifecycle/part.ts";
import type { EndCause, StopReason } from "../../wire/reconcile.ts";
import type { Run } from "../../wire/runs.ts";
import type {
  KeeperCapacity,
  KeeperFacts,
  KeeperSpec,
  NeverStarted,
  StartedFact,
} from "../keeper_link.ts";
import { mayReturn } from "../../wire/returned.ts";
import { makeReturnFolder, takeReturn } from "../returns.ts";
import { type Attempt, type AttemptKey, runOf, uidOf } from "./attempt.ts";
import { endingOf } from "./attempt_ending.ts";
import { AttemptUsages } from "./attempt_usage.ts";
import { Cleanups } from "./cleanups.ts";
import { endReport, type HardEnd } from "./end_report.ts";
import { ExecTable } from "./exec_table.ts";
import type { FactBook } from "./fact_book.ts";
import type { Hold } from "./hold.ts";
import type { Holds } from "./holds.ts";
import { IDLE_LOOK_MS, LiveAttempts } from "./live_attempts.ts";
import { MARKER } from "./marker.ts";
import { OutputFolders } from "./output_folders.ts";
import { OutputGuard } from "./output_guard.ts";
import { PortBook } from "./port_book.ts";
import { Room } from "./room.ts";
import { RunQueue } from "./run_queue.ts";
import { type Slot, Slots } from "./slots.ts";
import { attemptLines, jobLines } from "./task_env.ts";
import { TokenFiles } from "./token_files.ts";

/** How often what should be gone is looked at, in ms. */
const LOOK_MS = 10;
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
  /** What attempts are limited with. */
  readonly holds: Holds;
  readonly clock: Clock;
  /** For holes in output that is too long; null where that cannot be had. */
  readonly files: FileCalls | null;
  /** How much output is kept: of an attempt and stream, and of all that run. In bytes. */
  readonly logLimitBytes: number;
  readonly logSpaceBytes: number;
  /** What an earlier keeper of this folder left to be told; empty for a first one. */
  readonly facts: FactBook;
  /** Writes down the facts of this turn, where the next keeper finds them. */
  readonly note: () => void;
  /** Told that `takeFacts` has something. */
  readonly onFacts: () => void;
}

interface Prepared {
  readonly spec: KeeperSpec;
  readonly env: readonly string[];
  readonly cwd: string;
  /** Whether its attempts have limits or another user, and are not simply spawned. */
  readonly held: boolean;
  path: string | null;
}

/** See the head of this file. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #slots: Slots;
  readonly #guard: OutputGuard;
  readonly #specs = new Map<number, Prepared>();
  readonly #queue = new RunQueue();
  readonly #facts: FactBook;
  readonly #live: LiveAttempts;
  readonly #cleanups: Cleanups;
  /** Commands beside attempts, for the side door. */
  readonly execs = new ExecTable();
  readonly usages: AttemptUsages;
  /** Attempts that did not end when the keeper's own end asked them. */
  readonly #hardEnds: HardEnd[] = [];
  readonly #room = new Room();
  readonly #outputs: OutputFolders;
  readonly #ports = new PortBook();
  readonly #tokens: TokenFiles;
  #timer: Timer | null = null;
  #closed = false;
  #startingSoon = false;
  #idle: (() => void) | null = null;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#facts = options.facts;
    this.#slots = new Slots(`${options.folder}/logs`);
    this.#outputs = new OutputFolders(options.folder, options.holds);
    this.#tokens = new TokenFiles(options.folder, options.holds.runAs);
    const { spawner, cgroup, clock, folder, cluster, worker } = options;
    this.#cleanups = new Cleanups({ spawner, clock, folder, prefix: `${cluster}.${worker}.` });
    const cleanups = this.#cleanups;
    this.#guard = new OutputGuard({
      ...{ clock, calls: options.files, sizes: (slot) => this.#slots.sizes(slot) },
      ...{ limitBytes: options.logLimitBytes, spaceBytes: options.logSpaceBytes },
    });
    const onGone = (attempt: Attempt, left: readonly string[]) => this.#gone(attempt, left);
    const { execs } = this;
    this.usages = new AttemptUsages({ clock, execs: (one) => execs.of(uidOf(one.started)) });
    this.#live = new LiveAttempts({ spawner, cgroup, clock, cleanups, execs, onGone });
    spawner.onChildEnd(() => this.look());
  }

  get running(): readonly StartedFact[] {
    return this.#live.started;
  }

  get queued(): readonly Run[] {
    return this.#queue.runs;
  }

  /** Attempts that are not proved gone, by uid. */
  get attempts(): ReadonlyMap<string, Attempt> {
    return this.#live.attempts;
  }

  capacity(capacity: KeeperCapacity): void {
    this.#room.capacity = capacity;
    if (capacity.ports !== undefined) this.#ports.range = capacity.ports;
    this.#startSoon();
  }

  spec(spec: KeeperSpec): void {
    this.#cleanups.note(spec);
    const cwd = spec.cwd ?? `${this.#options.folder}/work`;
    if (spec.cwd === null) {
      try {
        this.#options.holds.makeWork(cwd);
      } catch {
        // Each start says that there is none.
      }
    }
    const env = [...jobLines(spec), ...this.#tokens.write(spec)];
    const held = this.#options.holds.needed(spec);
    this.#specs.set(spec.generation, { spec, env, cwd, held, path: null });
  }

  forget(generation: number): void {
    this.#specs.delete(generation);
    this.#outputs.forget(generation);
    this.#tokens.forget(generation);
  }

  start(runs: readonly Run[]): void {
    if (this.#closed) return;
    this.#queue.push(runs);
    this.#queue.take(this.#live.matching(runs).map(runOf));
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
    for (const attempt of this.#live.matching(runs)) {
      this.#live.ask(attempt, reason, now + Math.min(graceMs ?? Infinity, attempt.spec.graceMs));
    }
    this.#tell();
    this.#arm();
  }

  /** Says of attempts that never came here how they ended. */
  refuse(runs: readonly Run[], end: NeverStarted): void {
    this.#queue.take(runs);
    for (const [generation, from, to, attempt] of runs) {
      for (let index = from; index < to; index++) {
        const which = { generation, index, attempt };
        if (!this.#live.has(which)) this.#neverStarted(which, end);
      }
    }
    this.#tell();
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

  /** True when nothing runs, and nothing is left to be told. */
  get settled(): boolean {
    return !this.#live.any && this.#facts.empty;
  }

  /** Takes in nothing new. */
  close(): void {
    this.#closed = true;
    for (const run of this.#queue.drain()) this.#facts.unqueued(run);
    this.#tell();
  }

  /** Takes in new work again, for a worker that came back; not once everything is being ended. */
  open(): void {
    if (!this.#live.ending) this.#closed = false;
  }

  /** Asks every attempt to end, kills at the given time, and resolves when all that can is gone. */
  async end(of: { cause: StopCause; killAtMs: number; untilMs: number }): Promise<StopReport> {
    const { clock } = this.#options;
    const from = clock.now();
    this.close();
    this.#live.endAll(of);
    this.look();
    await this.#untilIdle();
    return endReport({
      cause: of.cause,
      tookMs: clock.now() - from,
      allowedMs: of.untilMs - from,
      hard: this.#hardEnds,
      strangers: this.#live.strangers(),
    });
  }

  /** Looks at what ended and what is left; called on each SIGCHLD and by timer. */
  look(): void {
    this.#live.look();
    this.#options.holds.tidy(this.#options.clock.now());
    this.usages.round(this.#live.attempts);
    this.#startSome();
    this.#tell();
    this.#settleIdle();
    this.#arm();
  }

  dispose(): void {
    this.#timer?.cancel();
    if (!this.#live.any) this.#cleanups.close();
    this.#guard.dispose();
    this.#slots.close();
    this.#options.holds.close();
    this.#ports.close();
    this.#tokens.close();
  }

  #gone(attempt: Attempt, alive: readonly string[]): void {
    const { started, slot, spec } = attempt;
    this.#room.give(spec);
    const sizes = this.#slots.sizes(slot);
    this.#guard.end(slot, sizes);
    if (alive.length === 0) {
      this.#slots.give(slot);
      this.#ports.give(uidOf(started));
    }
    const { returned, ...ending } = endingOf(attempt, {
      ...{ alive, cleanup: this.#cleanups.take(attempt), folder: this.#options.folder },
      usages: this.usages,
    });
    if (attempt.hold !== null) this.#options.holds.drop(attempt.hold);
    this.#facts.ended({
      generation: started.generation,
      index: started.index,
      attempt: started.attempt,
      ...ending,
      atMs: attempt.endedAtMs || this.#options.clock.wall(),
      outTo: sizes.out,
      errTo: sizes.err,
      ...(returned === null ? {} : { returned }),
    }, started);
    const { forced, leftovers } = ending;
    const hard = forced || leftovers.length > 0;
    if (hard && this.#live.ending) this.#hardEnds.push({ started, job: spec.job, leftovers });
  }

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
      if (this.#live.has(next)) continue;
      this.#spawn(prepared, next);
      begun++;
    }
    if (begun === STARTS_A_TURN) this.#startSoon();
    if (begun > 0) this.#options.note();
  }

  #spawn(prepared: Prepared, which: AttemptKey): void {
    const { spec } = prepared;
    const { clock, holds, spawner } = this.#options;
    const { slot, outFrom, errFrom } = this.#slots.take(which);
    // Before the first write, so that it is seen.
    this.#guard.begin(slot, { outFrom, errFrom, limitBytes: spec.options?.logBytes ?? null });
    let pid: number;
    let launch: SpawnRequest;
    let hold: Hold | null = null;
    let ports: StartedFact["ports"];
    try {
      ports = this.#ports.take(uidOf(which), spec.options?.ports ?? []);
      let request = this.#request(prepared, { which, slot, ports });
      if (prepared.held) {
        ({ request, hold } = holds.take({ spec, uid: uidOf(which), request, errFrom }));
      }
      launch = request;
      try {
        pid = spawner.spawn(request);
      } catch (error) {
        if (!this.#workIsBack(prepared)) throw error;
        pid = spawner.spawn(request);
      }
    } catch (error) {
      this.#guard.end(slot, { out: outFrom, err: errFrom });
      this.#slots.give(slot);
      this.#ports.give(uidOf(which));
      if (hold !== null) holds.drop(hold);
      if (mayReturn(spec.options)) takeReturn(this.#options.folder, uidOf(which));
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
      order: this.#slots.nextOrder(),
      ...(ports === undefined ? {} : { ports }),
    };
    const timeoutAtMs = spec.timeoutMs === null ? Infinity : clock.now() + spec.timeoutMs;
    this.#live.add({
      started,
      slot: { ...slot },
      spec,
      hold,
      launch,
      end: null,
      ownEnd: false,
      endedAtMs: 0,
      reason: null,
      killAtMs: Infinity,
      forced: false,
      timedOut: false,
      timeoutAtMs,
      exceeded: null,
      warnAtMs: spec.options?.warn ? timeoutAtMs - spec.options.warn.beforeMs : Infinity,
      orphans: new Set(),
    });
    this.#room.take(spec);
    this.#facts.started(started);
  }

  /** Makes the folder that tasks share anew when one of them has deleted it. */
  #workIsBack({ spec, cwd }: Prepared): boolean {
    if (spec.cwd !== null || folderExists(cwd)) return false;
    try {
      this.#options.holds.makeWork(cwd);
      return true;
    } catch {
      // The start that was refused says why.
      return false;
    }
  }

  /** @throws {IrisError} `launch` when there is no such command */
  #request(
    prepared: Prepared,
    { which, slot, ports }: { which: AttemptKey; slot: Slot; ports: StartedFact["ports"] },
  ): SpawnRequest {
    const { spec, cwd } = prepared;
    const { cluster, worker } = this.#options;
    prepared.path ??= resolveCommand(spec.argv[0] ?? "", { path: spec.env.PATH ?? "", cwd });
    return {
      path: prepared.path,
      argv: spec.argv,
      env: prepared.env,
      extraEnv: [
        ...attemptLines(spec, which, ports),
        ...(mayReturn(spec.options) ? this.#returnFolder(uidOf(which), spec) : []),
        ...this.#outputs.begin(spec, which),
        `${MARKER}=${cluster}.${worker}.${uidOf(which)}`,
      ],
      cwd,
      stdoutPath: slot.outPath,
      stderrPath: slot.errPath,
    };
  }

  #returnFolder(uid: string, { options }: KeeperSpec): string[] {
    const { folder, holds: { runAs } } = this.#options;
    return makeReturnFolder(folder, uid, runAs ?? (options?.container ? "anyone" : null));
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
    this.#options.note();
    if (this.#facts.hasNews) this.#options.onFacts();
  }

  #arm(): void {
    if (this.#timer !== null) return;
    const ending = this.#live.ending && this.#idle !== null;
    if (!this.#live.any && !ending) return;
    const dueMs = Math.min(IDLE_LOOK_MS, Math.max(LOOK_MS, Math.ceil(this.#live.dueInMs())));
    const lookMs = this.#live.busy || ending ? LOOK_MS : dueMs;
    this.#timer = this.#options.clock.setTimer(lookMs, () => {
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

  #settleIdle(): void {
    if (this.#idle === null || !this.#live.isOver()) return;
    const settle = this.#idle;
    this.#idle = null;
    settle();
  }
}

function folderExists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
