/**
 * The bundles that a worker has unpacked: fetched once, however many wait for one, shared by all
 * jobs that use the same, and removed when room is needed, the longest unused first and never one
 * that a job uses. Owned by the lifecycle isolate, and alone in its folder.
 */
import { makeFolder } from "../host/make_folder.ts";
import { SILENCE_MS } from "../archive/read_body.ts";
import { backoffMs } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { BUNDLE_HASH } from "../wire/shipping.ts";
import {
  type BundleBody,
  changeIn,
  type CopyList,
  listOf,
  readList,
  removeCopy,
  writeCopy,
} from "./bundle_copy.ts";

/** How often a bundle that does not come is asked for, and how long the waits between are, in ms. */
const TRIES = 5;
const BACKOFF = { minMs: 200, maxMs: 5_000 };

/** Place and limit of a cache. Plain data. */
export interface BundleCacheConfig {
  readonly folder: string;
  /** All unpacked bundles together, in bytes of their archives. */
  readonly limitBytes: number;
}

/** Where bundles come from. @throws {IrisError} `unavailable`, `not_found` */
export type BundleSource = (hash: string, signal: AbortSignal) => Promise<BundleBody>;

/** What a cache is made of. */
export interface BundleCacheOptions extends BundleCacheConfig {
  readonly source: BundleSource;
  readonly clock: Clock;
  readonly random: Random;
  /** Names this boot of the machine. */
  readonly boot: string;
}

interface Copy {
  readonly folder: string;
  readonly list: CopyList;
  usedAtMs: number;
  /** Generations of jobs whose attempts may begin or run in it. */
  readonly users: Set<number>;
  /** Somebody changed it: nobody new gets it. */
  spoilt: boolean;
}

interface Preparing {
  readonly promise: Promise<Copy>;
  readonly abort: AbortController;
  readonly waiting: Set<number>;
  /** What it will take, once that is known. */
  bytes: number;
}

/** See the head of this file. */
export class BundleCache {
  readonly #options: BundleCacheOptions;
  #copies: Copy[] = [];
  readonly #preparing = new Map<string, Preparing>();
  /** False while something of an earlier process may run in any of them. */
  #settled = false;
  #closed = false;

  /** @param options place, limit and source */
  constructor(options: BundleCacheOptions) {
    this.#options = options;
  }

  /** Finds what an earlier process left; what is not whole goes. @throws {IrisError} */
  open(): void {
    const { folder } = this.#options;
    makeFolder(folder, 0o755);
    for (const { name, isDirectory } of [...Deno.readDirSync(folder)]) {
      const at = `${folder}/${name}`;
      if (!isDirectory) {
        if (name.endsWith(".new")) Deno.removeSync(at);
        continue;
      }
      const list = readList(at);
      const whole = list !== null && BUNDLE_HASH.test(list.hash) &&
        list.boot === this.#options.boot;
      if (!whole) removeCopy(at);
      else {
        const { mtime } = Deno.statSync(listOf(at));
        this.#copies.push(copyOf(at, list, mtime?.getTime() ?? 0));
      }
    }
  }

