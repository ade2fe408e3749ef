/**
 * What happened on this worker and was not yet stored by the controller. Owned by the lifecycle
 * isolate. The keeper's facts keep the keeper's numbers, which go on growing when the worker process
 * is replaced; the keeper forgets a fact only after the controller has acknowledged it.
 */
import type { EndCause, EndedRun, Facts, StartedRun } from "../wire/reconcile.ts";
import { attemptUid, type Run } from "../wire/runs.ts";
import type { EndedFact, KeeperFacts, StartedFact } from "./keeper_link.ts";

/** Ends or starts that lie this close together, in ms, travel as one run with one time. */
const MERGE_WINDOW_MS = 100;
/** About how many facts one answer carries; the rest comes with the next. */
const FACTS_PER_ANSWER = 20_000;
/** The longest text about one end, in characters. */
const MAX_DETAIL_CHARS = 1_000;
/** All texts of one answer together, in characters. */
const MAX_DETAILS_CHARS = 256 * 1024;
/** What tasks handed back in one answer, in characters, before the rest waits for the next. */
const RETURNED_PER_ANSWER = 4 * 1024 * 1024;

interface Batch {
  readonly upTo: number;
  readonly started: readonly StartedFact[];
  readonly ended: readonly EndedFact[];
  readonly unqueued: readonly Run[];
  /** When this batch came: wall time in ms. */
  readonly atMs: number;
}

/** Facts in order, until acknowledged. */
export class FactsLog {
  #batches: Batch[] = [];
  #lastNumber = 0;
  #offered = 0;
  #cached: Facts | null = null;

  /** The number of the newest fact. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** The highest number that an answer carried. */
  get offered(): number {
    return this.#offered;
  }

  /** True when something happened that no answer carried yet. */
  get hasNews(): boolean {
    return (this.#batches.at(-1)?.upTo ?? 0) > this.#offered;
  }

  /** True when everything is acknowledged. */
  get empty(): boolean {
    return this.#batches.length === 0;
  }

  /** Attempts of which the controller was not heard to know that they began, by uid. */
  unstoredStarts(): Set<string> {
    const uids = new Set<string>();
    for (const { started } of this.#batches) {
      for (const { generation, index, attempt } of started) {
        uids.add(attemptUid(generation, index, attempt));
      }
    }
    return uids;
  }

  /**
   * Takes in what the keeper said.
   *
   * @param wallMs when it came, in ms since the epoch: the time of what has none of its own
   * @returns false when there is nothing new in it
   */
  add(facts: KeeperFacts, wallMs: number): boolean {
    if (facts.upTo <= this.#lastNumber) return false;
    this.#lastNumber = facts.upTo;
    if (facts.started.length + facts.ended.length + facts.unqueued.length === 0) return false;
    this.#push({
      upTo: facts.upTo,
      started: facts.started,
      ended: facts.ended,
      unqueued: facts.unqueued,
      atMs: wallMs,
    });
    return true;
  }

  /** Says that attempts ended in a way that the keeper can no longer tell. */
  addLost(runs: Iterable<Run>, why: { atMs: number; detail: string }): void {
    const ended: EndedFact[] = [];
    for (const [generation, from, to, attempt] of runs) {
      for (let index = from; index < to; index++) {
        ended.push({
          generation,
          index,
          attempt,
          cause: "unknown",
          code: 0,
          atMs: why.atMs,
          outTo: 0,
          errTo: 0,
          forced: false,
          detail: why.detail,
          leftovers: [],
        });
      }
    }
    if (ended.length === 0) return;
    this.#lastNumber += ended.length;
    this.#push({ upTo: this.#lastNumber, started: [], ended, unqueued: [], atMs: why.atMs });
  }

