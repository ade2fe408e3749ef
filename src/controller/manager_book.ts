/**
 * The VM managers elsewhere that may have VMs, written down: in a folder of their own beside the database.
 * A controller that begins anew knows by it whom a stop of the cluster has to reach, though they may
 * never call again. Used in the server isolate; closed by its owner.
 *
 * Its name is on disk before a VM manager gets its first answer, and what it has about a second after
 * it said so. A VM manager is struck off when it ended and had nothing; or when it is silent, had
 * nothing, and keeps nothing without a controller.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { writeWhole } from "../host/state_dir.ts";
import type { Fleet } from "../vm/fleet.ts";

/** How long what VM managers have may wait to be written, in ms. */
const WRITE_MS = 1_000;

/** A VM that a VM manager has. */
export interface KnownVm {
  readonly vm: string;
  /** Where somebody finds it: its provider, and that one's name for it. */
  readonly where: string;
}

/** A VM manager that may have VMs. */
export interface KnownManager {
  readonly name: string;
  /** As it said last; null when it did not say yet. */
  readonly vms: readonly KnownVm[] | null;
  /** Whether some of its groups are never without VMs. */
  readonly keeps: boolean;
  /** When it was heard last, wall time in ms, within a second or so of its last change. */
  readonly heardMs: number;
}

/** The folder of the book, which its owner makes. @param database the controller's */
export function bookFolder(database: string): string {
  return `${database.slice(0, database.lastIndexOf("/"))}/vm-managers`;
}

/** The book's file. @param database the controller's */
export function bookBeside(database: string): string {
  return `${bookFolder(database)}/known.json`;
}

/** See the head of this file. */
export class ManagerBook {
  readonly #file: string | null;
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownManager>();
  #timer: Timer | null = null;
  #refused = false;

  /** @param file null for memory alone */
  constructor(file: string | null, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    for (const known of file === null ? [] : read(file)) this.#known.set(known.name, known);
  }

  /** All that may have VMs. */
  all(): readonly KnownManager[] {
    return [...this.#known.values()];
  }

  get(name: string): KnownManager | undefined {
    return this.#known.get(name);
  }

  /** One is here; on disk when this returns, unless the disk refuses it. */
  attached(name: string): void {
    const { vms = null, keeps = true } = this.#known.get(name) ?? {};
    this.#known.set(name, { name, vms, keeps, heardMs: this.#clock.wall() });
    this.#write();
  }

  /** What it has. */
  said(name: string, { groups }: Fleet): void {
    const before = this.#known.get(name);
    const vms = groups.flatMap(({ provider, slices }) =>
      slices.flatMap(({ externalId, vms }) => {
        const where = externalId === null ? provider : `${provider} ${externalId}`;
        return vms.map(({ vm }) => ({ vm, where }));
      })
    );
    const keeps = groups.some(({ min }) => min > 0);
    const now: KnownManager = { name, vms, keeps, heardMs: this.#clock.wall() };
    this.#known.set(name, now);
    const same = before?.keeps === keeps && JSON.stringify(before.vms) === JSON.stringify(vms);
    if (!same) this.#timer ??= this.#clock.setTimer(WRITE_MS, () => this.#write());
  }

  /** It is not heard any more. @param ended whether it said that it ends */
  left(name: string, ended: boolean): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    if (known.vms?.length === 0 && (ended || !known.keeps)) this.#known.delete(name);
    this.#write();
  }

  /** The last chance to write. */
  close(): void {
    if (this.#timer !== null) this.#write();
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#file === null) return;
    try {
      const text = JSON.stringify({ version: 1, managers: this.all() });
      writeWhole(this.#file, `${text}\n`, { temporary: false });
      this.#refused = false;
    } catch (error) {
      if (!this.#refused) {
        const about = { file: this.#file, error: messageOf(error) };
        logger("server").warn("VM managers cannot be written down in {file}: {error}", about);
      }
      this.#refused = true;
    }
  }
}

/** What an earlier controller wrote; nothing where that cannot be read, which is said. */
function read(file: string): readonly KnownManager[] {
  try {
    const { managers } = JSON.parse(Deno.readTextFileSync(file)) as { managers: unknown };
    if (Array.isArray(managers) && managers.every(isKnown)) return managers;
    throw new Error("it is no list of VM managers");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    const about = { file, error: messageOf(error) };
    logger("server").warn("the VM managers in {file} are not known: {error}", about);
    return [];
  }
}

function isKnown(given: unknown): given is KnownManager {
  if (typeof given !== "object" || given === null) return false;
  const { name, vms, keeps, heardMs } = given as Record<string, unknown>;
  return typeof name === "string" && typeof keeps === "boolean" && typeof heardMs === "number" &&
    (vms === null || (Array.isArray(vms) && vms.every(isVm)));
}

function isVm(given: unknown): given is KnownVm {
  if (typeof given !== "object" || given === null) return false;
  const { vm, where } = given as Record<string, unknown>;
  return typeof vm === "string" && typeof where === "string";
}
