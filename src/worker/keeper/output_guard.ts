/**
 * Watches over the output of attempts while they run: notes when it grew, and cuts out of the middle
 * what is beyond a limit, so that no task fills the disk. The only one that makes holes in what a
 * running attempt wrote. Runs in the keeper, so it goes on when the worker's process does not.
 *
 * The kernel tells of the first write to a file after it was asked, so a task that writes nothing
 * costs nothing.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import type { FileCalls, GrowthWatch } from "../../host/file_calls.ts";
import { type ByteRange, cutOf, fairLevel, wholeBlocks } from "../log_limits.ts";
import type { Slot } from "./slots.ts";
import { emptyMiddle, MAX_TAIL_BYTES, noHolesFile } from "./tail_rewrite.ts";
import { TimesWriter } from "./times_writer.ts";

/** How often growth is looked at, in ms; and while something was just cut. */
const LOOK_MS = 100;
const FLOOD_MS = 20;
/** After so many notes on one file the time between two doubles, each time again. */
const NOTES_AT_FULL_RATE = 262_144;
/** Files looked at in one turn where the kernel does not tell which of them grew. */
const LOOKS_A_TURN = 512;

/** What a guard is made with. */
export interface OutputGuardOptions {
  readonly clock: Clock;
  /** Null where holes cannot be made and growth is not told. */
  readonly calls: FileCalls | null;
  /** For each attempt and stream that brings no limit of its own, in bytes. */
  readonly limitBytes: number;
  /** For all that runs together, in bytes. */
  readonly spaceBytes: number;
  /** How long a slot's files are now. */
  readonly sizes: (slot: Slot) => { readonly out: number; readonly err: number };
}

type Kind = "out" | "err";

/** One file of a slot: what writes to it now, and what is known of it. */
interface Watched {
  readonly path: string;
  readonly kind: Kind;
  slot: Slot;
  /** The range of the attempt that runs; null when none does. */
  range: { readonly from: number; to: number; readonly limit: number } | null;
  /** What was cut out of the range. */
  cut: { from: number; to: number } | null;
  armed: boolean;
  /** How long it was when it was last looked at. */
  seen: number;
  notes: number;
  nextNoteAtMs: number;
}

/** See the head of this file. */
export class OutputGuard {
  readonly #options: OutputGuardOptions;
  readonly #watch: GrowthWatch | null;
  readonly #times = new TimesWriter();
  readonly #files = new Map<string, Watched>();
  /** Files that are written to and are looked at again soon, without being told. */
  #soon = new Set<Watched>();
  /** Files of which the kernel does not tell, and those of them that were not looked at lately. */
  readonly #blind = new Set<Watched>();
  #round: Watched[] = [];
  #running = 0;
  #kept = 0;
  #timer: Timer | null = null;
  /** How what is beyond a limit is taken out: as far as the file system can. */
  #holes: "punched" | "rewritten" | "none" = "punched";
  #saidFailed = false;

  constructor(options: OutputGuardOptions) {
    this.#options = options;
    this.#watch = options.calls?.growth() ?? null;
  }

  /** How much the attempts that run have on the disk, in bytes, as far as it was seen. */
  get keptBytes(): number {
    return this.#kept;
  }

  /** An attempt begins to write at these places. `limitBytes` is its own limit, or null. */
  begin(
    slot: Slot,
    of: { outFrom: number; errFrom: number; limitBytes: number | null },
  ): void {
    const limit = of.limitBytes ?? this.#options.limitBytes;
    this.#running++;
    for (const kind of ["out", "err"] as const) {
      const file = this.#file(slot, kind);
      const from = kind === "out" ? of.outFrom : of.errFrom;
      file.range = { from, to: from, limit };
      file.cut = null;
    }
    this.#arm();
  }

