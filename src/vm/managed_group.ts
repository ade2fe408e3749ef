/**
 * One scale group: keeps as many slices as are wanted, at the group's pace. A node of the tree that
 * owns its provider and each of its VMs. Runs in the VM manager's isolate.
 */
import { backoffMs } from "../base/backoff.ts";
import { invariant } from "../base/assert.ts";
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Owner } from "../lifecycle/owner.ts";
import type { Part, StartContext } from "../lifecycle/part.ts";
import { boundedCall } from "./bounded_call.ts";
import type { FleetGroup, WantedSlices, WorkerSeen } from "./fleet.ts";
import type { GroupPorts } from "./group_ports.ts";
import { GroupSlices } from "./group_slices.ts";
import type { ManagedSlice } from "./managed_slice.ts";
import type { VmEvent } from "./managed_vm.ts";
import { Pace, YOUNG_MS } from "./pace.ts";
import type { GroupConfig } from "./scale_group.ts";
import type { SliceRow } from "./vm_book.ts";
import type { VmNode } from "./vm_node.ts";
import type { ExistingSlice, ProviderReceiver, VmProvider } from "./vm_provider.ts";

/** How long a provider may take to come up, in ms. */
const MAKE_MS = 20_000;
/** How long it may take to say what it has, in ms. */
const EXISTING_MS = 30_000;
/** The first and the longest wait until it is asked again, in ms. */
const EXISTING_BACKOFF = { minMs: 1_000, maxMs: 60_000 };
/** How long a reload may take, in ms. */
const RELOAD_MS = 120_000;
const COMING: ReadonlySet<string> = new Set(["REQUESTED", "BOOTING", "INITIALIZING"]);
/** The provider stops after the VMs. */
const PROVIDER_STAGE = 0;

/** A group and all that there is of it. */
export class ManagedGroup implements Part {
  readonly kind = "component";
  readonly name: string;
  readonly config: GroupConfig;
  readonly pace: Pace;
  readonly #ports: GroupPorts;
  #provider: VmProvider | null = null;
  #slices: GroupSlices | null = null;
  #wanted: WantedSlices | null = null;
  /** Null once the provider said what it has; what it says of VMs before waits here. */
  #early: { vm: string; event: VmEvent }[] | null = [];
  readonly #learning = { tries: 0, notBeforeMs: -Infinity, busy: false, reason: "" };
  readonly #reloading = new Set<string>();
  /** What was told last of whether it can be asked for more. */
  #told = "";
  #converging: "no" | "yes" | "again" = "no";

  /** @param config what it is made of */
  constructor(config: GroupConfig, ports: GroupPorts) {
    this.name = config.group.name;
    this.config = config;
    this.#ports = ports;
    this.pace = new Pace({
      limits: config.pace,
      random: ports.random,
      nowMs: ports.clock.now(),
      health: config.provider.kind !== "local",
    });
  }

  async start({ owner }: StartContext): Promise<void> {
    const { clock, signal } = this.#ports;
    let provider: VmProvider | null = null;
    const part: Part = {
      name: `provider ${this.config.provider.kind}`,
      kind: "component",
      start: async (context) => {
        const make = () => this.#ports.provider(context.owner, this.#receiver());
        const what = `start of the provider of group ${this.name}`;
        provider = await boundedCall(make, {
          clock,
          signal,
          ms: MAKE_MS,
          what,
          counted: [this.name, "make"],
        });
      },
    };
    await owner.own(part, { stage: PROVIDER_STAGE });
    this.#begin(owner, provider);
  }

