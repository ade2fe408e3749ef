/**
 * The slices of one group: asked for, taken over, ended and forgotten, each VM as a node of the tree.
 * What happens to one VM happens to its slice. Used by its group, in the VM manager's isolate.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Owner } from "../lifecycle/owner.ts";
import { boundedCall } from "./bounded_call.ts";
import type { GroupPorts } from "./group_ports.ts";
import { ManagedSlice, type SliceOrigin } from "./managed_slice.ts";
import { isTerminal, type VmState } from "./managed_vm.ts";
import { type Pace, YOUNG_MS } from "./pace.ts";
import type { GroupConfig } from "./scale_group.ts";
import type { SliceRow } from "./vm_book.ts";
import { VmNode } from "./vm_node.ts";
import type { VmProvider } from "./vm_provider.ts";

/** How long a request for a slice may be under way, in ms. */
const CREATE_MS = 120_000;
/** The first and the longest wait for `gone`, beyond what workers get, until it is asked again. */
const DELETE_AGAIN = { minMs: 30_000, maxMs: 300_000 };
/** At a stop, a request that is this much shorter than the one before is made as well, in ms. */
const SHORTER_MS = 100;
/** The provider stops after the VMs. */
export const VM_STAGE = 1;
/** A request was refused, and there is nothing to delete. */
const REFUSED: ReadonlySet<string> = new Set(["quota", "unavailable", "invalid"]);

/** What a set of slices belongs to. */
export interface SlicesOf {
  readonly config: GroupConfig;
  readonly pace: Pace;
  readonly ports: GroupPorts;
  readonly owner: Owner;
  readonly provider: VmProvider;
}

/** The slices of a group that are not proved gone. */
export class GroupSlices {
  readonly #of: SlicesOf;
  readonly #ports: GroupPorts;
  readonly #slices = new Map<string, ManagedSlice>();
  readonly #vms = new Map<string, { node: VmNode; slice: ManagedSlice }>();

  /** @param of what they belong to */
  constructor(of: SlicesOf) {
    this.#of = of;
    this.#ports = of.ports;
  }

  /** In the order in which they came. */
  all(): ManagedSlice[] {
    return [...this.#slices.values()];
  }

  get(slice: string): ManagedSlice | undefined {
    return this.#slices.get(slice);
  }

  /** A VM of a slice that is not wholly gone. */
  vm(name: string): { readonly node: VmNode; readonly slice: ManagedSlice } | undefined {
    return this.#vms.get(name);
  }

  /** Their names. */
  get vms(): Iterable<string> {
    return this.#vms.keys();
  }

  /** Asks for another slice. @returns false when that may not be now */
  create(): boolean {
    const { config, pace } = this.#of;
    const { clock, names, book, shared, mayCreate } = this.#ports;
    if (!mayCreate() || !pace.takeCreate(clock.now(), shared?.creates ?? null)) return false;
    const request = names.next(config);
    const createdMs = clock.wall();
    const row = { ...request, createdMs, externalId: null, readyMs: null, stopping: null };
    try {
      // The intent comes first: whatever happens from here on, the slice is known.
      book.intent({ ...row, group: config.group.name }, names.upcoming(config));
    } catch (error) {
      names.back(config);
      pace.refused(clock.now(), `It cannot be written down: ${messageOf(error)}`);
      this.#ports.changed();
      return false;
    }
    const now = clock.now();
    const slice = this.#add(
      { ...row, fromMs: now, readyAtMs: null },
      { name: "REQUESTED", sinceMs: now },
    );
    // owner: this run of the VM manager, whose signal ends the call.
    void this.#request(slice);
    this.#ports.changed();
    return true;
  }

  /** Takes over one that is there. */
  async adopt(origin: SliceOrigin, state: VmState): Promise<ManagedSlice> {
    const slice = this.#add(origin, state);
    await this.#own(slice);
    return slice;
  }

  /** Writes down one that was found; a disk that refuses it does not keep it from being ended. */
  write(row: SliceRow): void {
    try {
      this.#ports.book.intent(row, this.#ports.names.upcoming(this.#of.config));
    } catch (error) {
      logger("vm").warn("{slice}: {error}", { slice: row.slice, error: messageOf(error) });
    }
  }

