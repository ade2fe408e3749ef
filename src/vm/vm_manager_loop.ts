/**
 * The VM manager: keeps as many VMs of each group as are wanted, each an owned node of the tree.
 * Runs in the VM manager's isolate.
 */
import { backoffMs } from "../base/backoff.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Channel, LoopBody, LoopContext } from "../lifecycle/loop.ts";
import { isLive, isTerminal, type VmEvent, type VmState } from "./managed_vm.ts";
import type { Fleet, Wanted, WantedGroup } from "./messages.ts";
import type { ScaleGroup, VmProvider } from "./vm_manager.ts";
import { VmNode } from "./vm_node.ts";

/** The name of the channel to the autoscaler. */
export const AUTOSCALER_CHANNEL = "autoscaler";

/** How often the loop looks at its clock, in ms. */
const LOOK_MS = 500;
/** How long a provider may take to say what it has, in ms. */
const EXISTING_MS = 5_000;
/** The first and the longest wait before another VM is made where one failed, in ms. */
const CREATE_BACKOFF = { minMs: 250, maxMs: 60_000 };
/** A VM that is ill for this long is replaced, in ms. */
const UNHEALTHY_MS = 60_000;
/** VMs stop together. */
const VM_STAGE = 1;
/** Requests to the provider under way at the same time. */
const MAX_CREATES = 16;

/** What a VM manager is told by whoever composes it. Plain data. */
export interface VmManagerConfig {
  readonly groups: readonly ScaleGroup[];
}

/** What is stored of VMs, so that none is forgotten: the intent before it is made. */
export interface VmJournal {
  intent(vm: { vm: string; group: string }): void;
  created(vm: string, externalId: string | null): void;
  removed(vm: string): void;
}

/** Powers that a VM manager is handed. */
export interface VmManagerPorts {
  provider(context: LoopContext<VmManagerConfig>): VmProvider;
  readonly random: Random;
  /** None where VMs cannot outlive the VM manager's process. */
  readonly journal?: VmJournal;
}

/** The body of the VM manager's loop. */
export function vmManagerLoop(ports: VmManagerPorts): LoopBody<VmManagerConfig> {
  return async (context) => await new VmManager(context, ports).run();
}

interface Group {
  readonly config: ScaleGroup;
  wanted: WantedGroup;
  /** VMs that failed one after another, and when the next may be made. */
  failures: number;
  notBefore: number;
}

class VmManager {
  readonly #context: LoopContext<VmManagerConfig>;
  readonly #ports: VmManagerPorts;
  readonly #provider: VmProvider;
  readonly #autoscaler: Channel<Wanted, Fleet>;
  readonly #groups = new Map<string, Group>();
  readonly #nodes = new Map<string, VmNode>();
  readonly #creating = new Set<Promise<void>>();
  #nextNumber = 0;
  #failure: unknown = null;

