/** One VM as an owned node of the tree: its state, and its end. Lives in the VM manager's isolate. */
import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../lifecycle/deadline.ts";
import type { Part, StartContext, StopRequest } from "../lifecycle/part.ts";
import { isTerminal, stepVm, type VmEvent, type VmState } from "./managed_vm.ts";

/** Of what a VM has left at a stop, this much is for the proof that it is gone, in ms. */
const PROOF_MS = 1_000;
/** ... but never more than this share of it. */
const PROOF_SHARE = 0.25;

/** What a node needs of its manager. */
export interface VmNodeOptions {
  readonly vm: string;
  readonly clock: Clock;
  /** Asks the provider to delete its slice, whose workers get so long to end their tasks in, in ms. */
  readonly remove: (stopMs: number) => void;
  /** True when the cluster really stops: a manager that only begins anew leaves its VMs alone. */
  readonly stopping: () => boolean;
  /** Where somebody finds it, to stand behind its name; empty when that is not known. */
  readonly where: () => string;
  /** What somebody can do about it when it cannot be proved gone; a part of a sentence. */
  readonly remedy: string;
  /** Told after each change of state. */
  readonly changed: (node: VmNode) => void;
}

/** A VM. */
export class VmNode implements Part {
  readonly kind = "resource";
  readonly name: string;
  readonly #options: VmNodeOptions;
  readonly #gone = Promise.withResolvers<void>();
  #context: StartContext | null = null;
  #state: VmState;
  /** What it does on its way up, in a word or two. */
  phase = "";
  /**
   * Since when the controller does not speak of its worker, on the monotonic clock; null while it
   * does, and for one that was never known there.
   */
  unknownSinceMs: number | null = null;
  /** True once the controller knew its worker. */
  wasKnown = false;
  /** Wall time of its last change, in ms. */
  sinceMs: number;

  /** @param state REQUESTED for a new one, or what an existing one is in */
  constructor(state: VmState, options: VmNodeOptions) {
    this.name = options.vm;
    this.#state = state;
    this.#options = options;
    this.sinceMs = options.clock.wall();
  }

  /** Where it is. */
  get state(): VmState {
    return this.#state;
  }

  /** Why it is ill or goes or went; empty otherwise. */
  get reason(): string {
    return "reason" in this.#state ? this.#state.reason : "";
  }

  /** Takes in what happened. @returns false when that is out of date */
  apply(event: VmEvent): boolean {
    const step = stepVm(this.#state, event, this.#options.clock.now());
    if (step === null) return false;
    // Why it had to go says more than how it went.
    const stopped = this.#state.name === "STOPPING" && isTerminal(step);
    const next = stopped ? { ...step, reason: this.reason } as VmState : step;
    if (next.name !== this.#state.name) {
      this.sinceMs = this.#options.clock.wall();
      this.phase = "";
    }
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

  async ask(request: StopRequest): Promise<void> {
    if (!this.#options.stopping() || isTerminal(this.#state)) return;
    this.close();
    const { deadline } = request;
    const stopMs = () => {
      const leftMs = deadline.remainingMs();
      return Math.max(0, leftMs - Math.min(PROOF_MS, leftMs * PROOF_SHARE));
    };
    this.#options.remove(stopMs());
    const forget = deadline.onNearer(() => this.#options.remove(stopMs()));
    try {
      await this.#gone.promise;
    } finally {
      forget();
    }
  }

  force(): void {
    if (this.#options.stopping() && !isTerminal(this.#state)) this.#options.remove(0);
  }

  async verify(deadline: Deadline): Promise<string[]> {
    if (isTerminal(this.#state) || !this.#options.stopping()) return [];
    const leftMs = deadline.remainingMs();
    const last = deadline.child({ reserveMs: leftMs * PROOF_SHARE });
    const passed = Promise.withResolvers<void>();
    const forget = last.onPassed(passed.resolve);
    await Promise.race([this.#gone.promise, passed.promise]);
    forget();
    last.dispose();
    if (isTerminal(this.#state)) return [];
    return [
      `VM ${this.name}${this.#options.where()} is ${this.#state.name}: its provider did not say ` +
      `that it is gone${this.#options.remedy}`,
    ];
  }

  facts(): { detail: string } {
    const { name } = this.#state;
    const more = this.reason !== "" ? this.reason : this.phase;
    return { detail: more === "" ? name : `${name}: ${more}` };
  }
}
