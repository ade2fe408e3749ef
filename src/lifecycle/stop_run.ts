/**
 * One node's way down: waits for its start, asks, forces, stops its stages, verifies, releases, and
 * writes it all down. Owns the deadlines of that stop. Runs in the owner's isolate.
 */
import type { Clock } from "../base/clock.ts";
import { reserveOf, stageFloorMs } from "./budget.ts";
import { Call, type Latch, until } from "./call.ts";
import type { Deadline } from "./deadline.ts";
import type { ErrorList } from "./error_list.ts";
import type { Outcome, Part, Rung, StopCause, StopReport } from "./part.ts";
import { reportError, worstOutcome } from "./stop_report.ts";
import { type Member, stagesOf, stopStages } from "./stop_sequence.ts";

/** What a stop needs of the node that it stops. */
export interface StopSubject {
  readonly part: Part;
  readonly clock: Clock;
  /** Why it stops. */
  readonly cause: StopCause;
  /** Whether a kill came. */
  readonly killed: boolean;
  /** The call of `start`; absent when there is nothing to start. */
  readonly start: Call<void> | undefined;
  /** Whether the part said that it ended. */
  readonly ended: Latch;
  /** Everything thrown in the node's own steps. */
  readonly errors: ErrorList;
  /** Children that have not stopped, in start order. */
  members(): readonly Member[];
  /** Whether a start that rejected with this gave up as told, or its failure is known already. */
  startGaveUp(error: unknown): boolean;
  /** Takes an error that came too late for the report. */
  onLate(error: unknown): void;
}

/** The stop of one node. Nothing here throws. */
export class StopRun {
  /** By when everything is over. */
  readonly total: Deadline;
  /** By when the children are over. */
  readonly work: Deadline;
  /** When it began, on the clock. */
  readonly sinceMs: number;
  readonly #subject: StopSubject;
  readonly #downBy: Deadline;
  readonly #askBy: Deadline;
  readonly #deadlines: Deadline[] = [];
  readonly #stages: readonly (readonly Member[])[];
  readonly #floorMs: number;
  readonly #verifyMs: number;
  #waitsUntil: Deadline | undefined;
  #ask: Call<readonly StopReport[] | void> | undefined;
  #force: Call<void> | undefined;
  #asked = false;
  /** It overran its deadline, or was killed. */
  #overran = false;
  /** It was killed, and nothing yet says that it is gone. */
  #unconfirmed = false;
  #releasing = false;
  #finished = false;
  #leakedAt: Rung | undefined;
  readonly #leftovers: string[] = [];

