/**
 * What is written down of slices, so that none is forgotten: the intent before it is asked for, then
 * the provider's name for it, that it was ready, that it shall go. Its row goes when it is proved
 * gone. Only an intent must be on disk before the next step; the rest is written together at the end
 * of a turn, and again and again when the disk refuses it. Used in the VM manager's isolate.
 */
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { afterTurn } from "../base/turn.ts";
import type { GroupConfig } from "./scale_group.ts";
import type { SliceRequest } from "./vm_provider.ts";

/** A slice as it is written down. Times are wall time in ms. */
export interface SliceRow extends SliceRequest {
  readonly group: string;
  readonly externalId: string | null;
  readonly createdMs: number;
  /** Since when all of its VMs have been ready once; null when they never were. */
  readonly readyMs: number | null;
  /** Why it shall go; null when it may stay. */
  readonly stopping: string | null;
}

/** A change of what is written down. */
export type BookChange =
  | {
    readonly type: "intent";
    readonly row: SliceRow;
    /** The number that the group's next slice gets. */
    readonly next: number;
  }
  | { readonly type: "created"; readonly slice: string; readonly externalId: string | null }
  | { readonly type: "ready"; readonly slice: string; readonly readyMs: number }
  | { readonly type: "stopping"; readonly slice: string; readonly reason: string }
  | { readonly type: "removed"; readonly slice: string }
  /** How a group's slices can be ended, should it be configured no more. */
  | { readonly type: "group"; readonly config: GroupConfig };

/** Everything that is written down. */
export interface BookContent {
  readonly slices: readonly SliceRow[];
  readonly groups: readonly GroupConfig[];
  /** The number that the next slice gets, by group. */
  readonly next: Readonly<Record<string, number>>;
}

/** Where it is written down; on disk when `write` returns. Owned by whoever opened it. */
export interface VmJournal {
  read(): BookContent;
  /** All or nothing. @throws {IrisError} when the disk refuses it */
  write(changes: readonly BookChange[]): void;
}

/** Writes changes down in order. */
export class VmBook {
  readonly #journal: VmJournal | null;
  #owed: BookChange[] = [];
  #cancel: (() => void) | null = null;
  #refused = false;

  /** @param journal null where slices cannot outlive this process */
  constructor(journal: VmJournal | null) {
    this.#journal = journal;
  }

  /** What was written down by an earlier one. */
  read(): BookContent {
    return this.#journal?.read() ?? { slices: [], groups: [], next: {} };
  }

  /** Writes an intent, and whatever was owed before it. @throws {IrisError} when it cannot be */
  intent(row: SliceRow, next: number): void {
    if (this.#journal === null) return;
    this.#journal.write([...this.#owed, { type: "intent", row, next }]);
    this.#settled();
  }

  /** Writes a change at the end of this turn, or as soon as the disk takes it. */
  note(change: BookChange): void {
    if (this.#journal === null) return;
    this.#owed.push(change);
    this.#cancel ??= afterTurn(() => this.flush());
  }

  /** Writes what is owed; what the disk refuses stays owed. @returns whether all is written */
  flush(): boolean {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#journal === null || this.#owed.length === 0) return true;
    try {
      this.#journal.write(this.#owed);
      this.#settled();
      return true;
    } catch (error) {
      if (!this.#refused) {
        logger("vm").error("what became of VMs cannot be written down: {error}", {
          error: messageOf(error),
        });
      }
      this.#refused = true;
      return false;
    }
  }

  /** The last chance to write. */
  close(): void {
    if (!this.flush()) {
      logger("vm").error("{count} changes of VMs were not written down", {
        count: this.#owed.length,
      });
    }
  }

  #settled(): void {
    this.#owed = [];
    if (this.#refused) logger("vm").info("what became of VMs can be written down again");
    this.#refused = false;
  }
}
