/** What a VM manager writes down, in memory: with state that outlives the manager. */
import { IrisError } from "../../src/base/errors.ts";
import type { GroupConfig } from "../../src/vm/scale_group.ts";
import type { BookChange, BookContent, SliceRow } from "../../src/vm/vm_book.ts";
import type { OpenJournal } from "../../src/vm/vm_manager_loop.ts";

/** A journal whose disk can be full. */
export class MemoryJournal implements OpenJournal {
  readonly slices = new Map<string, SliceRow>();
  readonly groups = new Map<string, GroupConfig>();
  readonly next: Record<string, number> = {};
  full = false;
  opened = 0;

  read(): BookContent {
    this.opened++;
    return {
      slices: [...this.slices.values()],
      groups: [...this.groups.values()],
      next: { ...this.next },
    };
  }

  write(changes: readonly BookChange[]): void {
    if (this.full) throw new IrisError("storage_full", "the disk is full");
    for (const change of changes) this.#apply(change);
  }

  close(): void {}

  /** Each row in a line. */
  get rows(): string[] {
    return [...this.slices.values()].map((row) =>
      [row.slice, row.externalId ?? "-", row.readyMs === null ? "new" : "ready", row.stopping]
        .filter((word) => word !== null).join(" ")
    );
  }

  #apply(change: BookChange): void {
    switch (change.type) {
      case "intent":
        this.slices.set(change.row.slice, change.row);
        this.next[change.row.group] = change.next;
        return;
      case "removed":
        this.slices.delete(change.slice);
        return;
      case "group":
        this.groups.set(change.config.group.name, change.config);
        return;
      default: {
        const row = this.slices.get(change.slice);
        if (row === undefined) return;
        const { type: _, slice: __, ...more } = change;
        const own = "reason" in more ? { stopping: more.reason } : more;
        this.slices.set(change.slice, { ...row, ...own });
      }
    }
  }
}