  /** An attempt is gone; its output ends here. */
  end(slot: Slot, sizes: { readonly out: number; readonly err: number }): void {
    this.#running--;
    for (const kind of ["out", "err"] as const) {
      const file = this.#files.get(pathOf(slot, kind));
      if (file?.range === undefined || file.range === null) continue;
      this.#grow(file, sizes[kind]);
      this.#cut(file, file.range.limit);
      this.#kept -= keptIn(file);
      file.range = null;
      file.cut = null;
    }
    if (this.#running > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Looks at what grew. Called by the guard's own timer. */
  look(): void {
    const { clock } = this.#options;
    let flooded = false;
    for (const file of this.#grown()) {
      const sizes = this.#options.sizes(file.slot);
      const size = sizes[file.kind];
      this.#note(file, { size, nowMs: clock.now() });
      if (file.range === null) continue;
      this.#grow(file, size);
      if (!this.#cut(file, file.range.limit)) continue;
      flooded = true;
      this.#soon.add(file);
    }
    if (this.#kept > this.#options.spaceBytes) {
      this.#level();
      flooded = true;
    }
    this.#arm(flooded ? FLOOD_MS : LOOK_MS);
  }

  dispose(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#times.close();
    this.#watch?.close();
  }

  #arm(ms = LOOK_MS): void {
    if (this.#timer !== null || this.#running === 0) return;
    this.#timer = this.#options.clock.setTimer(ms, () => {
      this.#timer = null;
      this.look();
    });
  }

  #file(slot: Slot, kind: Kind): Watched {
    const path = pathOf(slot, kind);
    let file = this.#files.get(path);
    if (file === undefined) {
      this.#rotated(slot, kind);
      file = {
        ...{ path, kind, slot: { ...slot }, range: null, cut: null },
        ...{ armed: false, seen: 0, notes: 0, nextNoteAtMs: 0 },
      };
      this.#files.set(path, file);
    }
    this.#armFile(file);
    return file;
  }

