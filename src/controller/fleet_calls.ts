/**
 * VMs as the controller's server knows them: what the autoscaler shows of them, and its answers to
 * questions. Used in the server isolate; closed by its owner.
 */
import type { Clock } from "../base/clock.ts";
import { type ErrorCode, IrisError, messageOf } from "../base/errors.ts";
import { explainGroup } from "../autoscaler/explain_group.ts";
import {
  type DeskToServer,
  LOCAL_MANAGER,
  type ServerToDesk,
  type VmAsk,
} from "../autoscaler/messages.ts";
import type { Channel } from "../lifecycle/loop.ts";
import type { TreeNode } from "../lifecycle/part.ts";
import type { LinkAnswer, LinkRequest } from "../vm/vm_link.ts";
import { PROTOCOL, whyIncompatible } from "../wire/protocol.ts";
import { parseTree } from "../wire/tree.ts";
import type { GroupExplanation, GroupFacts } from "../wire/group_explanation.ts";
import type { GroupView, VmLogs, VmLogsRequest, VmView } from "../wire/vms.ts";
import type { FleetApi } from "./fleet_api.ts";
import type { ManagerBook } from "./manager_book.ts";
import { VmLinks } from "./vm_links.ts";

/** How long an answer may take, in ms; of a reload. */
const ANSWER_MS = 15_000;
const RELOAD_MS = 130_000;
/** How long VM managers in processes of their own may take to say how they are, in ms. */
const TREES_MS = 2_000;
/** The name of the node that they hang below. */
const ELSEWHERE = "vm-managers (other processes)";

type Result = Extract<DeskToServer, { type: "answered" }>["result"];

/** What is known of the controller. */
export interface FleetCallsOptions {
  readonly clock: Clock;
  readonly cluster: string;
  readonly version: string;
  /** VM managers that may have VMs. Closed with this. */
  readonly book: ManagerBook;
}

/** See the head of this file. */
export class FleetCalls implements FleetApi {
  readonly #desk: Channel<DeskToServer, ServerToDesk>;
  readonly #clock: Clock;
  readonly #calls = new Map<number, (result: Result) => void>();
  #groups: readonly GroupView[] = [];
  #vms: readonly VmView[] = [];
  #facts: ReadonlyMap<string, GroupFacts> = new Map();
  #nextId = 1;
  #closed = false;
  readonly #version: string;
  readonly #book: ManagerBook;
  /** VM managers in processes of their own. */
  readonly links: VmLinks;