  /**
   * Forgets what the controller has stored.
   *
   * A number beyond every offered one is a memory of some other process under this name and is
   * ignored: obeying it would lose facts.
   *
   * @param upTo the number of the last stored fact
   * @returns the ended attempts that are forgotten now
   */
  ack(upTo: number): Run[] {
    if (upTo > this.#offered) return [];
    const settled: Run[] = [];
    let count = 0;
    for (const batch of this.#batches) {
      if (batch.upTo > upTo) break;
      for (const { generation, index, attempt } of batch.ended) {
        settled.push([generation, index, index + 1, attempt]);
      }
      settled.push(...batch.unqueued);
      count++;
    }
    if (count > 0) {
      this.#batches = this.#batches.slice(count);
      this.#cached = null;
    }
    return settled;
  }

  /** What to tell the controller now, merged into runs, or null when there is nothing. */
  pending(): Facts | null {
    if (this.#batches.length === 0) return null;
    this.#cached ??= mergeBatches(this.#batches);
    this.#offered = Math.max(this.#offered, this.#cached.upTo);
    return this.#cached;
  }

  #push(batch: Batch): void {
    this.#batches.push(batch);
    this.#cached = null;
  }
}

interface Ended {
  readonly run: Run;
  readonly cause: EndCause;
  readonly code: number;
  readonly atMs: number;
  readonly detail: string;
}

function mergeBatches(batches: readonly Batch[]): Facts {
  const started: StartedFact[] = [];
  const ended: Ended[] = [];
  const returned: Record<string, string> = {};
  let returnedChars = 0;
  let upTo = 0;
  for (const batch of batches) {
    if (upTo > 0 && started.length + ended.length >= FACTS_PER_ANSWER) break;
    if (returnedChars >= RETURNED_PER_ANSWER) break;
    upTo = batch.upTo;
    for (const fact of batch.started) started.push(fact);
    for (const fact of batch.ended) {
      ended.push(endedOf(fact));
      if (fact.returned === undefined) continue;
      returned[attemptUid(fact.generation, fact.index, fact.attempt)] = fact.returned;
      returnedChars += fact.returned.length;
    }
    // Taken back before it began: for the controller it never was here.
    for (const run of batch.unqueued) {
      ended.push({ run, cause: "missing", code: 0, atMs: batch.atMs, detail: "" });
    }
  }
  const ports = portsOf(started);
  return {
    upTo,
    started: mergeStarted(started),
    ...mergeEnded(ended),
    ...(returnedChars === 0 ? {} : { returned }),
    ...(ports === null ? {} : { ports }),
  };
}

function portsOf(started: readonly StartedFact[]): NonNullable<Facts["ports"]> | null {
  const all: Record<string, Readonly<Record<string, number>>> = {};
  let any = false;
  for (const { generation, index, attempt, ports } of started) {
    if (ports === undefined) continue;
    any = true;
    all[attemptUid(generation, index, attempt)] = ports;
  }
  return any ? all : null;
}

function endedOf(fact: EndedFact): Ended {
  const left = fact.leftovers.length === 0 ? "" : `left over: ${fact.leftovers.join("; ")}`;
  const detail = [fact.detail ?? "", left].filter((text) => text !== "").join("; ");
  return {
    run: [fact.generation, fact.index, fact.index + 1, fact.attempt],
    cause: fact.cause,
    code: fact.code,
    atMs: fact.atMs,
    detail: detail.slice(0, MAX_DETAIL_CHARS),
  };
}

function mergeStarted(facts: StartedFact[]): StartedRun[] {
  facts.sort((a, b) =>
    a.generation - b.generation || a.attempt - b.attempt || a.index - b.index || a.atMs - b.atMs
  );
  const runs: [number, number, number, number, number][] = [];
  let earliest = 0;
  let latest = 0;
  for (const { generation, index, attempt, atMs } of facts) {
    const last = runs.at(-1);
    const alike = last !== undefined && last[0] === generation && last[3] === attempt &&
      last[2] === index &&
      Math.max(latest, atMs) - Math.min(earliest, atMs) <= MERGE_WINDOW_MS;
    if (!alike) {
      earliest = latest = atMs;
      runs.push([generation, index, index + 1, attempt, atMs]);
      continue;
    }
    earliest = Math.min(earliest, atMs);
    latest = Math.max(latest, atMs);
    last[2] = index + 1;
    last[4] = earliest;
  }
  return runs;
}

/** A run's time is its latest end, as a start's is its earliest: no duration comes out negative. */
function mergeEnded(facts: Ended[]): { ended: EndedRun[]; detail: Record<string, string> } {
  facts.sort((a, b) =>
    a.run[0] - b.run[0] || a.run[3] - b.run[3] || a.run[1] - b.run[1] || a.atMs - b.atMs
  );
  const runs: [number, number, number, number, EndCause, number, number][] = [];
  const detail: Record<string, string> = {};
  let room = MAX_DETAILS_CHARS;
  let earliest = 0;
  for (const { run: [generation, from, to, attempt], cause, code, atMs, detail: text } of facts) {
    if (text !== "" && text.length <= room) {
      room -= text.length;
      detail[attemptUid(generation, from, attempt)] = text;
    }
    const last = runs.at(-1);
    const alike = last !== undefined && last[0] === generation && last[3] === attempt &&
      last[2] === from && last[4] === cause && last[5] === code &&
      Math.max(last[6], atMs) - Math.min(earliest, atMs) <= MERGE_WINDOW_MS;
    if (!alike) {
      earliest = atMs;
      runs.push([generation, from, to, attempt, cause, code, atMs]);
      continue;
    }
    earliest = Math.min(earliest, atMs);
    last[2] = to;
    last[6] = Math.max(last[6], atMs);
  }
  return { ended: runs, detail };
}