  constructor(context: LoopContext<VmManagerConfig>, ports: VmManagerPorts) {
    this.#context = context;
    this.#ports = ports;
    this.#provider = ports.provider(context);
    this.#autoscaler = context.channel<Wanted, Fleet>(AUTOSCALER_CHANNEL);
    for (const config of context.config.groups) {
      const { name, min } = config;
      const wanted = { group: name, count: min, reason: `min is ${min}`, remove: [] };
      this.#groups.set(name, { config, wanted, failures: 0, notBefore: -Infinity });
    }
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#context;
    await this.#adopt();
    this.#provider.onEvent((vm, event) => this.#onEvent(vm, event));
    this.#autoscaler.onMessage((message) => this.#onWanted(message));
    this.#converge();
    this.#context.ready();
    this.#tellFleet();
    const stopped = Promise.withResolvers<void>();
    const look = () => {
      this.#context.tick();
      this.#converge();
      if (signal.aborted || this.#failure !== null) stopped.resolve();
      else timer = clock.setTimer(LOOK_MS, look);
    };
    let timer = clock.setTimer(LOOK_MS, look);
    const onAbort = () => stopped.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await stopped.promise;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      this.#autoscaler.onMessage(null);
    }
    await Promise.all(this.#creating);
    if (this.#failure !== null && !signal.aborted) throw this.#failure;
  }

  /** Takes over what the provider has; what belongs to no group is deleted. */
  async #adopt(): Promise<void> {
    const abort = new AbortController();
    const onAbort = () => abort.abort(new IrisError("timeout", "The provider did not answer"));
    const timer = this.#context.clock.setTimer(EXISTING_MS, onAbort);
    this.#context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (const found of await this.#provider.existing(abort.signal)) {
        const number = /^w(\d{1,9})$/.exec(found.vm);
        if (number !== null) this.#nextNumber = Math.max(this.#nextNumber, Number(number[1]) + 1);
        const { externalId } = found;
        if (!this.#groups.has(found.group)) {
          logger("vm").warn("deleting {vm}: there is no group {group}", { ...found });
          this.#provider.delete(found);
          continue;
        }
        const sinceMs = this.#context.clock.now();
        const name = found.ready ? "READY" : "BOOTING";
        await this.#own(found, { name, sinceMs, externalId });
      }
    } finally {
      timer.cancel();
      this.#context.signal.removeEventListener("abort", onAbort);
    }
  }

  #onWanted(message: Wanted): void {
    for (const wanted of message.groups) {
      const group = this.#groups.get(wanted.group);
      if (group === undefined) continue;
      const { min, max } = group.config;
      if (group.wanted.count !== wanted.count) {
        logger("vm").info("group {group}: {count} wanted: {reason}", { ...wanted });
      }
      group.wanted = { ...wanted, count: Math.min(max, Math.max(min, wanted.count)) };
    }
    this.#converge();
  }

  #onEvent(vm: string, event: VmEvent): void {
    this.#nodes.get(vm)?.apply(event);
  }

  /** Makes and unmakes VMs until each group has what it wants. Never while stopping. */
  #converge(): void {
    if (this.#context.closing.aborted || this.#failure !== null) return;
    const now = this.#context.clock.now();
    for (const group of this.#groups.values()) {
      const nodes = [...this.#nodes.values()].filter((node) => node.group === group.config.name);
      for (const node of nodes) {
        if (node.state.name === "UNHEALTHY" && now - node.state.sinceMs > UNHEALTHY_MS) {
          this.#stop(node, `unhealthy: ${node.state.reason}`);
        }
      }
      const live = nodes.filter((node) => isLive(node.state));
      let missing = group.wanted.count - live.length;
      while (missing-- > 0 && now >= group.notBefore && this.#creating.size < MAX_CREATES) {
        this.#create(group.config.name);
      }
      this.#shrink(group, live);
    }
  }

  /** Only what is idle, or not up yet, may go: newest first among the latter. */
  #shrink(group: Group, live: readonly VmNode[]): void {
    let extra = live.length - group.wanted.count;
    const named = live.filter((node) => group.wanted.remove.includes(node.name));
    const coming = live.filter((node) =>
      node.state.name !== "READY" && node.state.name !== "UNHEALTHY" && !named.includes(node)
    ).reverse();
    for (const node of [...coming, ...named]) {
      if (extra-- <= 0) return;
      this.#stop(node, group.wanted.reason);
    }
  }

  #stop(node: VmNode, reason: string): void {
    if (node.apply({ name: "stop", reason })) this.#remove(node);
  }

  #remove(node: VmNode): void {
    const { state } = node;
    this.#provider.delete({
      vm: node.name,
      externalId: "externalId" in state ? state.externalId : null,
    });
  }

  #create(group: string): void {
    const vm = `w${this.#nextNumber++}`;
    // The intent comes first: whatever happens from here on, the VM is known.
    this.#ports.journal?.intent({ vm, group });
    const owned = this.#own({ vm, group }, {
      name: "REQUESTED",
      sinceMs: this.#context.clock.now(),
    });
    const creating = owned.then((node) => this.#request(node)).catch((error) => {
      // Our own node could not be owned: a stop came in between, or this is a bug.
      if (!this.#context.closing.aborted) this.#failure = error;
    }).finally(() => {
      this.#creating.delete(creating);
    });
    this.#creating.add(creating);
  }

  async #request(node: VmNode): Promise<void> {
    if (!isLive(node.state)) {
      node.apply({ name: "gone", reason: "It was never made" });
      return;
    }
    try {
      const externalId = await this.#provider.create({ vm: node.name, group: node.group });
      this.#ports.journal?.created(node.name, externalId);
      node.apply({ name: "accepted", externalId });
      // A stop that came meanwhile did not know its name.
      if (node.state.name === "STOPPING") this.#remove(node);
    } catch (error) {
      node.apply({ name: "failed", reason: messageOf(error) });
    }
  }

  async #own(vm: { vm: string; group: string }, state: VmState): Promise<VmNode> {
    const node = new VmNode(state, {
      vm: vm.vm,
      group: vm.group,
      clock: this.#context.clock,
      remove: (node) => this.#remove(node),
      stopping: () => this.#context.closing.aborted,
      changed: (node) => this.#changed(node),
    });
    // Counted from now on, so that no second one is made for the same want.
    this.#nodes.set(vm.vm, node);
    try {
      await this.#context.owner.own(node, { stage: VM_STAGE });
    } catch (error) {
      this.#nodes.delete(vm.vm);
      throw error;
    }
    return node;
  }

  #changed(node: VmNode): void {
    const { state } = node;
    const group = this.#groups.get(node.group);
    if (group !== undefined && state.name === "READY") group.failures = 0;
    if (isTerminal(state)) {
      this.#nodes.delete(node.name);
      this.#ports.journal?.removed(node.name);
      if (group !== undefined && state.name === "FAILED") this.#backOff(group, node);
    }
    this.#tellFleet();
    this.#converge();
  }

  #backOff(group: Group, node: VmNode): void {
    const ms = backoffMs(group.failures++, CREATE_BACKOFF, this.#ports.random);
    group.notBefore = this.#context.clock.now() + ms;
    logger("vm").warn("{vm} failed: {reason}; the next in {ms} ms", {
      vm: node.name,
      reason: "reason" in node.state ? node.state.reason : "",
      ms: Math.round(ms),
    });
  }

  #tellFleet(): void {
    const groups = [...this.#groups.values()].map(({ config }) => ({
      ...config,
      vms: [...this.#nodes.values()]
        .filter((node) => node.group === config.name)
        .map((node) => ({ vm: node.name, state: node.state.name })),
    }));
    this.#autoscaler.post({ type: "fleet", groups });
  }
}
