/**
 * The controller's ends of the links to VM managers in processes of their own. Holds their calls,
 * passes messages between them and the autoscaler, and asks them to stop when the cluster does.
 * Used in the server isolate; closed by its owner.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { IrisError } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { logger } from "../base/log.ts";
import { LOCAL_MANAGER, type ServerToDesk } from "../autoscaler/messages.ts";
import type { StopReport, TreeNode } from "../lifecycle/part.ts";
import type { ToVmManager } from "../vm/fleet.ts";
import { LinkSide } from "../vm/link_side.ts";
import type { FromLinked, LinkAnswer, LinkRequest, ToLinked } from "../vm/vm_link.ts";
import type { KnownManager, ManagerBook } from "./manager_book.ts";
import type { ManagerStop } from "./messages.ts";

/** A VM manager without a call for this long is not heard any more, in ms. */
const SILENT_MS = 15_000;
/**
 * Another process may take its name or groups so long after its call broke, in ms: each news of its own
 * breaks a call, too, and the next one follows at once.
 */
const BROKEN_MS = 2_000;
/** No call is held longer, in ms. */
const MAX_WAIT_MS = 25_000;
/** No more VM managers than this. */
const MAX_MANAGERS = 256;

interface Link {
  readonly id: string;
  readonly session: string;
  readonly groups: readonly string[];
  readonly side: LinkSide<ToLinked, FromLinked>;
  /** Ends the held call; null while none is held. */
  wake: (() => void) | null;
  /** Set while no call is held: it is not heard any more when it goes off. */
  silence: Timer | null;
  /** Since when its call is broken, on the monotonic clock: its process may be gone. Null for not. */
  brokenSinceMs: number | null;
  stopped: ((report: StopReport | null) => void) | null;
  /** Who waits for its tree, by the number of the question. */
  readonly trees: Map<number, (tree: TreeNode | null) => void>;
}

/** What the links of a controller need. */
export interface VmLinksOptions {
  readonly clock: Clock;
  readonly cluster: string;
  readonly desk: (message: ServerToDesk) => void;
  /** Groups of the VM manager beside the controller. */
  readonly localGroups: () => readonly string[];
  /** Who may have VMs, also from before this controller's start. */
  readonly book: ManagerBook;
}

/** What is known of the process of a VM manager. */
export interface ManagerTree {
  readonly manager: string;
  /** Null when it did not say. */
  readonly tree: TreeNode | null;
  /** Null while it is heard; else when it was heard last, wall time in ms. */
  readonly silentSinceMs: number | null;
}

/** See the head of this file. */
export class VmLinks {
  readonly #options: VmLinksOptions;
  readonly #links = new Map<string, Link>();
  #closed = false;
  #nextTree = 1;

  /** @param options whom they talk for */
  constructor(options: VmLinksOptions) {
    this.#options = options;
  }

  /**
   * One call of a VM manager.
   *
   * @throws {IrisError} `conflict` when another one has its name or one of its groups, `closing`
   */
  async call(name: string, request: LinkRequest, signal: AbortSignal): Promise<LinkAnswer> {
    if (this.#closed) throw new IrisError("closing", "The server is stopping");
    const link = this.#linkOf(name, request);
    link.wake?.();
    link.silence?.cancel();
    link.silence = null;
    link.brokenSinceMs = null;
    // Who speaks of another link learns at once that this is a new one, and says it all again.
    const isKnown = link.id === request.link;
    for (const message of isKnown ? link.side.take(request) : []) this.#take(name, link, message);
    const waitMs = isKnown ? Math.min(request.waitMs, MAX_WAIT_MS) : 0;
    if (link.side.waiting === 0 && waitMs > 0) await this.#hold(link, waitMs, signal);
    this.#listenOn(name, link);
    if (signal.aborted && link.wake === null) link.brokenSinceMs = this.#options.clock.now();
    const { cluster } = this.#options;
    return { link: link.id, cluster, ...link.side.batch() };
  }

  /** Something for a VM manager. */
  post(name: string, message: ToVmManager): void {
    const link = this.#links.get(name);
    link?.side.push(message);
    link?.wake?.();
  }

  /** The autoscaler began anew: it is told who is there. */
  tellAll(): void {
    for (const manager of this.#links.keys()) this.#options.desk({ type: "attached", manager });
  }

  /** VM managers that may have VMs and are not heard. */
  get silent(): readonly KnownManager[] {
    return this.#options.book.all().filter(({ name }) => !this.#links.has(name));
  }

  /** The trees of their processes, of those that say so within so many ms. */
  async trees(ms: number): Promise<readonly ManagerTree[]> {
    const { clock } = this.#options;
    const silent = this.silent.map(({ name, heardMs }) => ({
      ...{ manager: name, tree: null, silentSinceMs: heardMs },
    }));
    const trees = await Promise.all([...this.#links].map(async ([manager, link]) => {
      const { promise, resolve } = Promise.withResolvers<TreeNode | null>();
      const id = this.#nextTree++;
      link.trees.set(id, resolve);
      link.side.push({ type: "tree", id });
      link.wake?.();
      const timer = clock.setTimer(ms, () => resolve(null));
      const tree = await promise;
      timer.cancel();
      link.trees.delete(id);
      return { manager, tree, silentSinceMs: null };
    }));
    return [...trees, ...silent];
  }

  /** Asks all of them to stop, and waits for their reports as long as they have. */
  async stopAll(remainingMs: number): Promise<ManagerStop[]> {
    const { clock, book } = this.#options;
    const id = randomHex(8);
    const silent = this.silent.map(({ name, vms, heardMs }): ManagerStop => ({
      ...{ manager: name, vms, report: null, silentSinceMs: heardMs },
    }));
    const stops = await Promise.all([...this.#links].map(async ([manager, link]) => {
      const { promise, resolve } = Promise.withResolvers<StopReport | null>();
      link.stopped = resolve;
      link.side.push({ type: "stop", id, remainingMs });
      link.wake?.();
      const timer = clock.setTimer(remainingMs, () => resolve(null));
      const report = await promise;
      timer.cancel();
      return { manager, report, vms: book.get(manager)?.vms ?? null, silentSinceMs: null };
    }));
    return [...stops, ...silent];
  }

