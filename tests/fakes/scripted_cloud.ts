/**
 * A cloud in memory, and a provider that makes slices in it: what is there outlives the provider, as
 * machines outlive a VM manager. What becomes of requests is said by the test.
 */
import { IrisError } from "../../src/base/errors.ts";
import type { ProviderMakers } from "../../src/vm/provider_makers.ts";
import type {
  ExistingSlice,
  ProviderContext,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../../src/vm/vm_provider.ts";

/** A slice that is there. */
interface Machine extends ExistingSlice {
  /** VMs of it that are gone. */
  readonly gone: Set<string>;
}

/** What becomes of a request. */
export type Fate = "booted" | "taken" | "quota" | "unavailable" | "hang" | "lost" | "boom";

/** See the head of this file. */
export class ScriptedCloud {
  /** What was asked, in order. */
  readonly asked: string[] = [];
  readonly slices = new Map<string, Machine>();
  /** The fates of the next requests, then `booted`. */
  fates: Fate[] = [];
  /** Whether deletes are carried out. */
  obeys = true;
  /** What `existing` does. */
  existing: "answers" | "unavailable" | "hangs" = "answers";
  reload: "works" | "hangs" = "works";
  readonly #hanging: (() => void)[] = [];
  readonly #doomed = new Set<string>();
  #context = new Map<string, ProviderContext>();
  #numbers = 0;

  /** The maker of its provider, under the name of one of the kinds. */
  makers(): ProviderMakers {
    return {
      fake: (_config, context) => {
        this.#context.set(context.group.name, context);
        return Promise.resolve(this.#provider(context));
      },
    };
  }

  /** A VM ends by itself. */
  end(vm: string, name: "failed" | "preempted" | "gone"): void {
    for (const machine of this.slices.values()) {
      if (!machine.vms.includes(vm) || machine.gone.has(vm)) continue;
      machine.gone.add(vm);
      if (machine.gone.size === machine.vms.length) this.slices.delete(machine.slice);
      this.#tell(machine.group, vm, { name, reason: "it ended" });
    }
  }

  /** A machine or its bootstrap says something. */
  say(group: string, vm: string, line: string): void {
    this.#context.get(group)!.receiver.log(vm, line);
  }

  phase(group: string, vm: string, phase: string): void {
    this.#context.get(group)!.receiver.phase(vm, phase);
  }

  /** Carries out what hangs. */
  release(): void {
    for (const go of this.#hanging.splice(0)) go();
  }

  /** Something that no VM manager asked for, as far as it knows. */
  plant(group: string, slice: string, vms: readonly string[] = [slice]): void {
    this.slices.set(slice, { group, slice, vms, externalId: `x-${slice}`, gone: new Set() });
  }

  /** Ends what was to end and did not. */
  obey(): void {
    this.obeys = true;
    for (const machine of [...this.slices.values()]) {
      if (this.#doomed.has(machine.slice)) this.#end(machine);
    }
  }

  #provider(context: ProviderContext): VmProvider {
    const group = context.group.name;
    return {
      name: "fake",
      existing: (signal) => {
        if (this.existing === "hangs") return this.#hang(signal, () => []);
        if (this.existing === "unavailable") {
          return Promise.reject(new IrisError("unavailable", "no answer from the cloud"));
        }
        const mine = [...this.slices.values()].filter((one) => one.group === group);
        return Promise.resolve(mine.map(({ gone: _, ...slice }) => slice));
      },
      create: (request, signal) => this.#create(group, request, signal),
      delete: (request) => this.#delete(group, request),
      reload: (vm, signal) => {
        this.asked.push(`reload ${vm}`);
        return this.reload === "works" ? Promise.resolve() : this.#hang(signal, () => undefined);
      },
    };
  }

  #create(group: string, request: SliceRequest, signal: AbortSignal): Promise<string> {
    const fate = this.fates.shift() ?? "booted";
    this.asked.push(`create ${request.slice}`);
    const { slice, vms } = request;
    const make = () => {
      const externalId = `x-${this.#numbers++}`;
      this.slices.set(slice, { group, slice, vms, externalId, gone: new Set() });
      return externalId;
    };
    switch (fate) {
      case "quota":
      case "unavailable":
        return Promise.reject(new IrisError(fate, `refused: ${fate}`));
      case "hang":
        return this.#hang(signal, make);
      case "boom":
        return Promise.reject(new Error("the answer could not be read"));
      case "lost":
        make();
        return Promise.reject(new Error("the connection broke"));
      case "taken":
        return Promise.resolve(make());
      case "booted":
        queueMicrotask(() => {
          for (const vm of vms) this.#tell(group, vm, { name: "booted" });
        });
        return Promise.resolve(make());
    }
  }

  #delete(group: string, request: SliceDelete): void {
    const { slice, vms, stopMs, externalId } = request;
    const known = externalId === null ? "by its label" : "by its name";
    this.asked.push(`delete ${slice} ${known} in ${Math.round(stopMs)}`);
    this.#doomed.add(slice);
    if (!this.obeys) return;
    const machine = this.slices.get(slice) ??
      { group, slice, vms, externalId: null, gone: new Set<string>() };
    queueMicrotask(() => this.#end(machine));
  }

  #end(machine: Machine): void {
    this.slices.delete(machine.slice);
    for (const vm of machine.vms) {
      if (machine.gone.has(vm)) continue;
      machine.gone.add(vm);
      this.#tell(machine.group, vm, { name: "gone", reason: "deleted" });
    }
  }

  #tell(group: string, vm: string, event: Parameters<ProviderContext["receiver"]["event"]>[1]) {
    this.#context.get(group)?.receiver.event(vm, event);
  }

  /** Hangs, whatever the signal says: as a provider would that does not listen to it. */
  #hang<T>(_signal: AbortSignal, then: () => T): Promise<T> {
    return new Promise((resolve) => void this.#hanging.push(() => resolve(then())));
  }
}
