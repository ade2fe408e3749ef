/**
 * The bundles that a controller has, by the hash of their content: one file each, whole or not
 * there. Owned by the server isolate, and alone in its folder.
 *
 * A bundle stays while a job in the store refers to it, and a while after it was last asked for, so
 * that the submit it was sent for finds it. Where there is no room, those that only jobs which are
 * done refer to go as well, the longest unused first; never one of a job that is not done.
 */
import { makeFolder } from "../host/make_folder.ts";
import { sha256 } from "../archive/sha256.ts";
import { diskError } from "../archive/disk_error.ts";
import { type BodyEnd, readBody } from "../archive/read_body.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { logger } from "../base/log.ts";
import type { Part } from "../lifecycle/part.ts";
import { BUNDLE_HASH, type BundleAnswer, type BundleOffer } from "../wire/shipping.ts";
import type { ArchiveBody, BundlesApi } from "./shipping_api.ts";

/** How long a bundle that no job refers to is kept after its last use, in ms. */
const UNUSED_MS = 3_600_000;
/** No bundle goes within this time of its last use, in ms: its submit may be under way. */
const FRESH_MS = 600_000;
/** How often what is not used any more is looked for, in ms. */
const SWEEP_MS = 600_000;
/** How much is read at a time, in bytes. */
const CHUNK_BYTES = 256 * 1024;

/** Limits and place of a store. Plain data. */
export interface BundleStoreConfig {
  readonly folder: string;
  /** The largest bundle, in bytes. */
  readonly maxBytes: number;
  /** All bundles together, in bytes. */
  readonly spaceBytes: number;
}

/** What a store is made of. */
export interface BundleStoreOptions extends BundleStoreConfig {
  readonly clock: Clock;
  /** Bundles that jobs refer to, and whether one of these jobs is not done. */
  readonly references: () => readonly { readonly hash: string; readonly open: boolean }[];
}

interface Stored {
  readonly bytes: number;
  usedAtMs: number;
}

/** See the head of this file. */
export class BundleStore implements BundlesApi, Part {
  readonly name = "bundles";
  readonly kind = "resource" as const;
  readonly #options: BundleStoreOptions;
  readonly #stored = new Map<string, Stored>();
  readonly #closed = new AbortController();
  /** Bytes of uploads that are under way. */
  #incoming = 0;
  #timer: Timer | null = null;

  /** @param options limits and place, and who says what is referred to */
  constructor(options: BundleStoreOptions) {
    this.#options = options;
  }

  /** Finds what is there; what an earlier process left unfinished goes. */
  start(): void {
    const { folder } = this.#options;
    try {
      makeFolder(folder, 0o700);
      for (const { name, isFile } of [...Deno.readDirSync(folder)]) {
        if (isFile && BUNDLE_HASH.test(name)) this.#found(name);
        else if (name.endsWith(".part")) Deno.removeSync(`${folder}/${name}`);
      }
    } catch (error) {
      throw diskError(folder, error);
    }
    this.#sweepLater();
  }

  /** Ends uploads and downloads, and takes none any more. */
  release(): void {
    this.#closed.abort();
    this.#timer?.cancel();
  }