  /** The slot writes to new files: the ones before are none of ours any more. */
  #rotated(slot: Slot, kind: Kind): void {
    for (let rotation = slot.rotation - 1; rotation >= 0; rotation--) {
      const path = pathOf({ ...slot, rotation, ...pathsOf(slot, rotation) }, kind);
      const old = this.#files.get(path);
      if (old === undefined) return;
      this.#files.delete(path);
      this.#soon.delete(old);
      this.#blind.delete(old);
      this.#times.forget(path);
    }
  }

  #armFile(file: Watched): void {
    if (file.armed || this.#soon.has(file)) return;
    file.armed = this.#watch?.arm(file.path) ?? false;
    if (file.armed) this.#blind.delete(file);
    else this.#blind.add(file);
  }

  /** Files that may have grown since they were looked at. */
  #grown(): Iterable<Watched> {
    const now = this.#options.clock.now();
    const grown = new Set<Watched>();
    for (const path of this.#watch?.fired() ?? []) {
      const file = this.#files.get(path);
      if (file === undefined) continue;
      file.armed = false;
      grown.add(file);
    }
    for (const file of this.#soon) grown.add(file);
    this.#soon = new Set();
    for (const file of grown) {
      // Armed before its length is read: what is written after that is told.
      if (file.nextNoteAtMs <= now) this.#armFile(file);
      else this.#soon.add(file);
    }
    // Of these the kernel does not tell: each is looked at in its turn.
    if (this.#round.length === 0) this.#round = [...this.#blind];
    for (const file of this.#round.splice(0, LOOKS_A_TURN)) grown.add(file);
    return grown;
  }

  #note(file: Watched, of: { size: number; nowMs: number }): void {
    if (of.nowMs < file.nextNoteAtMs || of.size === file.seen) return;
    file.seen = of.size;
    this.#times.note(file.path, of.size, this.#options.clock.wall());
    file.notes++;
    file.nextNoteAtMs = of.nowMs + LOOK_MS * 2 ** Math.floor(file.notes / NOTES_AT_FULL_RATE) - 1;
  }

  #grow(file: Watched, size: number): void {
    if (file.range === null || size <= file.range.to) return;
    this.#kept += size - file.range.to;
    file.range.to = size;
  }

  /** Cuts what is beyond the limit. @returns true when something was cut */
  #cut(file: Watched, limit: number): boolean {
    if (this.#holes === "none") return false;
    if (this.#holes === "rewritten") return this.#rewrite(file, limit);
    const cut = file.range === null ? null : cutOf(file.range, limit);
    if (cut === null) return false;
    const had = file.cut;
    // The same beginning, a later end: only what is new.
    const from = had !== null && had.from <= cut.from ? Math.max(cut.from, had.to) : cut.from;
    if (cut.to <= from) return false;
    if (this.#options.calls?.punch(file.path, from, cut.to) !== true) {
      return this.#rewrite(file, limit);
    }
    this.#noteCut(file, { from: Math.min(had?.from ?? cut.from, cut.from), to: cut.to });
    return true;
  }

  /** The same where no holes can be made: less of the end is kept, and only now and then. */
  #rewrite(file: Watched, limit: number): boolean {
    const { range } = file;
    if (range === null || keptIn(file) <= limit) return false;
    const tail = Math.min(Math.floor(limit / 2), MAX_TAIL_BYTES);
    const cut = wholeBlocks({ from: range.from + Math.floor(limit / 2), to: range.to - tail });
    if (cut === null) return false;
    const folder = file.path.slice(0, file.path.lastIndexOf("/"));
    try {
      // One that is gone cannot be punched either.
      Deno.statSync(file.path);
      if (this.#holes === "punched") {
        Deno.writeTextFileSync(noHolesFile(folder), "", { mode: 0o600 });
      }
      const emptied = emptyMiddle(file.path, cut.from, cut.to);
      this.#say(emptied ? "rewritten" : "none", file.path);
    } catch (error) {
      // The file is gone, or this process may open no more now: the next look tries again.
      if (!this.#saidFailed) {
        logger("keeper").warn`${file.path} cannot be cut: ${messageOf(error)}`;
      }
      this.#saidFailed = true;
      return false;
    }
    this.#noteCut(file, { from: Math.min(file.cut?.from ?? cut.from, cut.from), to: cut.to });
    return true;
  }

  /** What the file system can do, said once. */
  #say(holes: "rewritten" | "none", path: string): void {
    if (this.#holes === holes) return;
    this.#holes = holes;
    const log = logger("keeper");
    if (holes === "none") log.warn`no holes can be made in ${path}: output is not limited`;
    else {
      log
        .warn`no holes can be punched in ${path}: of output beyond its limit the end is written anew, which may lose what is written at that moment`;
    }
  }

  #noteCut(file: Watched, cut: ByteRange): void {
    this.#kept -= keptIn(file);
    file.cut = cut;
    this.#kept += keptIn(file);
  }

  /** All together have too much: the long ones are cut to the same length. */
  #level(): void {
    const files = [...this.#files.values()].filter((file) => file.range !== null);
    const level = fairLevel(files.map(keptIn), this.#options.spaceBytes);
    for (const file of files) {
      if (keptIn(file) > level) this.#cut(file, Math.min(level, file.range!.limit));
    }
  }
}

function keptIn({ range, cut }: Watched): number {
  return range === null ? 0 : range.to - range.from - (cut === null ? 0 : cut.to - cut.from);
}

function pathOf(slot: Slot, kind: Kind): string {
  return kind === "out" ? slot.outPath : slot.errPath;
}

/** The names that a slot's files had before. */
function pathsOf(slot: Slot, rotation: number): { outPath: string; errPath: string } {
  const before = (path: string, kind: Kind) =>
    path.slice(0, path.length - `.${slot.rotation}.${kind}`.length) + `.${rotation}.${kind}`;
  return { outPath: before(slot.outPath, "out"), errPath: before(slot.errPath, "err") };
}