  /** Ends every held call, and takes in no more. */
  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) {
      link.wake?.();
      link.silence?.cancel();
      link.stopped?.(null);
      for (const answer of link.trees.values()) answer(null);
    }
  }

  #linkOf(name: string, request: LinkRequest): Link {
    const known = this.#links.get(name);
    if (known?.session === request.session && known.id === request.link) return known;
    this.#check(name, request);
    const { session, groups } = request;
    const link: Link = {
      ...{ id: randomHex(8), session, groups, side: new LinkSide<ToLinked, FromLinked>(merged) },
      ...{ wake: null, silence: null, brokenSinceMs: null, stopped: null },
      trees: new Map(),
    };
    if (known !== undefined) this.#drop(name, known);
    this.#options.book.attached(name);
    this.#links.set(name, link);
    logger("server").info("VM manager {name} is here, groups {groups}", {
      name,
      groups: groups.join(", "),
    });
    this.#options.desk({ type: "attached", manager: name });
    return link;
  }

  /** @throws {IrisError} `conflict`, `invalid`, `unavailable` */
  #check(name: string, { session, groups }: LinkRequest): void {
    if (name === LOCAL_MANAGER) {
      throw new IrisError("invalid", `A VM manager cannot be named ${name}`, { field: "name" });
    }
    const holders = [
      { name: LOCAL_MANAGER, groups: this.#options.localGroups() },
      ...[...this.#links].filter(([other, link]) => other !== name && !this.#isBroken(link))
        .map(([name, link]) => ({ name, groups: link.groups })),
    ];
    const known = this.#links.get(name);
    if (known !== undefined && known.session !== session && !this.#isBroken(known)) {
      const message = `A VM manager named ${name} is here already: give another --name`;
      throw new IrisError("conflict", message, { field: "name" });
    }
    for (const holder of holders) {
      const both = groups.find((group) => holder.groups.includes(group));
      if (both === undefined) continue;
      const message = `The VM manager ${holder.name} has a group ${both} already`;
      throw new IrisError("conflict", message, { field: "groups" });
    }
    if (known === undefined && this.#links.size >= MAX_MANAGERS) {
      throw new IrisError("unavailable", `There are ${MAX_MANAGERS} VM managers already`);
    }
  }

  #isBroken({ brokenSinceMs }: Link): boolean {
    return brokenSinceMs !== null && this.#options.clock.now() - brokenSinceMs >= BROKEN_MS;
  }

  async #hold(link: Link, ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(ms, resolve);
    const wake = () => resolve();
    link.wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) resolve();
    await promise;
    timer.cancel();
    signal.removeEventListener("abort", wake);
    if (link.wake === wake) link.wake = null;
  }

  /** Its next call comes soon, or it is not heard any more. */
  #listenOn(name: string, link: Link): void {
    if (link.wake !== null || this.#links.get(name) !== link || this.#closed) return;
    link.silence?.cancel();
    link.silence = this.#options.clock.setTimer(SILENT_MS, () => {
      logger("server").warn("VM manager {name} is not heard any more", { name });
      this.#forget(name, link, { ended: false });
    });
  }

  #forget(name: string, link: Link, { ended }: { ended: boolean }): void {
    if (this.#links.get(name) !== link) return;
    this.#links.delete(name);
    // Whoever stops the cluster shall know of what went on without anybody.
    this.#options.book.left(name, ended);
    this.#drop(name, link);
  }

  #drop(name: string, link: Link): void {
    link.wake?.();
    link.silence?.cancel();
    link.silence = null;
    link.stopped?.(null);
    for (const answer of link.trees.values()) answer(null);
    this.#options.desk({ type: "detached", manager: name });
  }

  #take(manager: string, link: Link, message: FromLinked): void {
    const { book } = this.#options;
    if (message.type === "stopped") {
      // What it had left it said before; this controller may be gone before the other's farewell.
      book.left(manager, true);
      return link.stopped?.(message.report);
    }
    if (message.type === "bye") {
      logger("server").info("VM manager {name} left", { name: manager });
      return this.#forget(manager, link, { ended: true });
    }
    if (message.type === "fleet") book.said(manager, message);
    if (message.type === "tree") return link.trees.get(message.id)?.(message.tree);
    this.#options.desk({ type: "from_manager", manager, message });
  }
}

/** Of what is wanted only the newest matters. */
function merged(last: ToLinked, next: ToLinked): ToLinked | null {
  return last.type === next.type && (next.type === "wanted" || next.type === "tell") ? next : null;
}
