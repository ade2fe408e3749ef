/**
 * Ends what an attempt's own processes do not take along, its container, by the commands of its
 * spec's `cleanup` (`CleanupPlan` of the runtimes says what they print). Owns the processes of these
 * commands, which are no attempts; runs in the keeper.
 */
import type { Clock } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { descendants } from "../../host/proc.ts";
import { signalGroup } from "../../host/process_group.ts";
import type { ProcessEnd, Spawner } from "../../host/spawner.ts";
import { type Attempt, uidOf } from "./attempt.ts";
import { forgetCleanup, noteCleanup } from "./cleanup_note.ts";
import { MARKER } from "./marker.ts";

/** How long a cleanup may take, in ms. */
const CLEANUP_MS = 20_000;
/** How much of what a failed cleanup or a refused start said is told, in characters. */
const MAX_SAID_CHARS = 500;
/** The end of an attempt's stderr in which its launch error is looked for, in bytes. */
const TAIL_BYTES = 8 * 1024;
/** A line that only says where to read on, as docker ends with. */
const HINT = /^(See|Run) '.* --help'/;

/** What a cleanup found. */
export interface CleanupResult {
  /** It never began: what it exited with was no exit code of the task's. */
  readonly never: boolean;
  /** The code it ended with only now, when it was not over though the attempt's process was. */
  readonly running: number | null;
  /** It ran out of memory. */
  readonly oom: boolean;
  /** What could not be proved gone. */
  readonly left: readonly string[];
}

/** How it is made. */
export interface CleanupsOptions {
  readonly spawner: Spawner;
  readonly clock: Clock;
  /** The worker's folder. */
  readonly folder: string;
  /** What the uid of each attempt begins with. */
  readonly prefix: string;
}

interface Running {
  readonly pid: number;
  readonly file: string;
  readonly untilMs: number;
  /** When the grace ends that it was given; -Infinity for none. */
  readonly graceEndsMs: number;
  end: ProcessEnd | null;
}

const NOTHING: CleanupResult = { never: false, running: null, oom: false, left: [] };

/** See the head of this file. */
export class Cleanups {
  readonly #options: CleanupsOptions;
  readonly #running = new Map<string, Running>();
  readonly #results = new Map<string, CleanupResult>();
  #noted = false;
  #failed = false;

  /** @param options by what powers, and whose */
  constructor(options: CleanupsOptions) {
    this.#options = options;
  }

