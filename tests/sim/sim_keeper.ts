/**
 * A keeper of the simulator: the real queue, room, book of facts and inheritance of a keeper, and
 * tasks that only time moves. It outlives the links to it, keeps facts until they are acknowledged, and passes the
 * contract suite of keepers.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import type { StopCause, StopReport } from "../../src/lifecycle/part.ts";
import type { EndCause, StopReason } from "../../src/wire/reconcile.ts";
import { attemptUid, type Run } from "../../src/wire/runs.ts";
import { detachReport } from "../../src/worker/keeper/end_report.ts";
import type { FactBook } from "../../src/worker/keeper/fact_book.ts";
import { inheritFacts } from "../../src/worker/keeper/inherit.ts";
import type { JournalContent } from "../../src/worker/keeper/journal.ts";
import { PortBook } from "../../src/worker/keeper/port_book.ts";
import { Room } from "../../src/worker/keeper/room.ts";
import { RunQueue } from "../../src/worker/keeper/run_queue.ts";
import type {
  KeeperCapacity,
  KeeperHello,
  KeeperLink,
  KeeperSpec,
  NeverStarted,
  StartedFact,
} from "../../src/worker/keeper_link.ts";
import { KeeperLinkTo, type ToldKeeper } from "../fakes/keeper_link_to.ts";

/** Facts that come this close together travel together, in ms. */
const BATCH_MS = 2;
/** Of the time that its end may take, the share after which it kills. */
const KILL_SHARE = 0.7;

/** What a task is going to do, if it is left alone. */
export interface TaskPlan {
  /** How long it runs, in ms; Infinity for one that never ends by itself. */
  readonly runMs: number;
  /** Its exit code, or null when the signal ends it. */
  readonly code: number | null;
  /** How long after SIGTERM it ends, in ms; Infinity for one that ignores it. */
  readonly termMs: number;
  /** True for one that SIGKILL does not end, as a process that waits for a dead disk. */
  readonly stuck: boolean;
  /** Whether it tells the controller where it can be reached. */
  readonly says?: boolean;
}

/** One process of a task, and what became of it: the truth that everything else is held against. */
export interface SimProcess {
  readonly uid: string;
  readonly generation: number;
  readonly index: number;
  readonly attempt: number;
  readonly keeper: SimKeeper;
  readonly startedAtMs: number;
  endedAtMs: number | null;
  /** Exit code, or 128 + signal number. */
  code: number | null;
  /** Whether it ended by itself, with an exit code. */
  exited: boolean;
  /** Ports that it was given, by name; left out when it asked for none. */
  readonly ports?: Readonly<Record<string, number>>;
}

/** Who decides what tasks do, and sees them. */
export interface TaskWorld {
  plan(spec: KeeperSpec, which: { index: number; attempt: number }): TaskPlan;
  began(of: SimProcess, spec: KeeperSpec): void;
  ended(of: SimProcess): void;
  /** An attempt could not be started. */
  unlaunched?(uid: string): void;
}

/** Few enough that the same port is given again and again, and enough for all that runs at once. */
const PORTS = { from: 20_000, to: 20_007 };
/** Every port is as good as another: nobody else is on the machine. */
const PORT_POWERS = { isFree: () => true, lock: () => ({ close() {} }) };

interface Task {
  readonly process: SimProcess;
  readonly spec: KeeperSpec;
  readonly plan: TaskPlan;
  readonly started: StartedFact;
  reason: StopReason | null;
  timedOut: boolean;
  forced: boolean;
  killAtMs: number;
  readonly timers: Set<Timer>;
}

/** What a simulated keeper is made of. */
export interface SimKeeperOptions {
  readonly worker: string;
  readonly clock: Clock;
  readonly world: TaskWorld;
  readonly version?: string;
  /** The one that had the folder before: what its journal says is told. */
  readonly before?: SimKeeper | null;
  /** Told that it leaves for one of another version. */
  readonly onLeft?: () => void;
}