  /** Says hello to the autoscaler at once. */
  constructor(desk: Channel<DeskToServer, ServerToDesk>, of: FleetCallsOptions) {
    this.#desk = desk;
    this.#clock = of.clock;
    this.#version = of.version;
    this.#book = of.book;
    this.links = new VmLinks({
      ...of,
      desk: (message) => desk.post(message),
      localGroups: () =>
        this.#groups.filter(({ manager }) => manager === LOCAL_MANAGER).map(({ name }) => name),
    });
    desk.onMessage((message) => this.#fromDesk(message));
    desk.post({ type: "hello" });
  }

  vms({ gone }: { gone: boolean }): VmView[] {
    return this.#vms.filter(({ createdMs }) => gone || createdMs !== null);
  }

  vm(name: string): VmView {
    const found = this.#vms.find(({ vm }) => vm === name);
    if (found === undefined) throw this.#noSuch(name);
    return found;
  }

  groups(): GroupView[] {
    return [...this.#groups];
  }

  group(name: string): GroupView {
    const found = this.#groups.find((group) => group.name === name);
    if (found !== undefined) return found;
    throw new IrisError("not_found", `No such group: ${name}`, { field: "group" });
  }

  explainGroup(name: string): GroupExplanation {
    return explainGroup(this.group(name), this.#facts.get(name) ?? null, this.#clock.wall());
  }

  async vmLogs(vm: string, of: VmLogsRequest): Promise<VmLogs> {
    const { lines, place } = await this.#ask(
      { verb: "logs", vm, ...of },
      ANSWER_MS + (of.waitMs ?? 0),
    );
    const { next = null, lost = false, over = false } = place ?? {};
    return { vm, lines: lines.map((line) => ({ ...line })), next, lost, over };
  }

  async stopVm(vm: string, reason: string): Promise<VmView> {
    const before = this.vm(vm);
    await this.#ask({ verb: "stop", vm, reason }, ANSWER_MS);
    return this.#after(before);
  }

  async reloadVm(vm: string): Promise<VmView> {
    const before = this.vm(vm);
    await this.#ask({ verb: "reload", vm }, RELOAD_MS);
    return this.#after(before);
  }

  /** A tree with those of VM managers in processes of their own below it. */
  async withManagers(tree: TreeNode): Promise<TreeNode> {
    const trees = await this.links.trees(TREES_MS);
    if (trees.length === 0) return tree;
    const children = trees.map(({ manager: name, tree: own, silentSinceMs }): TreeNode => {
      const detail = "not owned by this process";
      const about = { name, kind: "component", state: "running", ageMs: 0, detail } as const;
      const unreachable = silentSinceMs === null
        ? "it did not answer"
        : `not heard since ${new Date(silentSinceMs).toISOString()}`;
      if (own === null) return { ...about, unreachable, children: [] };
      try {
        const root = parseTree(own);
        return { ...about, state: root.state, ageMs: root.ageMs, children: [root] };
      } catch (error) {
        return { ...about, unreachable: messageOf(error), children: [] };
      }
    });
    const node = {
      name: ELSEWHERE,
      kind: "component",
      state: "running",
      ageMs: tree.ageMs,
    } as const;
    return { ...tree, children: [...tree.children, { ...node, children }] };
  }

  async link(manager: string, request: LinkRequest, signal: AbortSignal): Promise<LinkAnswer> {
    const ours = { version: this.#version, protocol: PROTOCOL };
    const why = whyIncompatible(ours, request);
    if (why !== null) throw new IrisError("incompatible", `The VM manager's ${why}`);
    return await this.links.call(manager, request, signal);
  }

  /** Answers everybody who waits, and listens no more. */
  close(): void {
    this.#closed = true;
    this.links.close();
    this.#book.close();
    this.#desk.onMessage(null);
    const message = "The server is stopping";
    for (const answer of this.#calls.values()) answer({ ok: false, code: "closing", message });
  }

  /** One that a VM manager has which is not heard is not there to be asked, and may be there. */
  #noSuch(name: string): IrisError {
    const has = this.links.silent.find(({ vms }) => vms?.some(({ vm }) => vm === name));
    if (has === undefined) {
      return new IrisError("not_found", `No such VM: ${name}`, { field: "vm" });
    }
    return new IrisError(
      "unavailable",
      `The VM manager ${has.name}, which had VM ${name}, is not heard`,
    );
  }

  #after(before: VmView): VmView {
    return this.#vms.find(({ vm }) => vm === before.vm) ?? before;
  }

  async #ask(ask: VmAsk, ms: number): Promise<Result & { readonly ok: true }> {
    if (this.#closed) throw new IrisError("closing", "The server is stopping");
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Result>();
    this.#calls.set(id, resolve);
    const timer = this.#clock.setTimer(ms, () => {
      const message = `The VM manager did not answer within ${ms} ms`;
      resolve({ ok: false, code: "timeout", message });
    });
    this.#desk.post({ type: "ask", id, ask });
    try {
      const result = await promise;
      if (result.ok) return result;
      if (result.code === "not_found") throw this.#noSuch(ask.vm);
      throw new IrisError(result.code as ErrorCode, result.message, { field: "vm" });
    } finally {
      timer.cancel();
      this.#calls.delete(id);
    }
  }

  #fromDesk(message: DeskToServer): void {
    switch (message.type) {
      case "fleet":
        this.#groups = message.groups;
        this.#vms = message.vms;
        return;
      case "decided":
        this.#facts = new Map(message.groups.map((facts) => [facts.group, facts]));
        return;
      case "answered":
        return this.#calls.get(message.id)?.(message.result);
      case "hello": {
        // Whoever asked the autoscaler of before gets no answer any more.
        const why = "The autoscaler was restarted meanwhile: look, then try again";
        for (const answer of this.#calls.values()) {
          answer({ ok: false, code: "unavailable", message: why });
        }
        return this.links.tellAll();
      }
      case "to_manager":
        return this.links.post(message.manager, message.message);
    }
  }
}
