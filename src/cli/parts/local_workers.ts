/**
 * The workers of a local cluster. The VM manager says which shall exist; this owns them, so they
 * stop with the root and before everything they report to. Runs in main.
 */
import { messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import type { PortChannel } from "../../lifecycle/channel.ts";
import type { Owner } from "../../lifecycle/owner.ts";
import type { Part, StartContext } from "../../lifecycle/part.ts";
import type { FromLocalOwner, ToLocalOwner } from "../../vm/local/local_messages.ts";

/** What a worker that crashed gets to stop in, in ms. */
const BURY_MS = 10_000;

/** A worker that shall be. */
export interface LocalWorkerRequest {
  readonly vm: string;
  readonly slice: string;
  readonly group: string;
}

/** How workers are made, and who says which. */
export interface LocalWorkersOptions {
  /** The connection to the VM manager's provider `local`; it outlives this part. */
  readonly channel: PortChannel<ToLocalOwner, FromLocalOwner>;
  /** Makes one worker. */
  readonly worker: (request: LocalWorkerRequest) => Part;
}

interface LocalWorker {
  readonly request: LocalWorkerRequest;
  node: Owner | null;
  /** Resolves when it is up, or could not be started. */
  readonly made: PromiseWithResolvers<void>;
}

/** Owns the workers of a local cluster. */
export class LocalWorkers implements Part {
  readonly name = "workers";
  readonly kind = "component" as const;
  readonly #options: LocalWorkersOptions;
  readonly #workers = new Map<string, LocalWorker>();

  /** @param options how workers are made, and who says which */
  constructor(options: LocalWorkersOptions) {
    this.#options = options;
  }

  start({ owner }: StartContext): void {
    owner.handleFailures((error, path) => this.#onFailure(error, path));
    this.#options.channel.onMessage((message) => this.#onMessage(owner, message));
  }

  /** The VM manager stops after its workers: it is told that they are gone. */
  release(): void {
    for (const vm of this.#workers.keys()) {
      this.#options.channel.post({ type: "gone", vm, reason: "the cluster stopped" });
    }
    this.#workers.clear();
  }

  #onMessage(owner: Owner, message: ToLocalOwner): void {
    switch (message.type) {
      case "sync": {
        const vms = [...this.#workers.values()].map(({ request, node }) => ({
          ...request,
          ready: node !== null,
        }));
        return this.#options.channel.post({ type: "existing", vms });
      }
      case "create":
        // owner: the worker's node, which a stop unwinds.
        return void this.#create(owner, message);
      case "delete":
        // owner: the worker's node, whose stop it waits for.
        return void this.#delete(message);
    }
  }

  async #create(owner: Owner, { vm, slice, group }: LocalWorkerRequest): Promise<void> {
    if (this.#workers.has(vm)) return;
    const request = { vm, slice, group };
    const entry: LocalWorker = { request, node: null, made: Promise.withResolvers() };
    this.#workers.set(vm, entry);
    try {
      entry.node = await owner.own(this.#options.worker(request), { stage: 0 });
      this.#options.channel.post({ type: "ready", vm });
    } catch (error) {
      this.#workers.delete(vm);
      this.#options.channel.post({ type: "failed", vm, reason: messageOf(error) });
    } finally {
      entry.made.resolve();
    }
  }

  async #delete({ vm, stopMs }: { vm: string; stopMs: number }): Promise<void> {
    const worker = this.#workers.get(vm);
    // One that is on its way up would come up after it was said to be gone.
    await worker?.made.promise;
    const report = await worker?.node?.stop(stopMs, "shutdown");
    this.#workers.delete(vm);
    this.#options.channel.post({ type: "gone", vm, reason: report?.outcome ?? "not there" });
  }

  /** A worker whose part crashed is no worker any more: the VM manager may make another. */
  #onFailure(error: unknown, path: string): boolean {
    for (const [vm, { node }] of this.#workers) {
      if (node === null || !`${path}/`.startsWith(`${node.path}/`)) continue;
      // owner: the worker's node, whose stop it waits for.
      void this.#bury(vm, { node, reason: messageOf(error) });
      return true;
    }
    return false;
  }

  async #bury(vm: string, lost: { node: Owner; reason: string }): Promise<void> {
    logger("workers").warning("worker {vm} failed: {reason}", { vm, reason: lost.reason });
    await lost.node.stop(BURY_MS, "crash");
    this.#workers.delete(vm);
    this.#options.channel.post({ type: "failed", vm, reason: lost.reason });
  }
}
