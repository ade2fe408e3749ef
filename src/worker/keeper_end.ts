/**
 * The worker's link to its keeper as an owned part, and how the keeper is asked to end. Lives in the
 * lifecycle isolate; the keeper itself is a process that the worker's owner owns.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Deadline } from "../lifecycle/deadline.ts";
import type { Part, StopReport, StopRequest, TreeNode } from "../lifecycle/part.ts";
import { attemptUid } from "../wire/runs.ts";
import { detachReport } from "./keeper/end_report.ts";
import type { KeeperLink, StartedFact } from "./keeper_link.ts";

/** Of the time left, the share that the worker keeps for itself after its keeper has ended. */
const RESERVE_SHARE = 0.05;
/** The most it keeps, in ms. */
const MAX_RESERVE_MS = 100;
/** A deadline that comes nearer by less than this is not worth another word, in ms. */
const NEARER_MS = 20;
/** How long a keeper may take to give back what waits at a detach, in ms. */
const DETACH_MS = 300;
/** Attempts that the tree shows one by one. */
const SHOWN_ATTEMPTS = 32;

/** What a {@linkcode KeeperEnd} says to its loop. */
export interface KeeperEndNews {
  /** The report is there. */
  over(): void;
  /** The request could not be made: the keeper is as good as lost. */
  refused(why: string): void;
  /** What runs now, for the tree. */
  running(): Iterable<StartedFact>;
  /** True when the owner really stops: a loop that only begins anew leaves the keeper alone. */
  stopping(): boolean;
}

/** Asks the keeper to end, once, and has its report. */
export class KeeperEnd {
  readonly #link: KeeperLink;
  readonly #clock: Clock;
  readonly #news: KeeperEndNews;
  readonly #report = Promise.withResolvers<StopReport>();
  #begun: { cause: StopRequest["cause"]; atMs: number; endAtMs: number; leaveMs: number } | null =
    null;
  #over = false;
  #closed = false;
  #soon: Timer | null = null;

  /** @param options where time comes from, and who hears of the end */
  constructor(link: KeeperLink, options: { clock: Clock; news: KeeperEndNews }) {
    this.#link = link;
    this.#clock = options.clock;
    this.#news = options.news;
  }

  /** True when the keeper's report is there, or the keeper is lost. */
  get over(): boolean {
    return this.#over;
  }

  /** The part to own: its report says what the keeper says of its attempts. */
  part(): Part {
    return {
      name: "keeper",
      kind: "component",
      ask: async (request) => {
        // This loop crashed and begins anew: the attempts go on, the next run takes them over.
        if (!this.#over && this.#begun === null && !this.#news.stopping()) return;
        this.begin(request);
        return [await this.#report.promise];
      },
      verify: () =>
        this.#begun === null || this.#over ? [] : ["the keeper did not say how its attempts ended"],
      release: () => this.close(),
      facts: () => ({ detail: `pid ${this.#link.hello.pid}`, children: this.#attempts() }),
    };
  }

  /** The attempts that run, as nodes; beyond a limit they are only counted. */
  #attempts(): TreeNode[] {
    const nowMs = this.#clock.wall();
    const nodes: TreeNode[] = [];
    let more = 0;
    for (const { generation, index, attempt, pid, atMs } of this.#news.running()) {
      if (nodes.length === SHOWN_ATTEMPTS) more++;
      else {
        const name = attemptUid(generation, index, attempt);
        nodes.push(attemptNode(name, { ageMs: Math.max(0, nowMs - atMs), detail: `pid ${pid}` }));
      }
    }
    if (more > 0) nodes.push(attemptNode(`${more} more`, { ageMs: 0 }));
    return nodes;
  }

  /** Asks the keeper to end. Later calls only {@linkcode follow} the deadline. */
  begin(request: StopRequest): void {
    if (this.#begun !== null) return this.follow(request.deadline);
    const now = this.#clock.now();
    const leftMs = remainingOf(request.deadline);
    const reserveMs = Math.min(leftMs * RESERVE_SHARE, MAX_RESERVE_MS);
    const remainingMs = leftMs - reserveMs;
    this.#begun = {
      cause: request.cause,
      atMs: now,
      endAtMs: now + remainingMs,
      leaveMs: reserveMs / 2,
    };
    if (!this.#over) this.#ask(remainingMs, request.cause);
  }

  /** Passes a deadline on that came nearer. */
  follow(deadline: Deadline): void {
    const begun = this.#begun;
    if (begun === null || this.#over) return;
    const leftMs = remainingOf(deadline) - begun.leaveMs * 2;
    const endAtMs = this.#clock.now() + Math.max(0, leftMs);
    if (endAtMs > begun.endAtMs - NEARER_MS) return;
    begun.endAtMs = endAtMs;
    this.#ask(Math.max(0, leftMs), begun.cause);
  }

  /** How long the worker may stay to tell of the end, in ms; not above 0 when it must leave. */
  leaveInMs(deadline: Deadline): number {
    return remainingOf(deadline) - (this.#begun?.leaveMs ?? 0);
  }

  /** The keeper is gone without a report. */
  lost(why: string, leftovers: readonly string[]): void {
    const begun = this.#begun;
    const now = this.#clock.now();
    this.#settle({
      name: "keeper",
      kind: "process",
      cause: begun?.cause ?? "crash",
      outcome: leftovers.length > 0 ? "leaked" : "failed",
      rung: "ask",
      tookMs: begun === null ? 0 : now - begun.atMs,
      allowedMs: begun === null ? 0 : begun.endAtMs - begun.atMs,
      errors: [{ name: "KeeperLost", message: why }],
      leftovers,
      children: [],
    });
  }

  /** Closes the connection. The keeper lives on unless it was asked to end. */
  close(): void {
    this.#soon?.cancel();
    if (this.#closed) return;
    this.#closed = true;
    this.#link.close();
  }

  #ask(remainingMs: number, cause: StopRequest["cause"]): void {
    if (cause === "detach") this.#settleSoon(Math.min(remainingMs, DETACH_MS), remainingMs);
    this.#link.end({ remainingMs, cause }).then(
      (report) => this.#settle(report),
      (error) => this.#over || this.#news.refused(messageOf(error)),
    );
  }

  /** A detach waits for no keeper: one that says nothing goes on all the same. */
  #settleSoon(ms: number, allowedMs: number): void {
    this.#soon ??= this.#clock.setTimer(ms, () => {
      this.#settle(detachReport([...this.#news.running()].length, allowedMs));
    });
  }

  #settle(report: StopReport): void {
    if (this.#over) return;
    this.#over = true;
    this.#soon?.cancel();
    this.#report.resolve(report);
    this.#news.over();
  }
}

function remainingOf(deadline: Deadline): number {
  return Math.max(0, deadline.remainingMs());
}

function attemptNode(name: string, facts: Pick<TreeNode, "ageMs" | "detail">): TreeNode {
  return { name, kind: "process", state: "running", children: [], ...facts };
}