  /**
   * @param total by when everything must be over; this run disposes of it
   * @param options.keepForRelease whether time is kept for a release, its own or a stage mate's
   */
  constructor(subject: StopSubject, total: Deadline, options: { keepForRelease: boolean }) {
    const { part } = subject;
    this.#subject = subject;
    this.sinceMs = subject.clock.now();
    this.total = total;
    const { forceMs, verifyMs, releaseMs } = reserveOf(total.remainingMs());
    const hasSteps = part.ask || part.force || part.verify || subject.start?.pending;
    this.#verifyMs = verifyMs;
    this.#downBy = total.child({ reserveMs: options.keepForRelease ? releaseMs : 0 });
    this.work = this.#downBy.child({
      reserveMs: hasSteps ? forceMs + verifyMs : 0,
      ...(part.capMs === undefined ? {} : { capMs: part.capMs }),
    });
    this.#stages = stagesOf(subject.members());
    this.#floorMs = stageFloorMs(this.work.remainingMs(), this.#stages.length);
    this.#askBy = this.work.child({ reserveMs: this.#stages.length * this.#floorMs });
    this.#deadlines.push(this.#askBy, this.work, this.#downBy, total);
    if (subject.killed) this.obeyNow();
    subject.start?.onThrew((error) => {
      if (this.#finished || !subject.startGaveUp(error)) this.#threw(error);
    });
  }

  /** How long the step that it waits for in itself may still take, in ms; undefined in no step. */
  get waitsMs(): number | undefined {
    return this.#waitsUntil?.remainingMs();
  }

  /** How long until it is forced, in ms. */
  get askRemainingMs(): number {
    return this.#askBy.remainingMs();
  }

  /** Its deadline to obey is now: what did not, is forced. */
  obeyNow(): void {
    try {
      this.#askBy.nearer(0);
    } catch (error) {
      this.#subject.errors.push(error);
    }
  }

  /**
   * Everything but the release. Its own activity is the newest thing it has, so that ends before
   * the stages below, and is proved gone after them.
   */
  async bringDown(): Promise<void> {
    await this.#endSelf();
    await stopStages(this.#stages, { work: this.work, floorMs: this.#floorMs });
    await this.#awaitForce();
    await this.#prove();
  }

  /** Calls the part's release before it returns; resolves when it is over or its time is. */
  async release(): Promise<void> {
    const { part, start } = this.#subject;
    if (!part.release || !start) return;
    this.#releasing = true;
    const call = this.#call(() => part.release?.());
    await this.#settles(call, this.total, { ownEnd: false });
    if (call.pending) this.#leak("release", ["release did not end in time"]);
  }

  /** Ends this run: no timer is left. @returns what happened, with the children's reports */
  finish(children: readonly StopReport[]): StopReport {
    const { part, cause, clock, errors } = this.#subject;
    this.#finished = true;
    if (this.#unconfirmed) this.#leak("verify", ["its end was never confirmed"]);
    for (const deadline of this.#deadlines) deadline.dispose();
    const below = [...children, ...this.#edgeReports()];
    return {
      name: part.name,
      kind: part.kind,
      cause,
      outcome: worstOutcome([this.#ownOutcome(), ...below.map((child) => child.outcome)]),
      rung: this.#rung(),
      tookMs: clock.now() - this.sinceMs,
      allowedMs: this.total.allowedMs,
      errors: errors.all().map(reportError),
      leftovers: [...this.#leftovers],
      children: below,
    };
  }

  /** Start, ask, force: until the part itself is down, or killed. */
  async #endSelf(): Promise<void> {
    const started = await this.#awaitStart();
    if (started === "no" || this.#subject.ended.happened) return;
    if (started === "yes" && await this.#obeys()) return;
    this.#callForce();
  }

  async #awaitStart(): Promise<"yes" | "no" | "unknown"> {
    const { start, errors } = this.#subject;
    if (!start) return "yes";
    if (start.pending) {
      this.#asked = true;
      await this.#settles(start, this.#askBy);
    }
    if (start.state.kind === "returned") return "yes";
    if (start.state.kind === "threw" || this.#subject.ended.happened) return "no";
    this.#overran = true;
    errors.push(new Error("start did not give up in time"));
    return "unknown";
  }

  /** Asks, and says whether the part ended. */
  async #obeys(): Promise<boolean> {
    const { part, ended, killed } = this.#subject;
    if (!part.ask) return !part.force;
    if (part.force && this.#askBy.passed) return false;
    this.#asked = true;
    const request = {
      cause: killed ? "kill" : this.#subject.cause,
      deadline: this.#lend(this.#askBy),
    } as const;
    const ask = this.#ask = this.#call(() => part.ask?.(request));
    await this.#settles(ask, this.#askBy);
    if (ended.happened || ask.state.kind === "returned") return true;
    this.#overran = ask.pending;
    return false;
  }

  /** What a part is given is a child of ours: whatever it does to it, our own timer stays. */
  #lend(deadline: Deadline, options: { reserveMs?: number } = {}): Deadline {
    const lent = deadline.child(options);
    this.#deadlines.push(lent);
    return lent;
  }

  /** Calls `force`. Its end is awaited later: meanwhile the stages below stop. */
  #callForce(): void {
    const { part } = this.#subject;
    if (!part.force) return;
    this.#overran = true;
    this.#force = this.#call(() => part.force?.());
  }

  async #awaitForce(): Promise<void> {
    const force = this.#force;
    if (!force?.pending) return;
    const reserveMs = Math.min(this.#verifyMs, this.#downBy.remainingMs() / 2);
    const forceBy = this.#downBy.child({ reserveMs });
    await this.#settles(force, forceBy, { ownEnd: false });
    if (force.pending) this.#subject.errors.push(new Error("force did not end in time"));
    forceBy.dispose();
  }

  /**
   * Verify; without it, what overran counts as gone only when it still says so itself. An ask that
   * rejects says so only for a part that knows no stronger means: its ask is all that there was.
   */
  async #prove(): Promise<void> {
    const { part, start, ended } = this.#subject;
    if (!this.#overran && (!start || start.state.kind === "threw")) return;
    if (part.verify) return await this.#verify(part.verify.bind(part));
    if (!this.#overran) return;
    const answered = part.force ? this.#ask?.returned() : this.#ask?.settled;
    const signs = [ended.promise, start?.threw(), answered];
    this.#waitsUntil = this.#downBy;
    this.#unconfirmed = true;
    const gone = Promise.race(signs.filter((sign) => sign)).then(() => {
      this.#unconfirmed = false;
    });
    await until(gone, this.#downBy);
    this.#waitsUntil = undefined;
  }

  async #verify(verify: NonNullable<Part["verify"]>): Promise<void> {
    // It is told a little less than it has, so that one that looks until then can still say what.
    const reserveMs = Math.min(this.#verifyMs, this.#downBy.remainingMs()) / 4;
    const lent = this.#lend(this.#downBy, { reserveMs });
    const call = this.#call(() => verify(lent));
    await this.#settles(call, this.#downBy, { ownEnd: false });
    const left = unproved(call);
    if (left.length === 0) return;
    this.#leak("verify", left);
    // It said that it ended, and did not: kill what is left. No second proof is asked for.
    if (!this.#force) this.#force = this.#call(() => this.#subject.part.force?.());
  }

  /** Calls a hook. What it throws is in the report, whenever it comes before that is written. */
  #call<T>(hook: () => PromiseLike<T> | T): Call<T> {
    const call = Call.of(hook);
    call.onThrew((error) => this.#threw(error));
    return call;
  }

  #threw(error: unknown): void {
    if (this.#finished) this.#subject.onLate(error);
    else this.#subject.errors.push(error);
  }

  #leak(rung: Rung, leftovers: readonly string[]): void {
    this.#leakedAt ??= rung;
    this.#leftovers.push(...leftovers);
  }

  /**
   * Waits until a call settled, or (save where that proves nothing) the part said that it ended, or
   * the deadline passed. Blockers see it meanwhile.
   */
  async #settles(
    call: Call<unknown>,
    deadline: Deadline,
    options: { ownEnd: boolean } = { ownEnd: true },
  ): Promise<void> {
    if (!call.pending) return;
    this.#waitsUntil = deadline;
    const { ended } = this.#subject;
    await until(
      options.ownEnd ? Promise.race([call.settled, ended.promise]) : call.settled,
      deadline,
    );
    this.#waitsUntil = undefined;
  }

  #edgeReports(): readonly StopReport[] {
    const state = this.#ask?.state;
    return state?.kind === "returned" && Array.isArray(state.value) ? state.value : [];
  }

  #ownOutcome(): Outcome {
    if (this.#leftovers.length > 0) return "leaked";
    if (this.#overran) return "forced";
    return this.#subject.errors.length > 0 ? "failed" : "clean";
  }

  #rung(): Rung {
    if (this.#leakedAt) return this.#leakedAt;
    if (this.#overran) return "force";
    if (this.#asked) return "ask";
    return this.#releasing ? "release" : "close";
  }
}

function unproved(call: Call<readonly string[]>): readonly string[] {
  const { state } = call;
  if (state.kind === "pending") return ["verify did not end in time"];
  if (state.kind === "threw") return ["verify failed"];
  return Array.isArray(state.value) ? state.value : ["verify gave no list"];
}
