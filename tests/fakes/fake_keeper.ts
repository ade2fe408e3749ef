/**
 * A keeper with state and without processes: a queue, what runs, facts that are kept until they are
 * acknowledged. It outlives the links to it. Tests decide when an attempt ends.
 */
import type { StopCause, StopReport } from "../../src/lifecycle/part.ts";
import type { EndCause, StopReason } from "../../src/wire/reconcile.ts";
import { attemptUid, type Run } from "../../src/wire/runs.ts";
import { detachReport } from "../../src/worker/keeper/end_report.ts";
import type {
  EndedFact,
  KeeperCapacity,
  KeeperFacts,
  KeeperHello,
  KeeperLink,
  KeeperSpec,
  NeverStarted,
  StartedFact,
} from "../../src/worker/keeper_link.ts";
import { KeeperLinkTo, type ToldKeeper } from "./keeper_link_to.ts";

type Fact =
  | { number: number; started: StartedFact }
  | { number: number; ended: EndedFact }
  | { number: number; unqueued: Run };

/** The keeper. `connect()` gives links to it. */
export class FakeKeeper implements ToldKeeper {
  readonly specs = new Map<number, KeeperSpec>();
  readonly forgotten: number[] = [];
  /** Every attempt that ever began, in order. */
  readonly began: string[] = [];
  readonly stops: { uid: string; reason: StopReason }[] = [];
  readonly ends: { remainingMs: number; cause: StopCause }[] = [];
  capacity: KeeperCapacity = { cpuMilli: 0, memoryBytes: 0, maxRunning: Infinity };
  /** False for tasks that ignore being asked to stop. */
  obeys = true;
  /** False to keep facts back until `flush()`. */
  autoFlush = true;
  /** What it says it is. */
  version = "0.1.0";
  /** Numbers for tests that need them. */
  wall = 1_000;
  readonly #queue: { uid: string; run: Run }[] = [];
  readonly #running = new Map<string, StartedFact>();
  #facts: Fact[] = [];
  #lastNumber = 0;
  #flushed = 0;
  #slot = 0;
  #link: KeeperLinkTo | null = null;
  #ended: ((report: StopReport) => void) | null = null;