  /** Counts once how a slice fared. @param fate null when it was asked to go */
  judge(slice: ManagedSlice, fate: { bad: boolean; reason: string } | null): void {
    if (slice.judged || this.#ports.closing()) return;
    slice.judged = true;
    const nowMs = this.#ports.clock.now();
    const { pace } = this.#of;
    if (fate !== null) pace.outcome(fate.bad, { nowMs, reason: fate.reason });
    else if (slice.readyAtMs === null) pace.withdrawn();
    else pace.outcome(false, { nowMs, reason: "" });
  }

  /** It broke: what is left of it goes, and another may be made, later. */
  fail(slice: ManagedSlice, reason: string): void {
    const { readyAtMs } = slice;
    const bad = readyAtMs === null || this.#ports.clock.now() - readyAtMs < YOUNG_MS;
    if (!slice.judged) logger("vm").warn("{slice}: {reason}", { slice: slice.slice, reason });
    this.judge(slice, { bad, reason });
    this.stop(slice, reason);
  }

  /** It shall go; {@linkcode GroupSlices.deleteDue} asks for that. */
  stop(slice: ManagedSlice, reason: string): void {
    for (const node of slice.nodes) node.apply({ name: "stop", reason });
  }

  /** Asks for what shall go to be deleted, at the group's pace, and again when nothing is heard. */
  deleteDue(): void {
    const { config, pace } = this.#of;
    const now = this.#ports.clock.now();
    const deletes = this.#ports.shared?.deletes ?? null;
    for (const slice of this.all()) {
      if (slice.isLive || slice.isOver) continue;
      const { asked, hurry } = slice;
      if (asked === null) {
        // A delete that overtakes the request would be told that there is nothing.
        if (slice.unsettled && !hurry && now - slice.fromMs < CREATE_MS) continue;
        if (hurry || pace.takeDelete(now, deletes)) this.#delete(slice, config.pace.stopMs);
        continue;
      }
      const wait = Math.min(DELETE_AGAIN.maxMs, DELETE_AGAIN.minMs * 2 ** (asked.times - 1));
      if (now - asked.atMs <= asked.stopMs + wait) continue;
      logger("vm").warn("{slice}: not gone {ms} ms after it was asked to go; asking again", {
        slice: slice.slice,
        ms: Math.round(now - asked.atMs),
      });
      this.#delete(slice, 0);
    }
  }

  #delete(slice: ManagedSlice, stopMs: number): void {
    const { vms, externalId, reason } = slice;
    const times = (slice.asked?.times ?? 0) + 1;
    slice.asked = { atMs: this.#ports.clock.now(), stopMs, times };
    try {
      this.#of.provider.delete({ slice: slice.slice, vms, externalId, stopMs, reason });
    } catch (error) {
      logger("vm").warn("{slice}: {error}", { slice: slice.slice, error: messageOf(error) });
    }
  }

  /** One of its VMs is asked to end by the tree: once for the slice, and again to hurry it. */
  #deleteAtStop(slice: ManagedSlice, stopMs: number): void {
    const { asked } = slice;
    if (asked !== null && slice.stopAsked) {
      const leftMs = asked.stopMs - (this.#ports.clock.now() - asked.atMs);
      const hurries = stopMs < leftMs - SHORTER_MS || (stopMs === 0 && asked.stopMs > 0);
      if (!hurries) return;
    }
    slice.stopAsked = true;
    this.#delete(slice, stopMs);
  }

  #add(origin: SliceOrigin, state: VmState): ManagedSlice {
    const slice = new ManagedSlice(origin);
    const { kind } = this.#of.config.provider;
    const lasting = kind !== "local";
    const where = () => slice.externalId === null ? "" : ` (${kind} ${slice.externalId})`;
    slice.nodes = origin.vms.map((vm) =>
      new VmNode(state, {
        vm,
        clock: this.#ports.clock,
        remove: (stopMs) => this.#deleteAtStop(slice, stopMs),
        stopping: this.#ports.stopping,
        where: lasting ? where : () => "",
        remedy: lasting ? "; the next start of this VM manager ends it" : "",
        changed: (node) => this.#changed(slice, node),
      })
    );
    // Counted from now on, so that no second one is made for the same want.
    this.#slices.set(slice.slice, slice);
    for (const node of slice.nodes) this.#vms.set(node.name, { node, slice });
    return slice;
  }

