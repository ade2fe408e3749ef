/**
 * What holds one attempt that has limits or runs as another user: its cgroup, its own folder, and the
 * shell step through which it starts. Made before the attempt starts, dropped when nothing of it is
 * left. Runs in the keeper.
 */
import type { AttemptCgroup } from "../../host/attempt_cgroup.ts";
import type { OomKills } from "../../host/oom_kills.ts";
import { FolderSize } from "../../host/folder_size.ts";
import { type LaunchStep, stepFailure } from "../../host/launch_step.ts";
import { isAlive } from "../../host/proc.ts";
import type { ProcessEnd } from "../../host/spawner.ts";
import type { EndCause } from "../../wire/reconcile.ts";
import type { KeeperSpec } from "../keeper_link.ts";

/** How often what has no other news is looked at, in ms. */
export const SAMPLE_MS = 1_000;
/** How soon a count that is not through goes on, in ms. */
const COUNT_MS = 10;
/** Entries of a folder that are counted in one look. */
const ENTRIES_A_LOOK = 2_000;
/** As much of stderr as a failed start may have written, in bytes. */
const COMPLAINT_BYTES = 4_096;

/** A limit that was passed. */
export type Exceeded = "oom" | "disk";

/** What a hold is made of. */
export interface HoldParts {
  readonly spec: KeeperSpec;
  readonly cgroup: AttemptCgroup | null;
  readonly kills: OomKills;
  /** A folder that is this attempt's alone and goes with it. */
  readonly folder: string | null;
  readonly diskBytes: number | null;
  readonly step: LaunchStep | null;
  /** Limits it asked for that nothing enforces here, and why; empty when there are none. */
  readonly missing: string;
  /** Where its stderr goes, and where that begins. */
  readonly stderr: { readonly path: string; readonly from: number };
}

/** See the head of this file. */
export class Hold {
  readonly #parts: HoldParts;
  #size: FolderSize | null = null;
  #usedBytes = 0;
  #nextSampleMs = 0;
  /** When its cgroup was last asked whether the kernel killed some of it. */
  #askedAtMs = -Infinity;

  /** @param parts what it is made of */
  constructor(parts: HoldParts) {
    this.#parts = parts;
  }

  /** Files to write to for a place in its cgroup, and more about it; null without one. */
  get cgroup(): AttemptCgroup | null {
    return this.#parts.cgroup;
  }

  /** Which limit was passed, as far as a look now and then sees it. */
  exceeded(nowMs: number): Exceeded | null {
    const { cgroup, diskBytes, folder } = this.#parts;
    if (nowMs < this.#nextSampleMs) return null;
    this.#nextSampleMs = nowMs + SAMPLE_MS;
    if (cgroup !== null && this.#lostSome(cgroup, nowMs)) return "oom";
    if (diskBytes === null || folder === null) return null;
    this.#size ??= new FolderSize(folder);
    const done = this.#size.step(ENTRIES_A_LOOK);
    const { bytes } = this.#size;
    if (done) this.#size = null;
    else this.#nextSampleMs = nowMs + COUNT_MS;
    if (bytes <= diskBytes) return null;
    this.#usedBytes = bytes;
    return "disk";
  }

  /** True when the kernel killed a part of it for want of memory, and goes on with the rest. */
  #lostSome(cgroup: AttemptCgroup, nowMs: number): boolean {
    if (!this.#parts.kills.maybeSince(this.#askedAtMs, nowMs)) return false;
    this.#askedAtMs = nowMs;
    return !cgroup.endsWhole && cgroup.oomKills() > 0;
  }

  /** True when its leader's end was the kernel's doing for want of memory. */
  ranOutOfMemory({ code }: ProcessEnd): boolean {
    return code !== 0 && (this.#parts.cgroup?.oomKills() ?? 0) > 0;
  }

  /** Why it never became its command, or null when it did. */
  launchFailure({ code }: ProcessEnd): string | null {
    const { step, spec } = this.#parts;
    // The one thing that is asked of almost every end: nothing is read for it.
    if (step === null || code === null || code === 0) return null;
    const name = spec.argv[0] ?? "";
    return stepFailure({ code, stderr: this.#complaint(), name, step });
  }

  /** More about how it ended, for people; null when there is nothing to say. */
  detail({ cause, code }: { cause: EndCause; code: number }): string | null {
    const { spec, cgroup, missing, diskBytes } = this.#parts;
    if (cause === "oom") {
      const peak = cgroup?.usage().peakMemoryBytes ?? null;
      const more = peak === null ? "" : `, peak ${sizeText(peak)}`;
      return `ran out of memory (limit ${sizeText(spec.memoryBytes)}${more})`;
    }
    if (cause === "disk") {
      return `wrote more to its folder than it may (limit ${sizeText(diskBytes ?? 0)}, ` +
        `found ${sizeText(this.#usedBytes)})`;
    }
    // What went well needs no words, and a million ends that did must not cost as many texts.
    const bad = cause === "signal" || (cause === "exit" && code !== 0);
    return missing === "" || !bad ? null : missing;
  }

  /** Processes of it that live. */
  members(): number[] {
    return this.#parts.cgroup?.members().filter(isAlive) ?? [];
  }

  /** SIGKILLs all of it that is in its cgroup. */
  kill(): void {
    this.#parts.cgroup?.kill();
  }

  /** Removes what it is made of; false while the kernel holds on to it: then once more, later. */
  drop(): boolean {
    const { folder, cgroup } = this.#parts;
    if (folder !== null) {
      // owner: the keeper; what a keeper that ends leaves of it, the next one removes.
      void Deno.remove(folder, { recursive: true }).catch(() => {});
    }
    return cgroup?.remove() ?? true;
  }

  #complaint(): string {
    const { path, from } = this.#parts.stderr;
    try {
      using file = Deno.openSync(path, { read: true });
      file.seekSync(from, Deno.SeekMode.Start);
      const buffer = new Uint8Array(COMPLAINT_BYTES);
      return new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer) ?? 0));
    } catch {
      return "";
    }
  }
}

/** `64 MiB`, for people. */
function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Math.round(value * 10) / 10} ${units[unit]}`;
}