  /** Notes where the next keeper finds it that there may be something to clean up. */
  note(spec: Attempt["spec"]): void {
    if (this.#noted || spec.cleanup === undefined || spec.cleanup === null) return;
    this.#noted = true;
    noteCleanup(this.#options.folder, spec.cleanup);
  }

  /** At the end of a keeper that has no attempt any more: takes the note back, unless one failed. */
  close(): void {
    if (this.#noted && !this.#failed) forgetCleanup(this.#options.folder);
  }

  /** True when an attempt has something to clean up that is not done yet. */
  isDue(attempt: Attempt): boolean {
    return (attempt.spec.cleanup ?? null) !== null && !this.#results.has(uidOf(attempt.started));
  }

  /** True for a process of a command of ours. */
  owns(pid: number): boolean {
    for (const one of this.#running.values()) if (one.pid === pid) return true;
    return false;
  }

  /** Every process that is at work for us. */
  processes(): Set<number> {
    const pids = [...this.#running.values()].flatMap(({ pid }) => [pid, ...descendants(pid)]);
    return new Set(pids);
  }

  /** A child ended. @returns whether it was ours */
  onEnd(end: ProcessEnd): boolean {
    for (const one of this.#running.values()) {
      if (one.pid !== end.pid) continue;
      one.end = end;
      return true;
    }
    return false;
  }

  /** Begins a cleanup, or goes on with it, for an attempt whose leader has ended. @returns if over */
  step(attempt: Attempt, of: { now: number; giveUpAtMs: number }): boolean {
    const uid = uidOf(attempt.started);
    if (!this.isDue(attempt)) return true;
    const running = this.#running.get(uid);
    if (running === undefined) {
      this.#begin(attempt, uid, of.now);
      return this.#results.has(uid);
    }
    if (running.end === null && attempt.killAtMs <= of.now && of.now < running.graceEndsMs) {
      // The grace became shorter: begun anew without any.
      signalGroup(running.pid, "SIGKILL");
      this.#begin(attempt, uid, of.now);
      return this.#results.has(uid);
    }
    if (running.end === null && of.now < running.untilMs && of.now < of.giveUpAtMs) return false;
    if (running.end === null) signalGroup(running.pid, "SIGKILL");
    this.#running.delete(uid);
    this.#results.set(uid, this.#resultOf(attempt, running));
    return true;
  }

  /** What the cleanup of an attempt found, which is forgotten then. */
  take(attempt: Attempt): CleanupResult {
    if (this.#results.size === 0) return NOTHING;
    const uid = uidOf(attempt.started);
    const result = this.#results.get(uid);
    this.#results.delete(uid);
    if (result !== undefined && result.left.length > 0) this.#failed = true;
    return result ?? NOTHING;
  }

  #begin(attempt: Attempt, uid: string, now: number): void {
    const { cleanup } = attempt.spec;
    const { spawner, folder, prefix } = this.#options;
    const file = `${folder}/cleanup-${uid}`;
    const argv = cleanup!.argv;
    const graceMs = attempt.reason === null ? 0 : Math.max(0, attempt.killAtMs - now);
    const graceS = Math.ceil(graceMs / 1_000);
    try {
      const pid = spawner.spawn({
        path: argv[0] ?? "",
        argv,
        env: Object.entries(cleanup!.env).map(([name, value]) => `${name}=${value}`),
        extraEnv: [`${MARKER}=${prefix}${uid}`, `IRIS_GRACE_S=${graceS}`],
        cwd: folder,
        stdoutPath: file,
        stderrPath: file,
      });
      this.#running.set(uid, {
        ...{ pid, file, end: null },
        untilMs: now + CLEANUP_MS + graceMs,
        graceEndsMs: graceS === 0 ? -Infinity : now + graceMs,
      });
    } catch (error) {
      if (!(error instanceof IrisError)) throw error;
      this.#results.set(uid, failed(uid, messageOf(error)));
    }
  }

  #resultOf(attempt: Attempt, { file, end }: Running): CleanupResult {
    const uid = uidOf(attempt.started);
    let lines: string[] = [];
    try {
      lines = Deno.readTextFileSync(file).split("\n").filter((line) => line !== "");
      Deno.removeSync(file);
    } catch {
      // Without it nothing is proved.
    }
    if (end === null) return failed(uid, "it took too long");
    if (!lines.includes("done")) return failed(uid, lines.at(-1) ?? "it said nothing");
    return {
      never: lines.includes("never"),
      running: codeIn(lines.findLast((line) => line.startsWith("running "))),
      oom: lines.includes("oom"),
      left: lines.filter((line) => line.startsWith("left ")).map((line) => line.slice(5)),
    };
  }
}

/** The code in `running CODE`. */
function codeIn(line: string | undefined): number | null {
  return line === undefined ? null : Number(line.split(" ")[1]) || 0;
}

/** The last words of an attempt on stderr: why it was refused. */
export function lastWords(attempt: Attempt): string {
  const { slot, started } = attempt;
  try {
    using file = Deno.openSync(slot.errPath, { read: true });
    const { size } = file.statSync();
    const from = Math.max(started.errFrom, size - TAIL_BYTES);
    file.seekSync(from, Deno.SeekMode.Start);
    const bytes = new Uint8Array(Math.max(0, size - from));
    file.readSync(bytes);
    const lines = new TextDecoder().decode(bytes).split("\n")
      .filter((line) => line.trim() !== "" && !HINT.test(line));
    return (lines.at(-1) ?? "it could not be started").slice(0, MAX_SAID_CHARS);
  } catch {
    return "it could not be started";
  }
}

function failed(uid: string, why: string): CleanupResult {
  const text = `what attempt ${uid} ran in: its cleanup failed: ${why.slice(0, MAX_SAID_CHARS)}`;
  return { ...NOTHING, left: [text] };
}