  async #own(slice: ManagedSlice): Promise<void> {
    const { owner } = this.#of;
    try {
      await Promise.all(slice.nodes.map((node) => owner.own(node, { stage: VM_STAGE })));
    } catch (error) {
      this.#forget(slice);
      throw error;
    }
  }

  #forget(slice: ManagedSlice): void {
    this.#slices.delete(slice.slice);
    for (const vm of slice.vms) this.#vms.delete(vm);
  }

  async #request(slice: ManagedSlice): Promise<void> {
    this.#ports.creating(1);
    try {
      await this.#own(slice);
      await this.#ask(slice);
    } catch (error) {
      // Our own node could not be owned: a stop came in between, or this is a bug.
      if (!this.#ports.closing() && !this.#ports.signal.aborted) this.#ports.broken(error);
    } finally {
      this.#ports.creating(-1);
      this.#ports.changed();
    }
  }

  async #ask(slice: ManagedSlice): Promise<void> {
    if (!slice.isLive) {
      for (const node of slice.nodes) node.apply({ name: "gone", reason: "It was never made" });
      return;
    }
    const { provider } = this.#of;
    const { clock, signal } = this.#ports;
    let isLate = false;
    const call = async (signal: AbortSignal) => {
      slice.unsettled = true;
      try {
        const externalId = await provider.create(slice, signal);
        // Nobody waits any more, but its name is needed to end it.
        if (isLate) this.#accepted(slice, externalId);
        return externalId;
      } finally {
        slice.unsettled = false;
      }
    };
    try {
      const what = `request for ${slice.slice}`;
      const counted = [this.#of.config.group.name, "create"] as const;
      const externalId = await boundedCall(call, { clock, signal, ms: CREATE_MS, what, counted });
      this.#accepted(slice, externalId);
      this.#of.pace.accepted();
      this.#ports.quota(null);
    } catch (error) {
      isLate = true;
      if (!signal.aborted) this.#refused(slice, error);
    }
  }

  #accepted(slice: ManagedSlice, externalId: string | null): void {
    slice.externalId = externalId;
    for (const node of slice.nodes) node.apply({ name: "accepted", externalId });
    if (slice.isOver) return this.#reopen(slice, "it was made after it was said to be gone");
    // A stop that came meanwhile did not know its name.
    if (!slice.isLive) this.#delete(slice, slice.asked?.stopMs ?? 0);
    if (externalId !== null) {
      this.#ports.book.note({ type: "created", slice: slice.slice, externalId });
    }
  }

  /** One that was proved gone before its request was answered: it may be there, and has to go again. */
  #reopen(slice: ManagedSlice, reason: string): void {
    const { provider } = this.#of;
    const { clock, signal } = this.#ports;
    const { slice: name, vms, externalId, createdMs } = slice;
    if (this.#ports.closing() || signal.aborted || this.#slices.has(name)) {
      return provider.delete({ slice: name, vms, externalId, stopMs: 0, reason });
    }
    const sinceMs = clock.now();
    const group = this.#of.config.group.name;
    this.write({ slice: name, vms, externalId, createdMs, group, readyMs: null, stopping: reason });
    const again = this.#add(
      { slice: name, vms, externalId, createdMs, fromMs: sinceMs, readyAtMs: null },
      { name: "STOPPING", sinceMs, externalId, reason },
    );
    again.judged = again.noted = true;
    // owner: this run of the VM manager.
    void this.#own(again).catch((error) => {
      if (!this.#ports.closing() && !signal.aborted) this.#ports.broken(error);
    });
    this.#ports.changed();
  }

  #refused(slice: ManagedSlice, error: unknown): void {
    const reason = messageOf(error);
    const { pace } = this.#of;
    const nowMs = this.#ports.clock.now();
    if (!(error instanceof IrisError) || !REFUSED.has(error.code)) {
      // Nobody knows whether it was made; a VM that works was.
      if (slice.isOver) this.#reopen(slice, reason);
      else if (slice.readyAtMs === null) this.fail(slice, reason);
      return;
    }
    slice.judged = true;
    if (error.code === "quota") {
      pace.noQuota(nowMs, reason);
      this.#ports.quota(reason);
    } else pace.refused(nowMs, reason);
    logger("vm").warn("{slice} was refused: {reason}", { slice: slice.slice, reason });
    for (const node of slice.nodes) node.apply({ name: "failed", reason });
  }

  #changed(slice: ManagedSlice, node: VmNode): void {
    const { state } = node;
    const { clock, book, logs, ended } = this.#ports;
    if (state.name === "STOPPING" && !slice.noted) {
      // The next VM manager goes on with it, should this one not live to see it gone.
      slice.noted = true;
      book.note({ type: "stopping", slice: slice.slice, reason: state.reason });
    }
    if (isTerminal(state)) {
      logs.gone(node.name, clock.wall());
      const { name: vm, reason, sinceMs } = node;
      const group = this.#of.config.group.name;
      ended({ vm, slice: slice.slice, group, state: state.name, sinceMs, reason, phase: "" });
      if (state.name !== "TERMINATED") {
        this.fail(slice, slice.vms.length === 1 ? reason : `${vm}: ${reason}`);
      }
      if (slice.isOver) {
        this.#forget(slice);
        book.note({ type: "removed", slice: slice.slice });
      }
    } else if (slice.readyAtMs === null && slice.nodes.every((one) => one.state.name === "READY")) {
      slice.readyAtMs = clock.now();
      this.#of.pace.ready();
      book.note({ type: "ready", slice: slice.slice, readyMs: clock.wall() });
    }
    this.#ports.changed();
  }
}
