/**
 * A worker in a few lines, for benches and tests of the controller: obeys desired sets as a real one
 * does, runs attempts in no time, and tells what it saw until that is acknowledged. No clock, no
 * network.
 */
import { RunSet } from "../../src/wire/run_set.ts";
import type { Desired, Observed } from "../../src/heartbeat/messages.ts";
import type { EndedRun, StartedRun } from "../../src/wire/reconcile.ts";
import { attemptUid, type Run } from "../../src/wire/runs.ts";

/** How the attempts of a simulated worker end. */
export type EndOf = (run: Run) => Pick<{ cause: EndedRun[4]; code: number }, "cause" | "code">;

const WELL: EndOf = () => ({ cause: "exit", code: 0 });

/** One worker, driven by desired sets. */
export class SimWorker {
  readonly name: string;
  readonly #waiting = new RunSet();
  readonly #running = new RunSet();
  /** Told and not acknowledged. */
  readonly #ended = new RunSet();
  #facts: { upTo: number; started: StartedRun[]; ended: EndedRun[] }[] = [];
  #missing: Run[] = [];
  #upTo = 0;
  #version = 0;
  #incarnation = 0;
  accepting = true;
  /** Nothing starts: what waits needs something that is not here yet. */
  fetching = false;
  /** Each attempt that begins says that it has such ports. */
  ports: readonly string[] = [];

  /** @param slots how many run at the same time */
  constructor(name: string, readonly slots: number) {
    this.name = name;
  }

  /** Attempts that wait here. */
  get backlog(): number {
    return this.#waiting.size;
  }

  /** Attempts that run here. */
  get running(): number {
    return this.#running.size;
  }

  /** Everything that is here and not ended. */
  get live(): Run[] {
    return [...this.#running, ...this.#waiting];
  }

  /** Takes a desired set in. */
  apply(desired: Desired, { atMs }: { atMs: number }): void {
    this.#version = desired.version;
    this.#incarnation = desired.incarnation;
    this.#acknowledge(desired.ackFacts);
    const started: StartedRun[] = [];
    const ended: EndedRun[] = [];
    this.#missing = [];
    for (const [generation, from, to, attempt] of desired.stop) {
      const run: Run = [generation, from, to, attempt];
      for (const set of [this.#waiting, this.#running]) {
        for (const here of set.intersect([run])) {
          set.delete(here);
          ended.push([...here, "cancelled", 0, atMs]);
        }
      }
      this.#missing.push(...this.#ended.missing([run]).flatMap((part) => this.#notIn(ended, part)));
    }
    const wanted = new RunSet(desired.run);
    for (const back of wanted.missing(this.#waiting)) {
      this.#waiting.delete(back);
      ended.push([...back, "missing", 0, atMs]);
    }
    for (const back of wanted.missing(this.#running)) {
      this.#running.delete(back);
      ended.push([...back, "cancelled", 0, atMs]);
    }
    const fresh = this.#ended.missing(this.#running.missing(this.#waiting.missing(desired.run)));
    if (this.accepting) this.#waiting.addAll(fresh);
    else this.#missing.push(...fresh);
    this.#tell(started, ended);
  }

  #notIn(ended: readonly EndedRun[], run: Run): Run[] {
    return new RunSet(ended.map(([g, from, to, attempt]) => [g, from, to, attempt])).missing([run]);
  }

  /** Starts what there are slots for. */
  start(atMs: number): void {
    if (this.fetching) return;
    const started: StartedRun[] = [];
    for (const run of this.#take(this.#waiting, this.slots - this.#running.size)) {
      this.#running.add(run);
      started.push([...run, atMs]);
    }
    this.#tell(started, []);
  }

  /** Ends up to `count` of what runs. */
  finish(count: number, { atMs, end = WELL }: { atMs: number; end?: EndOf }): void {
    const ended = this.#take(this.#running, count).map((run): EndedRun => {
      const { cause, code } = end(run);
      return [...run, cause, code, atMs];
    });
    this.#tell([], ended);
  }

  /** Runs everything that waits, `slots` at a time, in no time. `apart`: each end a tuple of its own. */
  runAll(atMs: number, { apart = false } = {}): void {
    const runs = this.#take(this.#waiting, this.#waiting.size).flatMap((run) =>
      apart ? singles(run) : [run]
    );
    this.#tell(
      runs.map((run): StartedRun => [...run, atMs]),
      runs.map((run): EndedRun => [...run, "exit", 0, atMs]),
    );
  }

  /** The answer to a call that carried the last desired set. */
  observed(): Observed {
    const facts = this.#facts.length === 0 ? null : {
      upTo: this.#upTo,
      started: this.#facts.flatMap((batch) => batch.started),
      ended: this.#facts.flatMap((batch) => batch.ended),
      detail: {},
      ...(this.ports.length === 0 ? {} : { ports: this.#portsOfStarted() }),
    };
    return {
      worker: this.name,
      incarnation: this.#incarnation,
      version: this.#version,
      facts,
      missing: this.#missing,
      building: this.fetching ? [...this.#waiting] : [],
      backlog: this.#waiting.size,
      running: this.#running.size,
      accepting: this.accepting,
      reason: this.accepting ? null : "it stops",
      stopping: !this.accepting,
    };
  }

  #portsOfStarted(): Record<string, Record<string, number>> {
    const started = this.#facts.flatMap((batch) => batch.started);
    return Object.fromEntries(
      started.flatMap(([generation, from, to, attempt]) =>
        Array.from({ length: to - from }, (_, i) => [
          attemptUid(generation, from + i, attempt),
          Object.fromEntries(this.ports.map((name, at) => [name, 20_000 + 100 * at + from + i])),
        ])
      ),
    );
  }

  /** Forgets everything, as a worker does whose host was started anew. */
  reset(): void {
    this.#waiting.clear();
    this.#running.clear();
    this.#ended.clear();
    this.#facts = [];
    this.#missing = [];
    this.#upTo = 0;
  }

  #acknowledge(upTo: number): void {
    for (const batch of this.#facts) {
      if (batch.upTo > upTo) continue;
      for (const [g, from, to, attempt] of batch.ended) this.#ended.delete([g, from, to, attempt]);
    }
    this.#facts = this.#facts.filter((batch) => batch.upTo > upTo);
  }

  #tell(started: StartedRun[], ended: EndedRun[]): void {
    if (started.length + ended.length === 0) return;
    this.#upTo += 1;
    this.#facts.push({ upTo: this.#upTo, started, ended });
    for (const [g, from, to, attempt] of ended) this.#ended.add([g, from, to, attempt]);
  }

  #take(set: RunSet, count: number): Run[] {
    const taken: Run[] = [];
    let left = count;
    for (const [g, from, to, attempt] of [...set]) {
      if (left <= 0) break;
      const n = Math.min(left, to - from);
      taken.push([g, from, from + n, attempt]);
      left -= n;
    }
    set.deleteAll(taken);
    return taken;
  }
}

function singles([generation, from, to, attempt]: Run): Run[] {
  return Array.from({ length: to - from }, (_, i) => [generation, from + i, from + i + 1, attempt]);
}
