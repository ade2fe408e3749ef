/** One VM as an owned node of the tree: its state, and its end. Lives in the VM manager's isolate. */
import type { Clock } from "../base/clock.ts";
import type { Part, StartContext } from "../lifecycle/part.ts";
import { isTerminal, stepVm, type VmEvent, type VmState } from "./managed_vm.ts";

/** What a node needs of its manager. */
export interface VmNodeOptions {
  readonly vm: string;
  readonly group: string;
  readonly clock: Clock;
  /** Asks the provider to delete it. */
  readonly remove: (node: VmNode) => void;
  /** True when the cluster really stops: a manager that only begins anew leaves its VMs alone. */
  readonly stopping: () => boolean;
  /** Told after each change of state. */
  readonly changed: (node: VmNode) => void;
}

/** A VM. */
export class VmNode implements Part {
  readonly kind = "resource";
  readonly name: string;
  readonly group: string;
  readonly #options: VmNodeOptions;
  readonly #gone = Promise.withResolvers<void>();
  #context: StartContext | null = null;
  #state: VmState;

  /** @param state REQUESTED for a new one, or what an existing one is in */
  constructor(state: VmState, options: VmNodeOptions) {
    this.name = options.vm;
    this.group = options.group;
    this.#state = state;
    this.#options = options;
  }

  /** Where it is. */
  get state(): VmState {
    return this.#state;
  }

  /** Takes in what happened. @returns false when that is out of date */
  apply(event: VmEvent): boolean {
    const next = stepVm(this.#state, event, this.#options.clock.now());
    if (next === null) return false;
    this.#state = next;
    if (isTerminal(next)) {
      this.#gone.resolve();
      this.#context?.ended();
    }
    this.#options.changed(this);
    return true;
  }

  start(context: StartContext): void {
    this.#context = context;
    if (isTerminal(this.#state)) context.ended();
  }

  /** From here on its going is expected, whoever brings it about. */
  close(): void {
    if (this.#options.stopping()) this.apply({ name: "stop", reason: "The cluster is stopping" });
  }

  async ask(): Promise<void> {
    if (!this.#options.stopping() || isTerminal(this.#state)) return;
    this.close();
    this.#options.remove(this);
    await this.#gone.promise;
  }

  force(): void {
    if (this.#options.stopping() && !isTerminal(this.#state)) this.#options.remove(this);
  }

  verify(): string[] {
    if (isTerminal(this.#state) || !this.#options.stopping()) return [];
    return [`VM ${this.name} is ${this.#state.name}: its provider did not say that it is gone`];
  }

  facts(): { detail: string } {
    const reason = "reason" in this.#state && this.#state.reason !== "" ? this.#state.reason : null;
    return { detail: reason === null ? this.#state.name : `${this.#state.name}: ${reason}` };
  }
}
