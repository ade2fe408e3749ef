/**
 * The attempts that were started and are not proved gone: sees them end, ends them when asked, and
 * says of each when nothing of it is left. Owns no process but watches all of them; runs in the
 * keeper.
 *
 * An attempt is gone when its leader was reaped, its group is empty, nothing that came back to the
 * keeper belongs to it, and nobody is in its cgroup, if it has one.
 */
import type { Clock } from "../../base/clock.ts";
import type { Cgroup } from "../../host/cgroup.ts";
import { commandOf, descendants, isAlive } from "../../host/proc.ts";
import { signalGroup, signalProcess } from "../../host/process_group.ts";
import type { Spawner } from "../../host/spawner.ts";
import type { StopReason } from "../../wire/reconcile.ts";
import type { Run } from "../../wire/runs.ts";
import type { StartedFact } from "../keeper_link.ts";
import type { Cleanups } from "./cleanups.ts";
import { type Attempt, type AttemptKey, isOneOf, ownerOf, signalEach, uidOf } from "./attempt.ts";
import type { ExecTable } from "./exec_table.ts";

/** What is left when a leader ended by itself gets this long to end too, in ms. */
const LINGER_MS = 1_000;
/** How often orphans are looked for while all is quiet, in ms. */
export const IDLE_LOOK_MS = 250;
/** How long after SIGKILL something may stay before it is named as left over, in ms. */
const KILL_PATIENCE_MS = 2_000;
/** Cleanups are left alone until so long before the end is given up, in ms. */
const LAST_MS = 200;
/** Before the end is given up, what is kept for cleanups at most, in ms: they start programs. */
const MAX_CLEANUP_RESERVE_MS = 3_000;

const NONE: readonly number[] = [];

/** How it is made. */
export interface LiveAttemptsOptions {
  readonly spawner: Spawner;
  /** Holds the keeper and all below it, where one could be made. */
  readonly cgroup: Cgroup | null;
  readonly clock: Clock;
  readonly cleanups: Cleanups;
  /** Commands beside attempts: an attempt is not gone before they are. */
  readonly execs: ExecTable;
  /** Told of each attempt that is gone, and of what could not be proved gone. */
  readonly onGone: (attempt: Attempt, leftovers: readonly string[]) => void;
}

/** Of the time for the end of everything, what is kept for cleanups. */
function reserveMs(leftMs: number): number {
  return Math.min(MAX_CLEANUP_RESERVE_MS, leftMs / 2);
}

/** See the head of this file. */
export class LiveAttempts {
  readonly #options: LiveAttemptsOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #leaders = new Map<number, Attempt>();
  /** Processes that came back to the keeper and are nobody's, and what they are. */
  readonly #strangers = new Map<number, string>();
  #killAllAtMs = Infinity;
  #giveUpAtMs = Infinity;
  #nextIdleLookMs = 0;

  /** @param options who is told, and by what powers */
  constructor(options: LiveAttemptsOptions) {
    this.#options = options;
  }