  #begin(owner: Owner, provider: VmProvider | null): void {
    invariant(provider !== null, "A provider that is up is there");
    this.#provider = provider;
    const { config, pace } = this;
    this.#slices = new GroupSlices({ config, pace, ports: this.#ports, owner, provider });
  }

  facts(): { detail: string } {
    const slices = this.#all();
    const ready = slices.filter((slice) => slice.isLive && slice.readyAtMs !== null).length;
    const { state, reason } = this.#availability();
    const more = state === "ok" ? "" : `; ${state}: ${reason}`;
    return { detail: `${ready} of ${slices.length} slices ready${more}` };
  }

  /** All that there is, as the autoscaler is told. */
  view(): FleetGroup {
    const availability = this.#availability();
    this.#told = paceText(availability);
    return {
      ...this.config.group,
      provider: this.config.provider.kind,
      slices: this.#all().map((slice) => slice.view()),
      availability,
    };
  }

  /** The names of its VMs; those of slices that are wholly gone are left out. */
  get vms(): Iterable<string> {
    return this.#slices?.vms ?? [];
  }

  /** Whether a VM is one of them. */
  has(vm: string): boolean {
    return this.#slices?.vm(vm) !== undefined;
  }

  /** True once its provider said what there is: a VM that it does not have is gone. */
  get knows(): boolean {
    return this.#early === null;
  }

  /** Tells when time alone made more, or less, to be had: nothing else would. */
  #lookAtPace(): void {
    if (paceText(this.#availability()) !== this.#told) this.#ports.changed();
  }

  /** What it shall have from now on. */
  want(wanted: WantedSlices): void {
    const { min, max } = this.config.group;
    if (this.#wanted?.count !== wanted.count) {
      logger("vm").info("group {group}: {count} wanted: {reason}", { ...wanted });
    }
    this.#wanted = { ...wanted, count: Math.min(max, Math.max(min, wanted.count)) };
  }

  /** What the controller knows of a worker. */
  seen({ vm, state, reason }: WorkerSeen): void {
    const node = this.#slices?.vm(vm)?.node;
    if (node === undefined) return;
    if (state === "ready") node.apply({ name: "ready" });
    else {
      const why = reason === "" ? `its worker is ${state}` : `its worker is ${state}: ${reason}`;
      const isIll = node.apply({ name: "unhealthy", reason: why });
      // One on its way up is not ill; what keeps it from getting there is worth knowing.
      if (!isIll && COMING.has(node.state.name) && node.phase !== why) {
        node.phase = why;
        this.#ports.changed();
      }
    }
  }

  /** All workers that the controller knows: one that it knew, or that was ready, may be missing. */
  known(names: ReadonlySet<string>): void {
    const now = this.#ports.clock.now();
    for (const node of this.#all().flatMap(({ nodes }) => nodes)) {
      if (names.has(node.name)) {
        node.wasKnown = true;
        node.unknownSinceMs = null;
      } else if (node.wasKnown) node.unknownSinceMs ??= now;
    }
  }

  /** A user wants a VM's slice to go. @throws {IrisError} `not_found` */
  stopVm(vm: string, reason: string): void {
    const { slice } = this.#find(vm);
    slice.hurry = true;
    this.#slices!.judge(slice, null);
    this.#slices!.stop(slice, reason);
    this.converge();
  }

  /** Starts a VM's workers anew. @throws {IrisError} */
  async reload(vm: string): Promise<void> {
    const { node } = this.#find(vm);
    if (this.#reloading.has(vm)) {
      throw new IrisError("conflict", `VM ${vm} is being reloaded already`);
    }
    if (node.state.name !== "READY" && node.state.name !== "UNHEALTHY") {
      throw new IrisError("conflict", `VM ${vm} is ${node.state.name}: only one that works can be`);
    }
    this.#reloading.add(vm);
    const { clock, signal } = this.#ports;
    const call = (signal: AbortSignal) => this.#provider!.reload(vm, signal);
    try {
      const counted = [this.name, "reload"] as const;
      const what = `reload of ${vm}`;
      await boundedCall(call, { clock, signal, ms: RELOAD_MS, what, counted });
    } finally {
      this.#reloading.delete(vm);
    }
  }

  /**
   * Takes over what an earlier VM manager wrote down, and asks the provider what is there.
   *
   * @param rows of this group
   */
  async takeOver(rows: readonly SliceRow[]): Promise<void> {
    const { clock, names } = this.#ports;
    for (const row of rows) {
      names.seen(this.config, row.slice);
      const now = clock.now();
      const readyAtMs = row.readyMs === null ? null : now - Math.max(0, clock.wall() - row.readyMs);
      const name = readyAtMs === null ? "BOOTING" : "READY";
      const state = { name, sinceMs: now, externalId: row.externalId } as const;
      const slice = await this.#slices!.adopt({ ...row, fromMs: now, readyAtMs }, state);
      for (const node of slice.nodes) {
        node.wasKnown = readyAtMs !== null;
        node.unknownSinceMs = node.wasKnown ? now : null;
      }
      if (row.stopping !== null) this.#slices!.stop(slice, row.stopping);
    }
    await this.#learn();
  }

  /** Makes and unmakes slices until there is what is wanted. Never while stopping. */
  converge(): void {
    if (this.#converging !== "no") {
      this.#converging = "again";
      return;
    }
    do {
      this.#converging = "yes";
      this.#step();
    } while ((this.#converging as string) === "again");
    this.#converging = "no";
  }

  #step(): void {
    const slices = this.#slices;
    if (this.#ports.closing() || slices === null || this.#early !== null) return;
    const live = slices.all().filter((slice) => slice.isLive);
    const { heard } = this.#ports.controller();
    const wanted = heard ? this.#wanted : null;
    const { min, max } = this.config.group;
    // What is on its way out still takes its place: hosts, quota.
    const room = max - slices.all().length;
    let missing = Math.min(room, (wanted?.count ?? min) - live.length);
    while (missing-- > 0 && slices.create());
    if (wanted !== null) this.#shrink(live, wanted);
    slices.deleteDue();
  }

  /** What time alone brings about: slices that took too long, that are ill, that lived well. */
  look(): void {
    if (this.#ports.closing() || this.#slices === null) return;
    if (this.#early !== null) {
      this.#slices.deleteDue();
      // owner: this run of the VM manager, whose signal ends it.
      void this.#learn();
      return;
    }
    const { heard, sinceMs } = this.#ports.controller();
    const now = this.#ports.clock.now();
    for (const slice of this.#all()) {
      if (!slice.isLive) continue;
      if (slice.readyAtMs !== null && now - slice.readyAtMs >= YOUNG_MS) {
        this.#slices.judge(slice, { bad: false, reason: "" });
      }
      if (heard) this.#missMissing(slice, sinceMs);
      const wrong = heard ? this.#wrong(slice, sinceMs) : null;
      if (wrong !== null) this.#slices.fail(slice, wrong);
    }
    this.converge();
    this.#lookAtPace();
  }

  /** A worker that was there and that the controller does not know any more is not well. */
  #missMissing({ nodes }: ManagedSlice, heardMs: number): void {
    const now = this.#ports.clock.now();
    for (const node of nodes) {
      const { state, unknownSinceMs } = node;
      if (state.name !== "READY" || unknownSinceMs === null) continue;
      if (now - Math.max(unknownSinceMs, heardMs) <= this.config.pace.bootTimeoutMs) continue;
      node.apply({ name: "unhealthy", reason: "the controller does not know its worker" });
    }
  }

  /** What ends a slice that was not asked to go. @param heardMs since when the controller is heard */
  #wrong(slice: ManagedSlice, heardMs: number): string | null {
    const now = this.#ports.clock.now();
    const { bootTimeoutMs, unhealthyMs } = this.config.pace;
    if (slice.readyAtMs === null && now - Math.max(slice.fromMs, heardMs) > bootTimeoutMs) {
      const late = slice.nodes.find(({ state }) => state.name !== "READY");
      const phase = late === undefined || late.phase === "" ? "" : ` (${late.phase})`;
      return `not ready within ${bootTimeoutMs} ms: ${late?.name} is ${late?.state.name}${phase}`;
    }
    const ill = slice.nodes.find(({ state }) =>
      state.name === "UNHEALTHY" && now - Math.max(state.sinceMs, heardMs) > unhealthyMs
    );
    return ill === undefined ? null : `unhealthy for ${unhealthyMs} ms: ${ill.reason}`;
  }

  /** Only what is named may go: the autoscaler knows what is needed, and what is on its way for it. */
  #shrink(live: readonly ManagedSlice[], wanted: WantedSlices): void {
    let extra = live.length - wanted.count;
    if (extra <= 0) return;
    const mayShrink = this.pace.mayShrink(this.#ports.clock.now());
    for (const name of wanted.remove) {
      const slice = live.find((one) => one.slice === name);
      if (slice === undefined || !(mayShrink || slice.isComing)) continue;
      if (extra-- <= 0) return;
      this.#slices!.judge(slice, null);
      this.#slices!.stop(slice, wanted.reason);
    }
  }

  #receiver(): ProviderReceiver {
    const { logs, clock, changed } = this.#ports;
    return {
      event: (vm, event) => {
        const node = this.#slices?.vm(vm)?.node;
        if (node !== undefined) node.apply(event);
        else this.#early?.push({ vm, event });
      },
      phase: (vm, phase) => {
        const node = this.#slices?.vm(vm)?.node;
        if (node === undefined || node.phase === phase) return;
        node.phase = phase;
        logs.add(vm, { atMs: clock.wall(), text: `[${phase}]` });
        changed();
      },
      log: (vm, text) => logs.add(vm, { atMs: clock.wall(), text }),
    };
  }

  #availability(): FleetGroup["availability"] {
    const [now, wall] = [this.#ports.clock.now(), this.#ports.clock.wall()];
    if (this.#early === null) return this.pace.availability(now, wall);
    const { notBeforeMs, reason } = this.#learning;
    const untilMs = notBeforeMs > now ? wall + notBeforeMs - now : null;
    const why = reason === "" ? "its provider was not heard yet" : reason;
    return { state: "backoff", untilMs, reason: `what there is is not known: ${why}` };
  }

  #all(): ManagedSlice[] {
    return this.#slices?.all() ?? [];
  }

  #find(vm: string): { readonly node: VmNode; readonly slice: ManagedSlice } {
    const found = this.#slices?.vm(vm);
    if (found === undefined) throw new IrisError("not_found", `There is no VM ${vm}`);
    return found;
  }

  /** Asks the provider what it has, until it answers, and compares that with what is known. */
  async #learn(): Promise<void> {
    const { clock, random, signal } = this.#ports;
    if (this.#learning.busy || clock.now() < this.#learning.notBeforeMs) return;
    this.#learning.busy = true;
    const call = (signal: AbortSignal) => this.#provider!.existing(signal);
    const what = `question what group ${this.name} has`;
    try {
      const counted = [this.name, "existing"] as const;
      const found = await boundedCall(call, { clock, signal, ms: EXISTING_MS, what, counted });
      await this.#compare(found).catch((error) => {
        if (!this.#ports.closing() && !signal.aborted) this.#ports.broken(error);
      });
    } catch (error) {
      if (signal.aborted) return;
      const ms = backoffMs(this.#learning.tries++, EXISTING_BACKOFF, random);
      const reason = messageOf(error);
      Object.assign(this.#learning, { notBeforeMs: clock.now() + ms, reason });
      const group = this.name;
      logger("vm").warn("group {group}: what there is is not known: {reason}", { group, reason });
      this.#ports.changed();
    } finally {
      this.#learning.busy = false;
    }
  }

  async #compare(found: readonly ExistingSlice[]): Promise<void> {
    const slices = this.#slices!;
    const there = new Set(found.map(({ slice }) => slice));
    for (const one of found) {
      this.#ports.names.seen(this.config, one.slice);
      const known = slices.get(one.slice);
      if (known === undefined) await this.#found(one);
      else known.externalId ??= one.externalId;
    }
    const early = this.#early ?? [];
    this.#early = null;
    for (const slice of slices.all()) {
      if (there.has(slice.slice)) continue;
      // Without its name nobody can be sure: it is ended by its label.
      if (slice.externalId === null) slices.stop(slice, "it was asked for, and is not there");
      else {for (const node of slice.nodes) {
          node.apply({ name: "gone", reason: "not there any more" });
        }}
    }
    for (const { vm, event } of early) slices.vm(vm)?.node.apply(event);
    this.#ports.changed();
    this.converge();
  }

  /** One that the provider has and nobody wrote down: it stays where nothing is written down. */
  async #found(one: ExistingSlice): Promise<void> {
    const { clock } = this.#ports;
    const isOrphan = this.config.provider.kind !== "local";
    const reason = one.group !== this.name
      ? `there is no group ${one.group}`
      : isOrphan
      ? "an orphan: it was there, and not written down"
      : null;
    const { slice: name, vms, externalId } = one;
    const origin = { slice: name, vms, externalId, createdMs: clock.wall() };
    if (reason !== null) {
      logger("vm").warn("deleting {slice}: {reason}", { slice: name, reason });
      const row = { ...origin, group: this.name, readyMs: null, stopping: reason };
      this.#slices!.write(row);
    }
    const now = clock.now();
    const slice = await this.#slices!.adopt(
      { ...origin, fromMs: now, readyAtMs: null },
      { name: "BOOTING", sinceMs: now, externalId },
    );
    if (reason !== null) this.#slices!.stop(slice, reason);
  }
}

/** What of it matters to whoever decides: its time is only for people. */
function paceText({ state, reason }: FleetGroup["availability"]): string {
  return `${state} ${reason}`;
}
