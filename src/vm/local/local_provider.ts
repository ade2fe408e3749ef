/**
 * The provider of a local cluster: its VMs are workers inside this process. The VM manager decides
 * which exist, main owns them: this asks main through a channel. Runs in the VM manager's isolate.
 */
import type { Channel } from "../../lifecycle/loop.ts";
import type { VmEvent } from "../managed_vm.ts";
import type { FromLocalOwner, ToLocalOwner } from "../messages.ts";
import type { ExistingVm, VmProvider } from "../vm_manager.ts";

/** The name of the channel to main. */
export const LOCAL_CHANNEL = "workers";

/** Asks main for workers. */
export class LocalProvider implements VmProvider {
  readonly name = "local";
  readonly #owner: Channel<FromLocalOwner, ToLocalOwner>;
  readonly #existing = Promise.withResolvers<readonly ExistingVm[]>();
  #receiver: ((vm: string, event: VmEvent) => void) | null = null;
  #early: { vm: string; event: VmEvent }[] = [];

  /** @param owner the connection to main */
  constructor(owner: Channel<FromLocalOwner, ToLocalOwner>) {
    this.#owner = owner;
    owner.onMessage((message) => this.#onMessage(message));
  }

  existing(signal: AbortSignal): Promise<readonly ExistingVm[]> {
    this.#owner.post({ type: "sync" });
    const aborted = () => this.#existing.reject(signal.reason);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted, { once: true });
    return this.#existing.promise.finally(() => signal.removeEventListener("abort", aborted));
  }

  create(request: { readonly vm: string; readonly group: string }): Promise<null> {
    this.#owner.post({ type: "create", vm: request.vm, group: request.group });
    return Promise.resolve(null);
  }

  delete({ vm }: { readonly vm: string }): void {
    this.#owner.post({ type: "delete", vm });
  }

  onEvent(receiver: (vm: string, event: VmEvent) => void): void {
    this.#receiver = receiver;
    const early = this.#early;
    this.#early = [];
    for (const { vm, event } of early) receiver(vm, event);
  }

  #onMessage(message: FromLocalOwner): void {
    switch (message.type) {
      case "existing":
        return this.#existing.resolve(
          message.vms.map(({ vm, group, ready }) => ({ vm, group, ready, externalId: null })),
        );
      case "ready":
        return this.#tell(message.vm, { name: "ready" });
      case "gone":
        return this.#tell(message.vm, { name: "gone", reason: message.reason });
      case "failed":
        return this.#tell(message.vm, { name: "failed", reason: message.reason });
    }
  }

  #tell(vm: string, event: VmEvent): void {
    if (this.#receiver === null) this.#early.push({ vm, event });
    else this.#receiver(vm, event);
  }
}