/** See the head of this file. */
export class SimKeeper implements ToldKeeper {
  /** Of the worker it belongs to. */
  readonly worker: string;
  readonly #clock: Clock;
  readonly #world: TaskWorld;
  readonly #queue = new RunQueue();
  readonly #room = new Room();
  readonly #ports = new PortBook(PORT_POWERS);
  readonly #facts: FactBook;
  readonly #version: string;
  readonly #onLeft: () => void;
  readonly #specs = new Map<number, KeeperSpec>();
  readonly #tasks = new Map<string, Task>();
  #link: KeeperLinkTo | null = null;
  #telling = false;
  #closed = false;
  #dead = false;
  #began = 0;
  #untilIdle: ((report: StopReport) => void)[] = [];
  #endCause: StopCause = "shutdown";

  /** What its journal says since it died, for the keeper after it. */
  #journal: Pick<JournalContent, "last" | "ended" | "open"> | null = null;

  constructor(of: SimKeeperOptions) {
    this.worker = of.worker;
    this.#clock = of.clock;
    this.#world = of.world;
    this.#version = of.version ?? "0";
    this.#ports.range = PORTS;
    this.#onLeft = of.onLeft ?? (() => {});
    const sink = { started() {}, ended() {}, acknowledged() {} };
    const before = of.before ? of.before.#journal : null;
    const content = before && { ...before, boot: "simulated", ticks: 0 };
    this.#facts = inheritFacts(content, { folder: "/nowhere", sink, wallMs: this.#clock.wall() });
  }

  /** False once it is gone, with every fact that nobody acknowledged. */
  get alive(): boolean {
    return !this.#dead;
  }