  /** All copies together, and what is under way, in bytes. */
  get bytes(): number {
    const copies = this.#copies.reduce((sum, { list }) => sum + list.bytes, 0);
    return [...this.#preparing.values()].reduce((sum, { bytes }) => sum + bytes, copies);
  }

  /**
   * Makes a bundle ready for a job, which then uses it until `release`.
   *
   * @returns the folder to begin in
   * @throws {IrisError} why that cannot be; `closing` when it was released before it was ready
   */
  async acquire(hash: string, generation: number): Promise<string> {
    if (this.#closed) throw closing();
    const preparing = this.#preparing.get(hash) ?? this.#prepare(hash);
    preparing.waiting.add(generation);
    const copy = await preparing.promise;
    if (!copy.users.has(generation)) throw closing();
    return copy.folder;
  }

  /** A job does not need its bundle any more, or not yet again. */
  release(generation: number): void {
    for (const { waiting, abort } of this.#preparing.values()) {
      if (waiting.delete(generation) && waiting.size === 0) abort.abort();
    }
    for (const copy of this.#copies) {
      if (copy.users.delete(generation)) this.#used(copy);
    }
    this.#removeSpoilt();
  }

  /** Nothing of an earlier process runs any more. */
  settled(): void {
    this.#settled = true;
    this.#removeSpoilt();
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#preparing.values()];
    for (const { abort } of all) abort.abort();
    await Promise.allSettled(all.map(({ promise }) => promise));
  }

  #prepare(hash: string): Preparing {
    const abort = new AbortController();
    const done = Promise.withResolvers<Copy>();
    const preparing: Preparing = {
      promise: done.promise,
      abort,
      waiting: new Set(),
      bytes: 0,
    };
    this.#preparing.set(hash, preparing);
    const finish = () => {
      if (this.#preparing.get(hash) === preparing) this.#preparing.delete(hash);
    };
    // Who comes after an abort begins anew, instead of failing with those who left.
    abort.signal.addEventListener("abort", finish, { once: true });
    const ready = this.#sound(hash).then((copy) => copy ?? this.#fetch(hash, preparing));
    // owner: `close`, which waits for it; whoever acquires hears of a failure.
    void ready.finally(finish).then((copy) => {
      // From here on it is used: nobody's need of room comes in between.
      for (const generation of preparing.waiting) copy.users.add(generation);
      preparing.waiting.clear();
      copy.usedAtMs = this.#options.clock.wall();
      done.resolve(copy);
    }, done.reject);
    // owner: whoever acquires it; when all of them left nobody needs to hear.
    done.promise.catch(() => {});
    return preparing;
  }

  /** The copy that is here, if nobody changed it. */
  async #sound(hash: string): Promise<Copy | null> {
    const copy = this.#copies.find(({ list, spoilt }) => list.hash === hash && !spoilt);
    if (copy === undefined) return null;
    const change = await changeIn(copy.folder, copy.list);
    if (change === null) return copy;
    logger("worker").warn`bundle ${hash} was changed at ${change}: it is fetched anew`;
    copy.spoilt = true;
    this.#removeSpoilt();
    return null;
  }

  async #fetch(hash: string, preparing: Preparing): Promise<Copy> {
    const { signal } = preparing.abort;
    for (let failures = 0;;) {
      if (signal.aborted) throw closing();
      try {
        return await this.#fetchOnce(hash, preparing);
      } catch (error) {
        preparing.bytes = 0;
        if (signal.aborted) throw closing();
        const again = error instanceof IrisError && error.code === "unavailable";
        if (!again || failures + 1 >= TRIES) throw error;
        const ms = backoffMs(failures++, BACKOFF, this.#options.random);
        logger("worker").warn`bundle ${hash} did not come: ${messageOf(error)}; again in ${ms} ms`;
        await sleep(this.#options.clock, ms, signal);
      }
    }
  }

  async #fetchOnce(hash: string, preparing: Preparing): Promise<Copy> {
    const { folder, boot, clock } = this.#options;
    const { signal } = preparing.abort;
    const body = await this.#ask(hash, signal);
    let limitBytes: number;
    try {
      limitBytes = this.#makeRoom(body.bytes, preparing);
    } catch (error) {
      await body.body.cancel().catch(() => {});
      throw error;
    }
    const at = `${folder}/${hash}.${randomHex(4)}`;
    const list = await writeCopy(at, { hash, boot, limitBytes, source: body, clock, signal });
    preparing.bytes = 0;
    const copy = copyOf(at, list, clock.wall());
    this.#copies.push(copy);
    return copy;
  }

  /** Asks the source, which may be silent for ever. */
  async #ask(hash: string, signal: AbortSignal): Promise<BundleBody> {
    const abort = new AbortController();
    const ended = Promise.withResolvers<never>();
    const end = (error: IrisError) => {
      abort.abort();
      ended.reject(error);
    };
    const onAbort = () => end(closing());
    const silence = this.#options.clock.setTimer(
      SILENCE_MS,
      () => end(new IrisError("unavailable", "The controller does not answer")),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    const asked = this.#options.source(hash, abort.signal);
    try {
      return await Promise.race([asked, ended.promise]);
    } catch (error) {
      // owner: the source, which was told that nobody waits.
      void asked.then(({ body }) => body.cancel()).catch(() => {});
      throw error;
    } finally {
      silence.cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Removes what is not used until so much fits; when it is not known how much, all of it.
   *
   * @returns how much the bundle may take
   * @throws {IrisError} `storage_full`
   */
  #makeRoom(bytes: number | null, preparing: Preparing): number {
    const { limitBytes } = this.#options;
    const limit = `the ${limitBytes} bytes for bundles on this worker (its --bundle-cache)`;
    if (bytes !== null && bytes > limitBytes) {
      throw new IrisError(
        "storage_full",
        `The bundle of ${bytes} bytes does not fit into ${limit}`,
      );
    }
    const idle = this.#settled
      ? this.#copies.filter(({ users }) => users.size === 0)
        .sort((a, b) => a.usedAtMs - b.usedAtMs)
      : [];
    while (idle.length > 0 && (bytes === null || this.bytes + bytes > limitBytes)) {
      this.#remove(idle.shift()!);
    }
    const room = limitBytes - this.bytes;
    if (room < (bytes ?? 1)) {
      throw new IrisError("storage_full", `No room for the bundle: running jobs use ${limit}`);
    }
    preparing.bytes = bytes ?? room;
    return preparing.bytes;
  }

  #removeSpoilt(): void {
    if (!this.#settled) return;
    const gone = this.#copies.filter(({ spoilt, users }) => spoilt && users.size === 0);
    for (const copy of gone) this.#remove(copy);
  }

  #remove(copy: Copy): void {
    this.#copies = this.#copies.filter((one) => one !== copy);
    try {
      removeCopy(copy.folder);
    } catch (error) {
      logger("worker").warn`${copy.folder} could not be removed: ${messageOf(error)}`;
    }
  }

  /** Notes for the next process that it was used now. */
  #used(copy: Copy): void {
    copy.usedAtMs = this.#options.clock.wall();
    try {
      const now = new Date(copy.usedAtMs);
      Deno.utimeSync(listOf(copy.folder), now, now);
    } catch (error) {
      logger("worker").warn`${listOf(copy.folder)} is gone: ${messageOf(error)}`;
      copy.spoilt = true;
    }
  }
}

function copyOf(folder: string, list: CopyList, usedAtMs: number): Copy {
  return { folder, list, usedAtMs, users: new Set(), spoilt: false };
}

function closing(): IrisError {
  return new IrisError("closing", "Nobody waits for the bundle any more");
}
