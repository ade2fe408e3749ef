/** Bundles and outputs with state and without a disk. */
import { IrisError } from "../../src/base/errors.ts";
import { hashOf } from "../../src/archive/pack.ts";
import type { ArchiveBody, BundlesApi, OutputsApi } from "../../src/controller/shipping_api.ts";
import type { TaskResult } from "../../src/wire/api.ts";
import type { BundleAnswer, BundleOffer, JobOutputs } from "../../src/wire/shipping.ts";

/** Bundles in memory. */
export class FakeBundles implements BundlesApi {
  readonly stored = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #maxBytes: number;

  constructor(maxBytes = 1_000_000) {
    this.#maxBytes = maxBytes;
  }

  has(hash: string): boolean {
    return this.stored.has(hash);
  }

  offer({ hash, bytes }: BundleOffer): BundleAnswer {
    const stored = this.stored.get(hash);
    if (stored === undefined) this.#check(bytes);
    return { hash, bytes: stored?.length ?? bytes, here: stored !== undefined };
  }

  async put(
    hash: string,
    body: ReadableStream<Uint8Array> | null,
    signal: AbortSignal,
  ): Promise<BundleAnswer> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    if (body !== null) {
      for await (const part of body) {
        if (signal.aborted) throw new IrisError("unavailable", "The sender is gone");
        this.#check(size += part.length);
        parts.push(part.slice());
      }
    }
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    if (await hashOf(ReadableStream.from([bytes])) !== hash) {
      throw new IrisError("invalid", "It has another hash", { field: "bundle" });
    }
    this.stored.set(hash, bytes);
    return { hash, bytes: bytes.length, here: true };
  }

  get(hash: string): Promise<ArchiveBody> {
    const bytes = this.stored.get(hash);
    if (bytes === undefined) return Promise.reject(new IrisError("not_found", `No ${hash}`));
    return Promise.resolve({ bytes: bytes.length, body: ReadableStream.from([bytes]) });
  }

  #check(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new IrisError("too_large", "It is too large", { field: "bundle" });
  }
}

/** What tests say is kept. */
export class FakeOutputs implements OutputsApi {
  readonly byJob = new Map<string, JobOutputs>();
  /** Archives by `job task`. */
  readonly archives = new Map<string, Uint8Array<ArrayBuffer>>();

  list(job: string): Promise<JobOutputs> {
    return Promise.resolve(this.byJob.get(job) ?? { outputs: [], gaps: [], gapCount: 0 });
  }

  /** What tasks handed back, by job. */
  readonly handed = new Map<string, TaskResult[]>();

  results(job: string, { offset, limit }: { offset: number; limit: number }): TaskResult[] {
    return (this.handed.get(job) ?? []).slice(offset, offset + limit);
  }

  open(job: string, task: number): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const archive = this.archives.get(`${job} ${task}`);
    if (archive === undefined) return Promise.reject(new IrisError("gone", "not kept"));
    return Promise.resolve(ReadableStream.from([archive]));
  }
}