  /** What runs. */
  get running(): readonly SimProcess[] {
    return [...this.#tasks.values()].map(({ process }) => process);
  }

  /** What runs holds so much of the worker's cores. */
  get heldCpuMilli(): number {
    let sum = 0;
    for (const { spec } of this.#tasks.values()) sum += spec.cpuMilli;
    return sum;
  }

  get capacity(): KeeperCapacity {
    return this.#room.capacity;
  }

  /** A new link; the one before is cut. */
  connect(): KeeperLink {
    this.#link?.cut();
    this.#closed = this.#untilIdle.length > 0;
    this.#facts.take();
    const hello: KeeperHello = {
      pid: 1,
      version: this.#version,
      running: [...this.#tasks.values()].map(({ started }) => started),
      queued: this.#queue.runs,
      facts: structuredClone(this.#facts.all()),
      spawner: "posix_spawn",
      cgroup: null,
      limits: { memory: null, cpu: null, pids: null, disk: null, why: "nothing runs here" },
    };
    return this.#link = new KeeperLinkTo(this, hello);
  }

  setCapacity(capacity: KeeperCapacity): void {
    this.#room.capacity = capacity;
    this.#startSome();
  }

  spec(spec: KeeperSpec): void {
    this.#specs.set(spec.generation, structuredClone(spec));
  }

  forget(generation: number): void {
    this.#specs.delete(generation);
  }

  start(runs: readonly Run[]): void {
    if (this.#closed || this.#dead) return;
    this.#queue.push(runs);
    for (const { started: { generation, index, attempt } } of this.#tasks.values()) {
      this.#queue.take([[generation, index, index + 1, attempt]]);
    }
    this.#startSome();
  }

  unqueue(runs: readonly Run[]): void {
    for (const run of this.#queue.take(runs)) this.#facts.unqueued(run);
    this.#tell();
  }

  refuse(runs: readonly Run[], end: NeverStarted): void {
    this.#queue.take(runs);
    const running = new Set(
      [...this.#tasks.values()].map(({ started: { generation, index, attempt } }) =>
        `${generation}.${index}.${attempt}`
      ),
    );
    for (const [generation, from, to, attempt] of runs) {
      for (let index = from; index < to; index++) {
        if (running.has(`${generation}.${index}.${attempt}`)) continue;
        this.#neverStarted({ generation, index, attempt }, end.cause, end.detail);
      }
    }
    this.#tell();
  }

  stop(runs: readonly Run[], reason: StopReason, graceMs: number | null = null): void {
    for (const [generation, from, to, attempt] of this.#queue.take(runs)) {
      for (let index = from; index < to; index++) {
        this.#neverStarted({ generation, index, attempt }, "cancelled");
      }
    }
    for (const task of this.#tasks.values()) {
      const { generation, index, attempt } = task.started;
      const named = runs.some((run) =>
        run[0] === generation && run[1] <= index && index < run[2] && run[3] === attempt
      );
      if (named) this.#ask(task, reason, Math.min(graceMs ?? Infinity, task.spec.graceMs));
    }
    this.#tell();
  }

  ack(upTo: number): void {
    this.#facts.ack(upTo);
  }

  /** Ends everything, as it is asked to by its worker or by the end of its worker. */
  end({ remainingMs, cause }: { remainingMs: number; cause: StopCause }): Promise<StopReport> {
    this.#closed = true;
    if (cause === "detach") {
      this.#giveBackQueue();
      return Promise.resolve(detachReport(this.#tasks.size, remainingMs));
    }
    this.#endCause = cause;
    this.#giveBackQueue();
    for (const task of this.#tasks.values()) this.#ask(task, "shutdown", remainingMs * KILL_SHARE);
    const { promise, resolve } = Promise.withResolvers<StopReport>();
    const late = this.#clock.setTimer(remainingMs, () => this.#over());
    this.#untilIdle.push((report) => {
      late.cancel();
      resolve(report);
    });
    this.#tell();
    if (this.#tasks.size === 0) this.#over();
    return promise;
  }

  /** Its worker is gone, and it keeps what runs: nothing new starts until the next one comes. */
  orphan(): void {
    this.#link?.cut();
    this.#link = null;
    this.#closed = true;
    this.#giveBackQueue();
  }

  #giveBackQueue(): void {
    for (const run of this.#queue.drain()) this.#facts.unqueued(run);
    this.#tell();
  }

  /** It dies; its tasks are for others to end. */
  die(why: string): void {
    if (this.#dead) return;
    this.#dead = true;
    const { upTo, ended } = structuredClone(this.#facts.all());
    const open = [...this.#tasks.values()].map(({ started }) => ({ started, ticks: 0 }));
    this.#journal = { last: upTo, ended, open };
    const link = this.#link;
    this.#link = null;
    link?.lost(why);
  }

  /** SIGKILL for everything that runs, by whoever cleans up behind it. */
  killAll(): string[] {
    for (const task of [...this.#tasks.values()]) this.#kill(task);
    return [...this.#tasks.keys()];
  }

  /** A task ends by itself, earlier than it was going to. */
  finish(uid: string, code: number): void {
    const task = this.#tasks.get(uid);
    if (task === undefined) throw new Error(`${uid} does not run`);
    this.#ended(task, { code, exited: true });
  }

  #startSome(): void {
    for (;;) {
      const next = this.#queue.first();
      if (next === undefined || this.#closed || this.#dead) break;
      const spec = this.#specs.get(next.generation);
      if (spec !== undefined && !this.#room.fits(spec)) break;
      this.#queue.shift();
      if (spec === undefined) this.#neverStarted(next, "missing");
      else this.#begin(spec, next);
    }
    this.#tell();
  }

  #begin(spec: KeeperSpec, which: { generation: number; index: number; attempt: number }): void {
    const uid = attemptUid(which.generation, which.index, which.attempt);
    if (this.#tasks.has(uid)) return;
    let ports: StartedFact["ports"];
    try {
      ports = this.#ports.take(uid, spec.options?.ports ?? []);
    } catch (error) {
      return this.#neverStarted(which, "launch_error", String(error));
    }
    const started: StartedFact = {
      ...which,
      pid: 1_000 + this.#began++,
      atMs: this.#clock.wall(),
      slot: 0,
      rotation: 0,
      outFrom: 0,
      errFrom: 0,
      ...(ports === undefined ? {} : { ports }),
    };
    const process: SimProcess = {
      ...which,
      uid,
      keeper: this,
      startedAtMs: this.#clock.now(),
      endedAtMs: null,
      code: null,
      exited: false,
      ...(ports === undefined ? {} : { ports }),
    };
    const plan = this.#world.plan(spec, which);
    const task: Task = {
      process,
      spec,
      plan,
      started,
      reason: null,
      timedOut: false,
      forced: false,
      killAtMs: Infinity,
      timers: new Set(),
    };
    this.#tasks.set(uid, task);
    this.#room.take(spec);
    this.#facts.started(started);
    this.#world.began(process, spec);
    if (plan.runMs < Infinity) {
      const exited = plan.code !== null;
      this.#later(task, plan.runMs, () => this.#ended(task, { code: plan.code ?? 137, exited }));
    }
    if (spec.timeoutMs !== null) {
      this.#later(task, spec.timeoutMs, () => {
        if (task.reason !== null) return;
        task.timedOut = true;
        this.#ask(task, "timeout", spec.graceMs);
      });
    }
  }

  #ask(task: Task, reason: StopReason, graceMs: number): void {
    const first = task.reason === null;
    task.reason ??= reason;
    if (first && task.plan.termMs < Infinity) {
      this.#later(task, task.plan.termMs, () => this.#ended(task, { code: 143, exited: false }));
    }
    const killAtMs = this.#clock.now() + graceMs;
    if (killAtMs >= task.killAtMs) return;
    task.killAtMs = killAtMs;
    this.#later(task, graceMs, () => this.#kill(task));
  }

  #kill(task: Task): void {
    task.forced = true;
    if (!task.plan.stuck) this.#ended(task, { code: 137, exited: false });
  }

  #later(task: Task, ms: number, fn: () => void): void {
    task.timers.add(this.#clock.setTimer(ms, fn));
  }

  #ended(task: Task, { code, exited }: { code: number; exited: boolean }): void {
    const { process, started, spec } = task;
    if (!this.#tasks.delete(process.uid)) return;
    for (const timer of task.timers) timer.cancel();
    this.#room.give(spec);
    this.#ports.give(process.uid);
    Object.assign(process, { endedAtMs: this.#clock.now(), code, exited });
    this.#facts.ended({
      generation: started.generation,
      index: started.index,
      attempt: started.attempt,
      cause: causeOf(task, { code, exited }),
      code,
      atMs: this.#clock.wall(),
      outTo: 0,
      errTo: 0,
      forced: task.forced,
      detail: null,
      leftovers: [],
    });
    this.#world.ended(process);
    this.#startSome();
    if (this.#tasks.size === 0) this.#over();
  }

  #neverStarted(
    which: { generation: number; index: number; attempt: number },
    cause: EndCause,
    detail: string | null = null,
  ): void {
    if (cause === "launch_error") {
      this.#world.unlaunched?.(attemptUid(which.generation, which.index, which.attempt));
    }
    this.#facts.ended({
      ...which,
      cause,
      code: cause === "launch_error" ? 127 : 0,
      atMs: this.#clock.wall(),
      outTo: 0,
      errTo: 0,
      forced: false,
      detail,
      leftovers: [],
    });
  }

  /** Everything is over, or the time is: says what did not end. */
  #over(): void {
    const told = this.#untilIdle.splice(0);
    if (told.length === 0) return;
    this.#flush();
    const leftovers = [...this.#tasks.values()].map(({ started, spec }) =>
      `${started.pid} task ${spec.job}/${started.index}`
    );
    const report: StopReport = {
      name: "keeper",
      kind: "process",
      cause: this.#endCause,
      outcome: leftovers.length > 0 ? "leaked" : "clean",
      rung: "ask",
      tookMs: 0,
      allowedMs: 0,
      errors: [],
      leftovers,
      children: [],
    };
    for (const tell of told) tell(report);
    if (this.#endCause === "drain") this.#onLeft();
  }

  #tell(): void {
    if (this.#telling || this.#dead || !this.#facts.hasNews) return;
    this.#telling = true;
    this.#clock.setTimer(BATCH_MS, () => {
      this.#telling = false;
      this.#flush();
    });
  }

  #flush(): void {
    const link = this.#link;
    if (link === null || this.#dead) return;
    const facts = this.#facts.take();
    if (facts !== null) link.facts(structuredClone(facts));
  }
}

/** As the real keeper has it: what ends by itself keeps its own result. */
function causeOf(task: Task, { code, exited }: { code: number; exited: boolean }): EndCause {
  if (task.timedOut) return "timeout";
  if (exited && (task.reason === null || code === 0)) return "exit";
  return task.reason !== null ? "cancelled" : "signal";
}
