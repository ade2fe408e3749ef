import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import type { ReconcileRequest, ReconcileResponse } from "../../src/wire/reconcile.ts";
import { attemptUid, type Run } from "../../src/wire/runs.ts";
import { DesiredState } from "../../src/worker/desired_state.ts";
import type { KeeperLink } from "../../src/worker/keeper_link.ts";
import { FakeKeeper } from "../fakes/fake_keeper.ts";
import { sampleSpec as spec } from "../support/reconcile_samples.ts";

const worker = { worker: "w0", controllerUrl: "http://c", path: "/bin", home: "/" };

/** What a controller remembers of one attempt. */
interface Attempt {
  readonly run: Run;
  wish: "run" | "stop" | "back";
  ends: number;
}

/** A controller, a worker and a keeper with nothing but calls between them. */
class Model {
  readonly keeper = new FakeKeeper();
  readonly attempts = new Map<string, Attempt>();
  #state!: DesiredState;
  #link!: KeeperLink;
  #epoch = 1;
  #seq = 0;
  #acked = 0;
  #older: ReconcileRequest[] = [];
  #answers: ReconcileResponse[] = [];
  #next = 0;

  constructor() {
    this.keeper.autoFlush = false;
    this.keeper.capacity = { cpuMilli: 0, memoryBytes: 0, maxRunning: 3 };
    this.restartWorker();
  }

  /** Calls to the earlier process do not reach the next one: it has a token of its own. */
  restartWorker(): void {
    this.#older = [];
    this.#state = new DesiredState("w0");
    this.#link = this.keeper.connect();
    this.#state.adopt(this.#link.hello, 0);
    this.#link.onFacts((facts) => this.#state.observe(facts, 0));
  }

  restartController(): void {
    this.#epoch++;
    this.#seq = 0;
    this.#acked = 0;
    this.#older = [];
    this.#answers = [];
  }

  assign(count: number): void {
    for (let i = 0; i < count; i++) {
      const index = this.#next++;
      const run: Run = [1 + index % 2, index, index + 1, 0];
      this.attempts.set(attemptUid(run[0], index, 0), { run, wish: "run", ends: 0 });
    }
  }

  wish(pick: number, wish: "stop" | "back"): void {
    const open = [...this.attempts.values()].filter((a) => a.ends === 0 && a.wish === "run");
    if (open.length > 0) open[pick % open.length]!.wish = wish;
  }

  /** Makes a call; its answer waits until `hear`. */
  call(): void {
    const open = [...this.attempts.values()].filter((attempt) => attempt.ends === 0);
    const request: ReconcileRequest = {
      cluster: "c",
      worker: "w0",
      epoch: this.#epoch,
      seq: ++this.#seq,
      waitMs: 0,
      specs: [spec(1), spec(2)],
      run: open.filter((a) => a.wish === "run").map((a) => a.run),
      stop: open.filter((a) => a.wish === "stop").map((a) => [...a.run, "cancelled"] as const),
      ackFacts: this.#acked,
    };
    this.#older.push(request);
    this.#deliver(request);
  }

  /** An old call comes once more, late. */
  repeat(pick: number): void {
    const request = this.#older[pick % Math.max(1, this.#older.length)];
    if (request !== undefined) this.#deliver(request);
  }

  /** The controller takes in the oldest answer, or loses it. */
  hear(lost: boolean): void {
    const answer = this.#answers.shift();
    if (answer === undefined || lost) return;
    if (answer.facts !== null) {
      this.#acked = answer.facts.upTo;
      for (const [generation, from, to, attempt] of answer.facts.ended) {
        for (let index = from; index < to; index++) {
          this.attempts.get(attemptUid(generation, index, attempt))!.ends++;
        }
      }
    }
    if (answer.seq !== this.#seq) return;
    for (const [generation, from, to, attempt] of answer.missing) {
      for (let index = from; index < to; index++) {
        this.attempts.get(attemptUid(generation, index, attempt))!.ends++;
      }
    }
  }

  /** All is told and heard, as it is most of the time. */
  round(): void {
    this.keeper.flush();
    this.call();
    while (this.#answers.length > 0) this.hear(false);
  }

  finish(pick: number): void {
    const { running } = this.keeper;
    if (running.length > 0) this.keeper.finish(running[pick % running.length]!);
  }

  #deliver(request: ReconcileRequest): void {
    for (const command of this.#state.apply(request).commands) {
      if (command.kind === "spec") this.#link.spec(processRuntime.plan(command.spec, worker));
      else if (command.kind === "start") this.#link.start(command.runs);
      else if (command.kind === "unqueue") this.#link.unqueue(command.runs);
      else if (command.kind === "stop") this.#link.stop(command.runs, command.reason, null);
      else if (command.kind === "ack") this.#link.ack(command.upTo);
      else this.#link.forget(command.generation);
    }
    this.#answers.push(this.#state.answer(request));
  }
}

/** Restarts are rare, so that enough happens between them. */
const kind = fc.oneof(
  { weight: 2, arbitrary: fc.constant("assign") },
  { weight: 8, arbitrary: fc.constantFrom("stop", "back", "finish", "finish", "repeat") },
  { weight: 8, arbitrary: fc.constantFrom("call", "flush", "hear", "lose", "round", "round") },
  { weight: 1, arbitrary: fc.constantFrom("controller", "worker") },
);
const step = fc.record({ kind, n: fc.integer({ min: 1, max: 6 }) });

function run(model: Model, { kind, n }: { kind: string; n: number }): void {
  if (kind === "assign") model.assign(n);
  else if (kind === "stop" || kind === "back") model.wish(n, kind);
  else if (kind === "finish") model.finish(n);
  else if (kind === "repeat") model.repeat(n);
  else if (kind === "call") model.call();
  else if (kind === "round") model.round();
  else if (kind === "flush") model.keeper.flush();
  else if (kind === "hear" || kind === "lose") model.hear(kind === "lose");
  else if (kind === "controller") model.restartController();
  else model.restartWorker();
}

Deno.test("in any order of calls, facts, losses and restarts nothing runs twice or is forgotten", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const model = new Model();
      for (const one of steps) run(model, one);
      // Quiet now: what is desired runs to its end, everybody hears everything.
      for (let i = 0; i < model.attempts.size + 3; i++) {
        model.round();
        model.finish(0);
      }
      for (let i = 0; i < 3; i++) model.round();
      assertEquals(new Set(model.keeper.began).size, model.keeper.began.length, "began twice");
      assertEquals(model.keeper.running, []);
      assertEquals(model.keeper.queued, []);
      assertEquals(model.keeper.kept, 0, "the keeper still holds facts");
      for (const [uid, attempt] of model.attempts) {
        // What was asked back before it ever came here is nowhere, and nobody says so.
        if (attempt.wish === "back" && !model.keeper.began.includes(uid)) continue;
        assert(attempt.ends > 0, `${uid} (${attempt.wish}) has no end`);
      }
    }),
    { numRuns: 200 },
  );
});