  get running(): string[] {
    return [...this.#running.keys()];
  }

  get queued(): string[] {
    return this.#queue.map(({ uid }) => uid);
  }

  /** Numbers of facts that nobody acknowledged. */
  get kept(): number {
    return this.#facts.length;
  }

  connect(): KeeperLink {
    this.#link?.cut();
    const hello: KeeperHello = {
      pid: 4711,
      version: this.version,
      running: [...this.#running.values()],
      queued: this.#waiting(),
      facts: this.#batch(this.#facts),
      spawner: "posix_spawn",
      cgroup: null,
      limits: { memory: "cgroup v2", cpu: null, pids: null, disk: "counting", why: "a fake" },
    };
    this.#flushed = this.#lastNumber;
    return this.#link = new KeeperLinkTo(this, hello);
  }

  /** An attempt ends by itself. */
  finish(uid: string, end: { code?: number; cause?: EndCause; detail?: string } = {}): void {
    const started = this.#running.get(uid);
    if (started === undefined) throw new Error(`${uid} does not run`);
    this.#running.delete(uid);
    this.#end(started, end);
    this.#pump();
    this.#maybeOver();
  }

  /** The keeper dies. */
  die(why: string): void {
    const link = this.#link;
    this.#link = null;
    link?.lost(why);
  }

  /** Hands over the facts that were kept back. */
  flush(): void {
    const fresh = this.#facts.filter(({ number }) => number > this.#flushed);
    this.#flushed = this.#lastNumber;
    if (fresh.length > 0) this.#link?.facts(this.#batch(fresh));
  }

  spec(spec: KeeperSpec): void {
    this.specs.set(spec.generation, spec);
  }

  forget(generation: number): void {
    this.specs.delete(generation);
    this.forgotten.push(generation);
  }

  start(runs: readonly Run[]): void {
    for (const [generation, from, to, attempt] of runs) {
      if (!this.specs.has(generation)) throw new Error(`start before spec: ${generation}`);
      for (let index = from; index < to; index++) {
        const uid = attemptUid(generation, index, attempt);
        if (this.#running.has(uid) || this.#queue.some((queued) => queued.uid === uid)) continue;
        this.#queue.push({ uid, run: [generation, index, index + 1, attempt] });
      }
    }
    this.#pump();
  }

  unqueue(runs: readonly Run[]): void {
    this.#each(runs, (uid) => {
      const queued = this.#unqueue(uid);
      if (queued !== null) this.#fact({ unqueued: queued });
    });
  }

  stop(runs: readonly Run[], reason: StopReason): void {
    // What waits goes first: room that others make must not start it.
    this.#each(runs, (uid) => {
      this.stops.push({ uid, reason });
      const queued = this.#unqueue(uid);
      if (queued === null) return;
      const [generation, index, , attempt] = queued;
      this.#end({ generation, index, attempt }, { cause: "cancelled" });
    });
    this.#each(runs, (uid) => {
      if (!this.obeys || !this.#running.has(uid)) return;
      this.finish(uid, { cause: "cancelled", code: 143 });
    });
  }

  refuse(runs: readonly Run[], end: NeverStarted): void {
    for (const [generation, from, to, attempt] of runs) {
      for (let index = from; index < to; index++) {
        const uid = attemptUid(generation, index, attempt);
        this.#unqueue(uid);
        if (this.#running.has(uid)) continue;
        this.#end({ generation, index, attempt }, {
          cause: end.cause,
          code: end.cause === "launch_error" ? 127 : 0,
          ...(end.detail === null ? {} : { detail: end.detail }),
        });
      }
    }
  }

  ack(upTo: number): void {
    this.#facts = this.#facts.filter(({ number }) => number > upTo);
  }

  setCapacity(capacity: KeeperCapacity): void {
    this.capacity = capacity;
    this.#pump();
  }

  end(request: { remainingMs: number; cause: StopCause }): Promise<StopReport> {
    this.ends.push(request);
    if (request.cause === "detach") {
      for (const unqueued of this.#waiting()) this.#fact({ unqueued });
      this.#queue.length = 0;
      return Promise.resolve(detachReport(this.#running.size, request.remainingMs));
    }
    this.capacity = { ...this.capacity, maxRunning: 0 };
    const over = new Promise<StopReport>((resolve) => {
      const before = this.#ended;
      this.#ended = (report) => {
        before?.(report);
        resolve(report);
      };
    });
    for (const unqueued of this.#waiting()) this.#fact({ unqueued });
    this.#queue.length = 0;
    if (this.obeys) { for (const uid of this.running) this.finish(uid, { cause: "cancelled" }); }
    this.#maybeOver();
    return over;
  }

  /** What a real keeper does when the time is over. */
  forceEnd(): void {
    for (const uid of this.running) this.finish(uid, { cause: "signal", code: 137 });
    this.#maybeOver();
  }

  /** What waits, neighbours as one run. */
  #waiting(): Run[] {
    const runs: [number, number, number, number][] = [];
    for (const { run: [generation, from, to, attempt] } of this.#queue) {
      const last = runs.at(-1);
      if (last?.[0] === generation && last[2] === from && last[3] === attempt) last[2] = to;
      else runs.push([generation, from, to, attempt]);
    }
    return runs;
  }

  #maybeOver(): void {
    if (this.#ended === null || this.#running.size > 0) return;
    const told = this.#ended;
    this.#ended = null;
    if (this.autoFlush) this.flush();
    told({
      name: "keeper",
      kind: "process",
      cause: this.ends[0]!.cause,
      outcome: "clean",
      rung: "ask",
      tookMs: 1,
      allowedMs: this.ends[0]!.remainingMs,
      errors: [],
      leftovers: [],
      children: [],
    });
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#running.size < this.capacity.maxRunning) {
      const { uid, run: [generation, index, , attempt] } = this.#queue.shift()!;
      const started: StartedFact = {
        generation,
        index,
        attempt,
        pid: 10_000 + this.began.length,
        atMs: this.wall,
        slot: this.#slot++ % 4,
        rotation: 0,
        outFrom: 0,
        errFrom: 0,
      };
      this.began.push(uid);
      this.#running.set(uid, started);
      this.#fact({ started });
    }
  }

  #end(
    attempt: { generation: number; index: number; attempt: number },
    end: { code?: number; cause?: EndCause; detail?: string },
  ): void {
    this.#fact({
      ended: {
        generation: attempt.generation,
        index: attempt.index,
        attempt: attempt.attempt,
        cause: end.cause ?? "exit",
        code: end.code ?? 0,
        atMs: this.wall,
        outTo: 0,
        errTo: 0,
        forced: false,
        detail: end.detail ?? null,
        leftovers: [],
      },
    });
  }

  #fact(fact: { started: StartedFact } | { ended: EndedFact } | { unqueued: Run }): void {
    this.#facts.push({ ...fact, number: ++this.#lastNumber });
    if (this.autoFlush) queueMicrotask(() => this.flush());
  }

  #batch(facts: readonly Fact[]): KeeperFacts {
    return {
      upTo: facts.at(-1)?.number ?? this.#lastNumber,
      started: facts.flatMap((fact) => "started" in fact ? [fact.started] : []),
      ended: facts.flatMap((fact) => "ended" in fact ? [fact.ended] : []),
      unqueued: facts.flatMap((fact) => "unqueued" in fact ? [fact.unqueued] : []),
    };
  }

  #unqueue(uid: string): Run | null {
    const at = this.#queue.findIndex((queued) => queued.uid === uid);
    return at < 0 ? null : this.#queue.splice(at, 1)[0]!.run;
  }

  #each(runs: readonly Run[], fn: (uid: string) => void): void {
    for (const [generation, from, to, attempt] of runs) {
      for (let index = from; index < to; index++) fn(attemptUid(generation, index, attempt));
    }
  }
}
