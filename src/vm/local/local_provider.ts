/**
 * The provider of a local cluster: its VMs are workers inside this process. The VM manager decides
 * which exist, main owns them: this asks main through a channel, one for all groups. Runs in the VM
 * manager's isolate.
 */
import { orAborted } from "../../base/or_aborted.ts";
import { IrisError } from "../../base/errors.ts";
import type { Channel } from "../../lifecycle/loop.ts";
import type { VmEvent } from "../managed_vm.ts";
import type { LocalProviderConfig } from "../provider_config.ts";
import type {
  ExistingSlice,
  MakeProvider,
  ProviderReceiver,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../vm_provider.ts";
import type { FromLocalOwner, LocalVm, ToLocalOwner } from "./local_messages.ts";

/** Makes the providers of all local groups, over one channel to main. */
export function localProviders(
  channel: Channel<FromLocalOwner, ToLocalOwner>,
): MakeProvider<LocalProviderConfig> {
  const link = new LocalLink(channel);
  return (_config, { group, receiver }) =>
    Promise.resolve(new LocalProvider(link, { group: group.name, receiver }));
}

/** The connection to main: what it says goes to whoever asked for that worker. */
class LocalLink {
  readonly #owner: Channel<FromLocalOwner, ToLocalOwner>;
  readonly #existing = Promise.withResolvers<readonly LocalVm[]>();
  readonly #receivers = new Map<string, ProviderReceiver>();
  #asked = false;

  constructor(owner: Channel<FromLocalOwner, ToLocalOwner>) {
    this.#owner = owner;
    owner.onMessage((message) => this.#onMessage(message));
  }

  /** All that main has; asked for once. @throws the signal's reason */
  async existing(signal: AbortSignal): Promise<readonly LocalVm[]> {
    if (!this.#asked) this.#owner.post({ type: "sync" });
    this.#asked = true;
    return await orAborted(this.#existing.promise, signal);
  }

  hear(vm: string, receiver: ProviderReceiver): void {
    this.#receivers.set(vm, receiver);
  }

  post(message: ToLocalOwner): void {
    this.#owner.post(message);
  }

  #onMessage(message: FromLocalOwner): void {
    switch (message.type) {
      case "existing":
        return this.#existing.resolve(message.vms);
      case "ready":
        return this.#tell(message.vm, { name: "ready" });
      case "gone":
      case "failed":
        this.#tell(message.vm, { name: message.type, reason: message.reason });
        this.#receivers.delete(message.vm);
        return;
    }
  }

  #tell(vm: string, event: VmEvent): void {
    this.#receivers.get(vm)?.event(vm, event);
  }
}

/** Asks main for the workers of one group. */
class LocalProvider implements VmProvider {
  readonly name = "local";
  readonly #link: LocalLink;
  readonly #group: string;
  readonly #receiver: ProviderReceiver;

  constructor(link: LocalLink, of: { group: string; receiver: ProviderReceiver }) {
    this.#link = link;
    this.#group = of.group;
    this.#receiver = of.receiver;
  }

  async existing(signal: AbortSignal): Promise<readonly ExistingSlice[]> {
    const mine = (await this.#link.existing(signal)).filter(({ group }) => group === this.#group);
    for (const { vm, ready } of mine) {
      this.#link.hear(vm, this.#receiver);
      if (ready) queueMicrotask(() => this.#receiver.event(vm, { name: "ready" }));
    }
    return [...Map.groupBy(mine, ({ slice }) => slice)].map(([slice, vms]) => ({
      slice,
      vms: vms.map(({ vm }) => vm),
      group: this.#group,
      externalId: null,
    }));
  }

  create({ slice, vms }: SliceRequest): Promise<null> {
    for (const vm of vms) {
      this.#link.hear(vm, this.#receiver);
      this.#link.post({ type: "create", vm, slice, group: this.#group });
    }
    return Promise.resolve(null);
  }

  delete({ vms, stopMs }: SliceDelete): void {
    for (const vm of vms) {
      this.#link.hear(vm, this.#receiver);
      this.#link.post({ type: "delete", vm, stopMs });
    }
  }

  reload(vm: string): Promise<void> {
    const message = `${vm} is a worker inside this process: it cannot be reloaded, only stopped`;
    return Promise.reject(new IrisError("invalid", message));
  }
}
