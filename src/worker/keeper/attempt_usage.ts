/**
 * What running attempts use. Each is measured when somebody asks, and a few in turn once in a while
 * (so that a peak is not missed for ever): never all of them at once. Runs in the keeper.
 */
import type { Clock } from "../../base/clock.ts";
import { descendants } from "../../host/proc.ts";
import type { CgroupUsage } from "../../host/attempt_cgroup.ts";
import { peakBytesOf, type ProcessesUsage, usageOf } from "../../host/usage.ts";
import type { AttemptUsage } from "../../wire/usage.ts";
import type { Attempt } from "./attempt.ts";
import { isInside } from "./inside_commands.ts";
import { InsideUsages } from "./inside_usage.ts";

/** Asked again within this, the answer is the same, in ms. */
const FRESH_MS = 500;
/** How often some are measured without being asked, and how many, in ms. */
const ROUND_MS = 1_000;
const A_ROUND = 8;

/** See the head of this file. */
export class AttemptUsages {
  readonly #clock: Clock;
  readonly #execs: (attempt: Attempt) => readonly number[];
  readonly #seen = new WeakMap<Attempt, AttemptUsage>();
  readonly #inside = new InsideUsages();
  #nextRoundMs = 0;
  #turn = 0;

  /** @param options.execs the commands beside an attempt, which count as its own */
  constructor(options: { clock: Clock; execs: (attempt: Attempt) => readonly number[] }) {
    this.#clock = options.clock;
    this.#execs = options.execs;
  }

  /** What an attempt uses now. */
  now(attempt: Attempt): AttemptUsage {
    const before = this.#seen.get(attempt);
    const atMs = this.#clock.wall();
    if (before !== undefined && Math.abs(atMs - before.atMs) < FRESH_MS) return before;
    const roots = [attempt.started.pid, ...attempt.orphans, ...this.#execs(attempt)];
    const pids = new Set(roots.flatMap((pid) => [pid, ...descendants(pid)]));
    const now = usageOf(pids);
    const leaderPeak = peakBytesOf(attempt.started.pid);
    const inside = this.#inside.now(attempt, this.#clock.now());
    if (inside !== null) return this.#see(attempt, usageInside(inside, { now, before, atMs }));
    const counted = countedOf(attempt);
    const peakBytes = counted.peakBytes ??
      Math.max(before?.peakBytes ?? 0, now.memoryBytes, leaderPeak);
    // A child that ended takes its time along unless it was waited for: it was used all the same.
    const cpuMs = counted.cpuMs ?? Math.max(before?.cpuMs ?? 0, now.cpuMs);
    return this.#see(attempt, { ...now, cpuMs, atMs, peakBytes });
  }

  /** What was seen of an attempt last, or null. */
  last(attempt: Attempt): AttemptUsage | null {
    return this.#seen.get(attempt) ?? null;
  }

  /**
   * What one used that is over, before its hold is dropped: what its cgroup counted, else by its end,
   * and more of it by what was seen before. `counted` is true when all of it is exact.
   */
  total(attempt: Attempt): Counted & { counted: boolean } {
    const exact = countedOf(attempt);
    // Of a container the process is only the engine's client.
    const own = isInside(attempt) ? null : attempt.end?.usage ?? null;
    const seen = this.#seen.get(attempt) ?? null;
    return {
      cpuMs: exact.cpuMs ?? larger(own?.cpuMs ?? null, seen?.cpuMs ?? null),
      peakBytes: exact.peakBytes ?? larger(own?.peakBytes ?? null, seen?.peakBytes ?? null),
      counted: exact.cpuMs !== null && exact.peakBytes !== null,
    };
  }

  #see(attempt: Attempt, usage: AttemptUsage): AttemptUsage {
    this.#seen.set(attempt, usage);
    return usage;
  }

  /** Measures the next few in turn, when it is time to. */
  round(attempts: ReadonlyMap<unknown, Attempt>): void {
    const now = this.#clock.now();
    if (now < this.#nextRoundMs || attempts.size === 0) return;
    this.#nextRoundMs = now + ROUND_MS;
    const from = this.#turn >= attempts.size ? 0 : this.#turn;
    this.#turn = from + A_ROUND;
    let at = 0;
    for (const attempt of attempts.values()) {
      if (at >= this.#turn) break;
      if (at++ >= from && attempt.end === null) this.now(attempt);
    }
  }
}

interface Counted {
  readonly cpuMs: number | null;
  readonly peakBytes: number | null;
}

const NOTHING: Counted = { cpuMs: null, peakBytes: null };

/** What the kernel counted of an attempt that has a cgroup. */
function countedOf({ hold }: Attempt): Counted {
  if (hold === null || hold.cgroup === null) return NOTHING;
  const { cpuMs, peakMemoryBytes } = hold.cgroup.usage();
  return { cpuMs: cpuMs === null ? null : Math.round(cpuMs), peakBytes: peakMemoryBytes };
}

/** What a container's cgroup counted, and of the rest what is seen of its processes from here. */
function usageInside(
  { memoryBytes, peakMemoryBytes, cpuMs, processes }: CgroupUsage,
  of: { now: ProcessesUsage; before: AttemptUsage | undefined; atMs: number },
): AttemptUsage {
  const { now, before, atMs } = of;
  const memory = memoryBytes ?? now.memoryBytes;
  return {
    atMs,
    cpuMs: cpuMs === null ? Math.max(before?.cpuMs ?? 0, now.cpuMs) : Math.round(cpuMs),
    memoryBytes: memory,
    peakBytes: peakMemoryBytes ?? Math.max(before?.peakBytes ?? 0, memory),
    processes: processes ?? now.processes,
  };
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? a ?? b : Math.max(a, b);
}
