/**
 * Slots: a pair of output files for each attempt that runs, appended to by one attempt after
 * another, since making files is what costs. An attempt's output is a range of bytes in them. Owns
 * the files' handles; runs in the keeper.
 */
import { makeFolder } from "../../host/make_folder.ts";
import { invariant } from "../../base/assert.ts";
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { type Holder, HolderNotes } from "../slot_holders.ts";

/** In the folder of log files: which keeper of this folder is the last one, and its first rotation. */
export const KEEPER_FILE = "keeper.json";
/** Starts of one keeper, at most: what `order` of a started attempt counts within. */
const ORDERS_A_KEEPER = 2 ** 32;

/** A slot whose file is longer than this begins a new pair, in bytes. */
export const ROTATE_BYTES = 64 * 1024 * 1024;

/** Where one attempt writes. */
export interface Slot {
  readonly number: number;
  rotation: number;
  outPath: string;
  errPath: string;
}

interface OpenSlot extends Slot {
  outSize: number;
  errSize: number;
  out: Deno.FsFile;
  err: Deno.FsFile;
}

/** Slots of one worker folder. */
export class Slots {
  readonly #folder: string;
  readonly #free: OpenSlot[] = [];
  readonly #all: OpenSlot[] = [];
  readonly #holders: HolderNotes;
  /** The first rotation number that no earlier keeper of this folder has used. */
  readonly #firstRotation: number;
  #order: number;

  /** @param folder the folder of log files; made when missing */
  constructor(folder: string) {
    this.#folder = folder;
    makeFolder(folder, 0o700);
    let rotation = 0;
    for (const entry of Deno.readDirSync(folder)) {
      const used = /^\d+\.(\d+)\.(?:out|err)$/.exec(entry.name);
      if (used !== null) rotation = Math.max(rotation, Number(used[1]) + 1);
    }
    this.#holders = new HolderNotes(folder);
    const last = lastKeeper(folder);
    this.#firstRotation = Math.max(rotation, last.firstRotation + 1);
    const keeper = last.number + 1;
    invariant(keeper < Number.MAX_SAFE_INTEGER / ORDERS_A_KEEPER, "Too many keepers of one folder");
    this.#order = keeper * ORDERS_A_KEEPER;
    const text = JSON.stringify({ number: keeper, firstRotation: this.#firstRotation });
    try {
      Deno.writeTextFileSync(`${folder}/${KEEPER_FILE}.new`, text, { mode: 0o600 });
      Deno.renameSync(`${folder}/${KEEPER_FILE}.new`, `${folder}/${KEEPER_FILE}`);
    } catch (error) {
      // Tasks can run on a full disk, too; only old log files stay for longer.
      logger("keeper").warn`${folder}/${KEEPER_FILE} cannot be written: ${messageOf(error)}`;
    }
  }

  /** A number that is larger for each attempt that starts here, also after a restart. */
  nextOrder(): number {
    return ++this.#order;
  }

  /** A slot that nothing writes to, for this attempt from now on, and the sizes of its files. */
  take(holder: Holder): { slot: Slot; outFrom: number; errFrom: number } {
    const slot = this.#free.pop() ?? this.#open(this.#all.length);
    if (slot.outSize > ROTATE_BYTES || slot.errSize > ROTATE_BYTES) this.#rotate(slot);
    this.#holders.note(slot.number, holder);
    // Nothing writes between a slot's attempts: its files are as long as they were at the last end.
    return { slot, outFrom: slot.outSize, errFrom: slot.errSize };
  }

  /** The sizes of a slot's files now. */
  sizes(slot: Slot): { out: number; err: number } {
    const open = this.#all[slot.number];
    if (open === undefined) return { out: 0, err: 0 };
    open.outSize = sizeOf(open.out);
    open.errSize = sizeOf(open.err);
    return { out: open.outSize, err: open.errSize };
  }

  /** Gives a slot back: its last attempt is proved gone. */
  give(slot: Slot): void {
    const open = this.#all[slot.number];
    if (open !== undefined) this.#free.push(open);
  }

  /** Closes all files. */
  close(): void {
    this.#holders.close();
    for (const { out, err } of this.#all) {
      out.close();
      err.close();
    }
  }

  #open(number: number): OpenSlot {
    const slot = {
      number,
      rotation: this.#firstRotation,
      ...this.#files(number, this.#firstRotation),
    };
    this.#all.push(slot);
    return slot;
  }

  #rotate(slot: OpenSlot): void {
    slot.out.close();
    slot.err.close();
    slot.rotation++;
    Object.assign(slot, this.#files(slot.number, slot.rotation));
  }

  #files(number: number, rotation: number) {
    const [outPath, errPath] = ["out", "err"].map((kind) =>
      `${this.#folder}/${number}.${rotation}.${kind}`
    ) as [string, string];
    const options = { create: true, append: true, read: true, mode: 0o600 } as const;
    return {
      outPath,
      errPath,
      out: Deno.openSync(outPath, options),
      err: Deno.openSync(errPath, options),
      outSize: 0,
      errSize: 0,
    };
  }
}

/** What the keeper before this one wrote down; zeros when there was none. */
export function lastKeeper(folder: string): { number: number; firstRotation: number } {
  try {
    const given = JSON.parse(Deno.readTextFileSync(`${folder}/${KEEPER_FILE}`)) as unknown;
    const { number, firstRotation } = given as Record<string, unknown>;
    if (Number.isSafeInteger(number) && Number.isSafeInteger(firstRotation)) {
      return { number: number as number, firstRotation: firstRotation as number };
    }
  } catch {
    // None was here, or the disk lost it.
  }
  return { number: 0, firstRotation: -1 };
}

function sizeOf(file: Deno.FsFile): number {
  // Appending does not care where we stand, and this costs a tenth of a stat.
  return file.seekSync(0, Deno.SeekMode.End);
}