  /** All bundles together, in bytes. */
  get bytes(): number {
    let sum = this.#incoming;
    for (const { bytes } of this.#stored.values()) sum += bytes;
    return sum;
  }

  /** Whether a bundle is here; it then stays for a while. */
  has(hash: string): boolean {
    const stored = this.#stored.get(hash);
    if (stored === undefined) return false;
    stored.usedAtMs = this.#options.clock.wall();
    try {
      const now = new Date(stored.usedAtMs);
      Deno.utimeSync(this.#path(hash), now, now);
      return true;
    } catch (error) {
      logger("server").warn`bundle ${hash} is not there any more: ${messageOf(error)}`;
      this.#stored.delete(hash);
      return false;
    }
  }

  offer({ hash, bytes }: BundleOffer): BundleAnswer {
    const here = this.has(hash);
    if (!here) {
      this.#checkSize(bytes);
      this.#makeRoom(bytes);
    }
    return { hash, bytes: this.#stored.get(hash)?.bytes ?? bytes, here };
  }

  async put(
    hash: string,
    body: ReadableStream<Uint8Array> | null,
    signal: AbortSignal,
  ): Promise<BundleAnswer> {
    this.#checkOpen();
    const part = `${this.#path(hash)}.${randomHex(6)}.part`;
    let bytes = 0;
    try {
      using file = await Deno.open(part, { write: true, createNew: true, mode: 0o600 });
      const sum = await sha256();
      const ends: BodyEnd[] = [
        [this.#closed.signal, () => new IrisError("closing", "The server is stopping")],
        [signal, () => new IrisError("unavailable", "The sender is gone")],
      ];
      const { clock } = this.#options;
      for await (const chunk of body === null ? [] : readBody(body, { clock, ends })) {
        bytes += chunk.length;
        this.#incoming += chunk.length;
        this.#checkSize(bytes);
        this.#makeRoom(0);
        sum.update(chunk);
        // Into the page cache. An asynchronous write between two reads of a request's body was
        // measured at 0.2 s, whatever its size: 100 MB took 20 s, and 1 s this way.
        for (let rest = chunk; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
      }
      if (sum.digest("hex") !== hash) throw wrongContent();
      await file.sync();
      // Nothing is awaited from here on: it is counted once, and never not.
      Deno.renameSync(part, this.#path(hash));
      this.#incoming -= bytes;
      this.#stored.set(hash, { bytes, usedAtMs: this.#options.clock.wall() });
    } catch (error) {
      this.#incoming -= bytes;
      await Deno.remove(part).catch(() => {});
      throw diskError("The bundle", error);
    }
    await this.#syncFolder();
    return { hash, bytes, here: true };
  }

  async get(hash: string): Promise<ArchiveBody> {
    this.#checkOpen();
    if (!this.has(hash)) throw new IrisError("not_found", `There is no bundle ${hash}`);
    // What is open can be read to its end, also when it is removed meanwhile.
    const file = await Deno.open(this.#path(hash), { read: true });
    const { size } = await file.stat();
    return { bytes: size, body: readable(file, this.#closed.signal) };
  }

  /** Removes what no job refers to and nobody asked for in a while. */
  sweep(): void {
    const kept = new Set(this.#options.references().map(({ hash }) => hash));
    for (const [hash, { usedAtMs }] of [...this.#stored]) {
      const unusedMs = this.#options.clock.wall() - usedAtMs;
      if (!kept.has(hash) && unusedMs > UNUSED_MS) this.#remove(hash);
    }
  }

  #found(hash: string): void {
    const { size, mtime } = Deno.statSync(this.#path(hash));
    this.#stored.set(hash, { bytes: size, usedAtMs: mtime?.getTime() ?? 0 });
  }

  #path(hash: string): string {
    return `${this.#options.folder}/${hash}`;
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new IrisError("closing", "The server is stopping");
  }

  #checkSize(bytes: number): void {
    const { maxBytes } = this.#options;
    if (bytes <= maxBytes) return;
    const message = `The bundle is larger than the ${maxBytes} bytes that the controller takes ` +
      `(its --max-bundle-size)`;
    throw new IrisError("too_large", message, { field: "bundle" });
  }

  /** Removes what may go until so many bytes fit. @throws {IrisError} `storage_full` */
  #makeRoom(bytes: number): void {
    const { spaceBytes, clock } = this.#options;
    if (this.bytes + bytes <= spaceBytes) return;
    const state = new Map(this.#options.references().map(({ hash, open }) => [hash, open]));
    const rank = (hash: string) => state.has(hash) ? 1 : 0;
    const mayGo = [...this.#stored]
      .filter(([hash, { usedAtMs }]) =>
        state.get(hash) !== true && clock.wall() - usedAtMs > FRESH_MS
      )
      .sort(([a, one], [b, two]) => rank(a) - rank(b) || one.usedAtMs - two.usedAtMs);
    for (const [hash] of mayGo) {
      this.#remove(hash);
      if (this.bytes + bytes <= spaceBytes) return;
    }
    const message =
      `There is no room for the bundle: what jobs use fills the ${spaceBytes} bytes ` +
      `for bundles (the controller's --bundle-space)`;
    throw new IrisError("storage_full", message, { field: "bundle" });
  }

  #remove(hash: string): void {
    this.#stored.delete(hash);
    try {
      Deno.removeSync(this.#path(hash));
    } catch (error) {
      logger("server").warn`bundle ${hash} could not be removed: ${messageOf(error)}`;
    }
  }

  /** The name of a new file is as lasting as its content only when its folder is written as well. */
  async #syncFolder(): Promise<void> {
    try {
      using folder = await Deno.open(this.#options.folder, { read: true });
      await folder.sync();
    } catch (error) {
      logger("server").warn`the folder of bundles could not be synced: ${messageOf(error)}`;
    }
  }

  #sweepLater(): void {
    this.#timer = this.#options.clock.setTimer(SWEEP_MS, () => {
      try {
        this.sweep();
      } catch (error) {
        logger("server").warn`bundles could not be looked through: ${messageOf(error)}`;
      }
      this.#sweepLater();
    });
  }
}

function wrongContent(): IrisError {
  const message = "What came is not the bundle that was announced: its content has another hash";
  return new IrisError("invalid", message, { field: "bundle" });
}

/** A file as a stream that ends with its reader or with its server. Owns the file. */
function readable(
  file: Deno.FsFile,
  closed: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let end = () => {};
  return new ReadableStream({
    start(controller) {
      const onClosed = () => {
        end();
        controller.error(new IrisError("closing", "The server is stopping"));
      };
      end = () => {
        end = () => {};
        closed.removeEventListener("abort", onClosed);
        file.close();
      };
      closed.addEventListener("abort", onClosed, { once: true });
    },
    async pull(controller) {
      const buffer = new Uint8Array(CHUNK_BYTES);
      const size = await file.read(buffer);
      if (size !== null) return controller.enqueue(buffer.subarray(0, size));
      end();
      controller.close();
    },
    cancel: () => end(),
  }, { highWaterMark: 0 });
}
