/** What the controller's routes need for archives: bundles that come in and go out, outputs. */
import type { TaskResult } from "../wire/api.ts";
import type { BundleAnswer, BundleOffer, JobOutputs } from "../wire/shipping.ts";

/** The bytes of an archive. Whoever gets them reads or cancels them. */
export interface ArchiveBody {
  readonly bytes: number;
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** The bundles that a controller has. */
export interface BundlesApi {
  /**
   * Whether a bundle is here, and whether it would be taken.
   *
   * @throws {IrisError} `too_large`, `storage_full`
   */
  offer(offer: BundleOffer): BundleAnswer;
  /** Whether a bundle is here; it then stays for a while. */
  has(hash: string): boolean;
  /**
   * Takes in a bundle: all of it, with the right content, or nothing.
   *
   * @param signal the caller is gone
   * @throws {IrisError} `invalid` for another content, `too_large`, `storage_full`, `closing`
   */
  put(
    hash: string,
    body: ReadableStream<Uint8Array> | null,
    signal: AbortSignal,
  ): Promise<BundleAnswer>;
  /** Gives one out. @throws {IrisError} `not_found`, `closing` */
  get(hash: string): Promise<ArchiveBody>;
}

/** What tasks leave: what they handed back, and what they wrote into their output folders. */
export interface OutputsApi {
  /**
   * Tasks from an index on that have ended, with what they handed back, in the order of their index, up
   * to the first that has not. A page ends early when it has got large.
   *
   * @throws {IrisError} `not_found`
   */
  results(job: string, page: { offset: number; limit: number }): TaskResult[];
  /** What there is of a job. @throws {IrisError} `not_found`, `conflict` for a job without any */
  list(job: string): Promise<JobOutputs>;
  /**
   * What there is of a task's last attempt, as an archive.
   *
   * @throws {IrisError} `not_found`, `gone`, `unavailable` when its worker is
   */
  open(
    job: string,
    task: number,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
}