  get started(): StartedFact[] {
    return [...this.#attempts.values()].map((attempt) => attempt.started);
  }

  /** True once everything is being ended. */
  get ending(): boolean {
    return this.#killAllAtMs < Infinity;
  }

  /** When what is not gone is given up, on the clock. */
  get giveUpAtMs(): number {
    return this.#giveUpAtMs;
  }

  /** True while some attempt's leader ended, or an attempt was asked to end. */
  get busy(): boolean {
    return [...this.#attempts.values()].some(isEnding);
  }

  /** True while there is anything to look at. */
  get any(): boolean {
    return this.#attempts.size > 0 || this.#strangers.size > 0;
  }

  get attempts(): ReadonlyMap<string, Attempt> {
    return this.#attempts;
  }

  has(key: AttemptKey): boolean {
    return this.#attempts.has(uidOf(key));
  }

  add(attempt: Attempt): void {
    this.#attempts.set(uidOf(attempt.started), attempt);
    this.#leaders.set(attempt.started.pid, attempt);
  }

  /** Attempts that these runs name. */
  matching(runs: readonly Run[]): Attempt[] {
    return [...this.#attempts.values()].filter(({ started }) => isOneOf(started, runs));
  }

  /** Asks one to end; a second call may only bring the SIGKILL nearer. */
  ask(attempt: Attempt, reason: StopReason, killAtMs: number): void {
    const first = attempt.reason === null && attempt.exceeded === null;
    attempt.reason ??= reason;
    attempt.killAtMs = Math.min(attempt.killAtMs, killAtMs);
    if (first) this.#signalAll(attempt, "SIGTERM");
  }

  /** How long until something is due by the clock alone, in ms; Infinity when nothing is. */
  dueInMs(): number {
    let dueMs = Infinity;
    for (const { end, reason, timeoutAtMs, warnAtMs } of this.#attempts.values()) {
      if (end === null && reason === null) dueMs = Math.min(dueMs, timeoutAtMs, warnAtMs);
    }
    return Math.max(0, dueMs - this.#options.clock.now());
  }

  /** Asks every one to end. A second call may only bring the times nearer. */
  endAll(of: { killAtMs: number; untilMs: number }): void {
    const now = this.#options.clock.now();
    for (const attempt of this.#attempts.values()) {
      const earlierMs = this.#options.cleanups.isDue(attempt) ? reserveMs(of.untilMs - now) : 0;
      this.ask(attempt, "shutdown", Math.min(of.killAtMs, of.untilMs - earlierMs));
    }
    this.#killAllAtMs = Math.min(this.#killAllAtMs, of.killAtMs);
    this.#giveUpAtMs = Math.min(this.#giveUpAtMs, of.untilMs);
  }

  /** Sees who ended, moves on what is ending, and tells of what is gone. */
  look(): void {
    const now = this.#options.clock.now();
    this.#reap();
    this.#options.execs.advance(now);
    const watched: Attempt[] = [];
    for (const attempt of this.#attempts.values()) {
      if (!isEnding(attempt)) this.#watch(attempt, now);
      if (isEnding(attempt)) watched.push(attempt);
    }
    if (watched.length > 0 || this.ending || now >= this.#nextIdleLookMs) {
      this.#nextIdleLookMs = now + IDLE_LOOK_MS;
      this.#findOrphans(now);
      for (const attempt of watched) this.#advance(attempt, now);
    }
    if (this.ending && now >= this.#killAllAtMs) this.#killEverything();
  }

  /** True when nothing is left, or what is left is given up. */
  isOver(): boolean {
    for (const pid of this.#strangers.keys()) if (!isAlive(pid)) this.#strangers.delete(pid);
    return !this.any || this.#options.clock.now() >= this.#giveUpAtMs;
  }

  /** Processes that are nobody's and still alive, by pid and command. */
  strangers(): string[] {
    return [...this.#strangers].filter(([pid]) => isAlive(pid))
      .map(([pid, command]) => `${pid} ${command}`);
  }

  #reap(): void {
    for (const end of this.#options.spawner.reap()) {
      if (this.#options.cleanups.onEnd(end)) continue;
      const attempt = this.#leaders.get(end.pid);
      if (attempt === undefined) {
        if (this.#options.execs.reaped(end)) continue;
        this.#strangers.delete(end.pid);
        continue;
      }
      attempt.end = end;
      attempt.ownEnd = attempt.reason === null && attempt.exceeded === null;
      attempt.endedAtMs = this.#options.clock.wall();
      this.#leaders.delete(end.pid);
    }
  }

  /** While it runs: its limits, its warning, its time. */
  #watch(attempt: Attempt, now: number): void {
    const { graceMs, options } = attempt.spec;
    if (attempt.warnAtMs <= now && attempt.timeoutAtMs > now) {
      attempt.warnAtMs = Infinity;
      // The leader alone: others of the group may not know the signal, and would die of it.
      if (options?.warn) signalProcess(attempt.started.pid, options.warn.signal);
    }
    if (attempt.timeoutAtMs <= now) {
      attempt.timedOut = true;
      return this.ask(attempt, "timeout", now + graceMs);
    }
    const exceeded = attempt.hold?.exceeded(now) ?? null;
    if (exceeded === null) return;
    // What ran out of memory lost a part of itself; what fills a disk must not go on for long.
    attempt.exceeded = exceeded;
    attempt.killAtMs = exceeded === "oom" ? now : now + Math.min(LINGER_MS, graceMs);
    this.#signalAll(attempt, "SIGTERM");
  }

  #findOrphans(now: number): void {
    for (const pid of this.#options.spawner.children()) {
      const { cleanups, execs } = this.#options;
      if (this.#leaders.has(pid) || cleanups.owns(pid) || execs.has(pid)) continue;
      if (!isAlive(pid)) continue;
      const owner = ownerOf(pid, this.#attempts);
      if (owner === null) {
        if (!this.#strangers.has(pid)) this.#strangers.set(pid, commandOf(pid));
        continue;
      }
      owner.orphans.add(pid);
      if (this.#options.cleanups.isDue(owner)) continue;
      if (owner.end !== null && owner.killAtMs === Infinity) {
        owner.killAtMs = now + LINGER_MS;
        signalEach(pid, "SIGTERM");
      }
    }
  }

  #advance(attempt: Attempt, now: number): void {
    const { pid } = attempt.started;
    if (attempt.end !== null && this.#options.cleanups.isDue(attempt)) {
      if (!this.#options.cleanups.step(attempt, { now, giveUpAtMs: this.#giveUpAtMs })) return;
      // What is left now gets its time, however long the cleanup took.
      attempt.killAtMs = now + Math.min(LINGER_MS, attempt.spec.graceMs);
    }
    for (const orphan of attempt.orphans) if (!isAlive(orphan)) attempt.orphans.delete(orphan);
    const { execs: table } = this.#options;
    const execs = table.size === 0 ? NONE : table.of(uidOf(attempt.started));
    if (
      attempt.end !== null && attempt.orphans.size + execs.length === 0 &&
      !this.#options.spawner.groupAlive(pid) && (attempt.hold?.members().length ?? 0) === 0
    ) {
      return this.#gone(attempt, []);
    }
    if (attempt.end !== null && attempt.killAtMs === Infinity) {
      // The leader ended by itself: what it left behind is asked, then killed.
      attempt.killAtMs = now + Math.min(LINGER_MS, attempt.spec.graceMs);
      this.#signalAll(attempt, "SIGTERM");
    }
    // Its last command has as long as it had itself.
    if (attempt.end !== null) {
      for (const exec of execs) table.hangUp(exec, attempt.killAtMs);
    }
    if (now < attempt.killAtMs) return;
    attempt.forced = true;
    this.#signalAll(attempt, "SIGKILL");
    if (now - attempt.killAtMs > KILL_PATIENCE_MS || now >= this.#giveUpAtMs) {
      const all = new Set([pid, ...attempt.orphans, ...execs, ...attempt.hold?.members() ?? []]);
      const left = [...all].filter(isAlive).map((one) => `${one} ${commandOf(one)}`);
      if (attempt.end !== null || now >= this.#giveUpAtMs) this.#gone(attempt, left);
    }
  }

  #signalAll(attempt: Attempt, signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = attempt.started;
    const careful = this.#options.cleanups.isDue(attempt);
    const held = attempt.hold?.members() ?? [];
    const below = attempt.end === null ? (careful ? [] : descendants(pid)) : held;
    signalGroup(pid, signal);
    if (signal === "SIGKILL") attempt.hold?.kill();
    if (signal === "SIGKILL") {
      for (const exec of this.#options.execs.of(uidOf(attempt.started))) {
        this.#options.execs.kill(exec);
      }
    }
    // A stopped process cannot act on a signal until it continues.
    if (signal === "SIGTERM") signalGroup(pid, "SIGCONT");
    // What came back of a container is ended by its cleanup, in the order that its engine wants.
    if (careful) return;
    for (const one of [...attempt.orphans, ...below]) {
      if (signal === "SIGKILL") signalEach(one, signal);
      else if (attempt.end !== null) signalEach(one, signal);
      if (signal === "SIGTERM") signalProcess(one, "SIGCONT");
    }
  }

  #killEverything(): void {
    const { cleanups, cgroup, clock } = this.#options;
    const due = [...this.#attempts.values()].some((one) => cleanups.isDue(one));
    const careful = due && clock.now() < this.#giveUpAtMs - LAST_MS;
    // The rest has its turn when the cleanups are done.
    if (!careful) {
      cgroup?.kill();
      for (const pid of descendants(Deno.pid)) signalEach(pid, "SIGKILL");
    }
    for (const attempt of this.#attempts.values()) {
      signalGroup(attempt.started.pid, "SIGKILL");
      attempt.hold?.kill();
    }
  }

  #gone(attempt: Attempt, leftovers: readonly string[]): void {
    this.#attempts.delete(uidOf(attempt.started));
    this.#leaders.delete(attempt.started.pid);
    this.#options.onGone(attempt, leftovers);
  }
}

/** True once its end has begun: its leader is gone, or something asked for it. */
function isEnding({ end, reason, exceeded }: Attempt): boolean {
  return end !== null || reason !== null || exceeded !== null;
}
