/**
 * The VM manager: keeps as many slices of each group as are wanted, each VM an owned node of the
 * tree, and answers what users ask about VMs. Runs in the VM manager's isolate.
 */
import { IrisError, messageOf } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Channel, LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { Owner } from "../lifecycle/owner.ts";
import type { StopCause } from "../lifecycle/part.ts";
import {
  AUTOSCALER_CHANNEL,
  type EndedVm,
  type FromVmManager,
  type ToVmManager,
  type VmAnswer,
  type VmLogLine,
  type VmLogPlace,
  type VmQuestion,
} from "./fleet.ts";
import type { GroupPorts } from "./group_ports.ts";
import type { MainLink } from "./launch_channel.ts";
import { LogReaders } from "./log_readers.ts";
import { MAX_VM_LOG_WAIT_MS } from "../wire/vm_limits.ts";
import { ManagedGroup } from "./managed_group.ts";
import { makeProvider, type ProviderMakers } from "./provider_makers.ts";
import type { GroupConfig } from "./scale_group.ts";
import { SliceNames } from "./slice_names.ts";
import { TokenBucket } from "../base/token_bucket.ts";
import { VmBook, type VmJournal } from "./vm_book.ts";
import { VmLogs } from "./vm_logs.ts";
import type { ProviderContext, VmProvider } from "./vm_provider.ts";

/** How often the loop looks at its clock, in ms. */
const LOOK_MS = 500;
/** How often files of VMs that are gone are looked for, in looks. */
const SWEEP_LOOKS = 120;
/** Changes that come this close together are told together, in ms; of a large fleet those of longer. */
const TELL_MS = 20;
const TELL_MS_PER_VM = 0.05;
/** Requests under way at the same time: of one group, so that one that hangs keeps no other; and of all. */
const MAX_GROUP_CREATES = 16;
const MAX_CREATES = 128;
/** What all groups together may ask for, and give back, in a minute. */
const SHARED_PER_MINUTE = 1_200;
/** No more ends of VMs wait to be told than this; the oldest are left out. */
const MAX_ENDED = 5_000;
/** What a run gets to end in that others groups follow, in ms. */
const REGROUP_MS = 10_000;
/** What is written down closes last, then groups end. */
const STAGES = { book: 0, groups: 1 } as const;

/** What a VM manager is told by whoever composes it. Plain data. */
export interface VmManagerConfig {
  /** The label of everything that it makes. */
  readonly cluster: string;
  readonly groups: readonly GroupConfig[];
  /** Whether there is somebody who runs workers inside this process. */
  readonly hasLocal: boolean;
  /** A folder of its own; made when it is needed. */
  readonly folder: string;
}

/** A journal that somebody opened. */
export interface OpenJournal extends VmJournal {
  close(): void;
}

/** Powers that a VM manager is handed. */
export interface VmManagerPorts {
  /** Which providers there are. */
  makers(context: LoopContext<VmManagerConfig>): ProviderMakers;
  readonly random: Random;
  /** Opens what is written down; not called where no VM can outlive this process, or did. */
  journal(folder: string): Promise<OpenJournal>;
  /** Whether anything was written down there before. */
  hasJournal(folder: string): Promise<boolean>;
  /** How workers are started, and which groups there are when that changes. */
  main(context: LoopContext<VmManagerConfig>): Pick<MainLink, "launch" | "onGroups">;
}

/** The body of the VM manager's loop. */
export function vmManagerLoop(ports: VmManagerPorts): LoopBody<VmManagerConfig> {
  /** What main said last, also for a run that begins anew after a crash; null for nothing yet. */
  let told: readonly GroupConfig[] | null = null;
  return async (context) => {
    const main = ports.main(context);
    // Other groups are a new beginning: what there is stays, and is taken over as after a restart.
    for (let next = told ?? context.config.groups, isOver = false; !isOver;) {
      const other = await new VmManager(context, { ports, main, groups: next }).run();
      isOver = other === null;
      next = told = other ?? next;
    }
  };
}

type ProviderOf = (
  config: GroupConfig,
  to: Pick<ProviderContext, "owner" | "receiver">,
) => Promise<VmProvider>;

class VmManager {
  readonly #context: LoopContext<VmManagerConfig>;
  readonly #ports: VmManagerPorts;
  readonly #autoscaler: Channel<ToVmManager, FromVmManager>;
  readonly #groups: ManagedGroup[] = [];
  readonly #logs: VmLogs;
  readonly #readers: LogReaders;
  /** Ends what providers were asked, when this run ends. */
  readonly #calls = new AbortController();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #shared: { creates: TokenBucket; deletes: TokenBucket };
  readonly #main: Pick<MainLink, "launch" | "onGroups">;
  readonly #configured: readonly GroupConfig[];
  #next: readonly GroupConfig[] | null = null;
  #controller = { heard: true, sinceMs: 0 };
  #creating = 0;
  #ended: EndedVm[] = [];
  /** How many VMs were told last. */
  #told = 0;
  #telling: { cancel(): void } | null = null;
  #failure: { error: unknown } | null = null;
  #over = false;

  constructor(
    context: LoopContext<VmManagerConfig>,
    of: {
      ports: VmManagerPorts;
      main: Pick<MainLink, "launch" | "onGroups">;
      groups: readonly GroupConfig[];
    },
  ) {
    this.#context = context;
    this.#ports = of.ports;
    this.#main = of.main;
    this.#configured = of.groups;
    this.#autoscaler = context.channel<ToVmManager, FromVmManager>(AUTOSCALER_CHANNEL);
    this.#readers = new LogReaders(context.clock);
    this.#logs = new VmLogs(`${context.config.folder}/logs`, (vm) => this.#readers.wake(vm));
    const now = context.clock.now();
    this.#shared = {
      creates: new TokenBucket(SHARED_PER_MINUTE, now),
      deletes: new TokenBucket(SHARED_PER_MINUTE, now),
    };
  }

  /** Until the stop, or until there are other groups: these are given back. */
  async run(): Promise<readonly GroupConfig[] | null> {
    const { signal, closing, clock, owner } = this.#context;
    const endCalls = () => this.#calls.abort(new IrisError("closing", "The VM manager stops"));
    const onAbort = () => this.#stopped.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", endCalls, { once: true });
    closing.addEventListener("abort", endCalls, { once: true });
    let looks = 0;
    const look = () => {
      timer = clock.setTimer(LOOK_MS, look);
      this.#context.tick();
      this.#look(looks++ % SWEEP_LOOKS === 0);
    };
    let timer = clock.setTimer(LOOK_MS, look);
    this.#main.onGroups((groups) => {
      this.#next = groups;
      this.#stopped.resolve();
    });
    let fleet: Owner;
    try {
      fleet = await owner.own({
        name: "fleet",
        kind: "component",
        start: ({ owner }) => this.#begin(owner),
      });
      this.#autoscaler.onMessage((message) => this.#onMessage(message));
      this.#context.ready();
      this.#tell();
      await this.#stopped.promise;
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      signal.removeEventListener("abort", endCalls);
      closing.removeEventListener("abort", endCalls);
      endCalls();
      this.#autoscaler.onMessage(null);
      this.#over = true;
    }
    if (signal.aborted) return null;
    if (this.#failure !== null) throw this.#failure.error;
    await fleet.stop(REGROUP_MS, "detach");
    return this.#next;
  }

  /** Makes the groups, and lets each find out what there is of it. */
  async #begin(owner: Owner): Promise<void> {
    const { config } = this.#context;
    const groups = this.#configured;
    // One that is there may know of slices of groups that are configured no more.
    const isLasting = groups.some(({ provider }) => provider.kind !== "local") ||
      await this.#ports.hasJournal(config.folder);
    let journal: OpenJournal | null = null;
    let book = new VmBook(null);
    await owner.own({
      name: "book",
      kind: "resource",
      start: async () => {
        if (isLasting) book = new VmBook(journal = await this.#ports.journal(config.folder));
      },
      release: () => {
        this.#telling?.cancel();
        this.#logs.flush();
        book.close();
        journal?.close();
        // The last word: what became of VMs after the loop's own end.
        this.#post();
      },
    }, { stage: STAGES.book });
    const written = book.read();
    const names = new SliceNames();
    const provider = this.#providers();
    const configured = new Set(groups.map(({ group }) => group.name));
    const retired = written.groups.filter(({ group }) =>
      !configured.has(group.name) && written.slices.some((row) => row.group === group.name)
    );
    for (const one of [...groups, ...retired.map(retiredGroup)]) {
      names.after(one, written.next[one.group.name] ?? 0);
      const isLasting = one.provider.kind !== "local";
      const own = isLasting ? book : new VmBook(null);
      this.#groups.push(
        new ManagedGroup(one, this.#groupPorts(one, { book: own, names, provider })),
      );
      if (isLasting) book.note({ type: "group", config: one });
    }
    book.flush();
    await Promise.all(this.#groups.map((group) => owner.own(group, { stage: STAGES.groups })));
    for (const group of this.#groups) {
      const rows = written.slices.filter((row) => row.group === group.name);
      // owner: this run; a provider that does not answer keeps nobody from starting or stopping.
      void group.takeOver(rows).catch((error) => this.#broken(error));
    }
  }

  /** Makes the provider of a group. */
  #providers(): ProviderOf {
    const context = this.#context;
    const { clock, config: { cluster, folder } } = context;
    const makers = this.#ports.makers(context);
    const launch = (signal: AbortSignal) => this.#main.launch(signal);
    return async ({ group, provider }, to) => {
      const own = `${folder}/${group.name}`;
      if (provider.kind !== "local") await Deno.mkdir(own, { recursive: true, mode: 0o700 });
      const at = { cluster, group, clock, folder: own, launch };
      return await makeProvider(makers, provider, { ...at, ...to });
    };
  }

  #groupPorts(
    config: GroupConfig,
    of: { book: VmBook; names: SliceNames; provider: ProviderOf },
  ): GroupPorts {
    const { clock, closing } = this.#context;
    const { book, names } = of;
    const isLocal = config.provider.kind === "local";
    let creating = 0;
    return {
      ...{ clock, book, names, random: this.#ports.random, logs: this.#logs },
      provider: (owner, receiver) => of.provider(config, { owner, receiver }),
      shared: isLocal ? null : this.#shared,
      mayCreate: () => creating < MAX_GROUP_CREATES && this.#creating < MAX_CREATES,
      creating: (change) => {
        creating += change;
        this.#creating += change;
      },
      closing: () => closing.aborted || this.#failure !== null,
      stopping: () => closing.aborted && (closing.reason as StopCause) !== "detach",
      signal: this.#calls.signal,
      controller: () => this.#controller,
      quota: (refused) => this.#shareQuota(config, refused),
      changed: () => this.#changed(config.group.name),
      ended: (vm) => {
        this.#ended.push(vm);
        this.#readers.wake(vm.vm);
        if (this.#ended.length > MAX_ENDED) this.#ended.shift();
      },
      broken: (error) => this.#broken(error),
    };
  }

  /** What one group learns of its pool holds for those that are less, or more, likely to get it. */
  #shareQuota(from: GroupConfig, refused: string | null): void {
    const { quotaPool, quotaRank, name } = from.group;
    if (quotaPool === null) return;
    for (const { config: { group }, pace } of this.#groups) {
      if (group.quotaPool !== quotaPool || group.name === name) continue;
      if (refused === null && group.quotaRank <= quotaRank) pace.quotaSeen();
      if (refused !== null && group.quotaRank >= quotaRank) {
        pace.noQuota(this.#context.clock.now(), `pool ${quotaPool}, group ${name}: ${refused}`);
      }
    }
  }

  #onMessage(message: ToVmManager): void {
    switch (message.type) {
      case "wanted": {
        const known = new Set(message.workers.map(({ vm }) => vm));
        for (const wanted of message.groups) {
          this.#groups.find(({ name }) => name === wanted.group)?.want(wanted);
        }
        for (const worker of message.workers) {
          for (const group of this.#groups) group.seen(worker);
        }
        for (const group of this.#groups) group.known(known);
        for (const group of this.#groups) group.converge();
        return;
      }
      case "tell":
        return this.#post();
      case "controller":
        if (message.heard === this.#controller.heard) return;
        this.#controller = { heard: message.heard, sinceMs: this.#context.clock.now() };
        for (const group of this.#groups) group.converge();
        return;
      case "question":
        // owner: this run, whose signal ends what it waits for.
        return void this.#answer(message);
    }
  }

  async #answer(question: VmQuestion): Promise<void> {
    const { id } = question;
    let result: VmAnswer["result"];
    try {
      result = { ok: true, ...await this.#resultOf(question) };
    } catch (error) {
      const code = error instanceof IrisError ? error.code : "internal";
      result = { ok: false, code, message: messageOf(error) };
    }
    this.#autoscaler.post({ type: "answer", id, result });
  }

  async #resultOf(
    question: VmQuestion,
  ): Promise<{ lines: readonly VmLogLine[]; place?: VmLogPlace }> {
    const { vm, verb } = question;
    if (verb === "logs") return await this.#readLog(question);
    const group = this.#groupOf(vm);
    if (group === undefined) throw noSuch(vm);
    if (verb === "stop") group.stopVm(vm, question.reason);
    else await group.reload(vm);
    return { lines: [] };
  }

  #groupOf(vm: string): ManagedGroup | undefined {
    return this.#groups.find((one) => one.has(vm));
  }

  /** What a VM said; where nothing is new, soon after something is. */
  async #readLog(question: VmQuestion & { readonly verb: "logs" }) {
    const { vm, tail, after, waitMs = 0 } = question;
    const read = () => {
      if (this.#groupOf(vm) === undefined && !this.#logs.has(vm)) throw noSuch(vm);
      const { lines, more, ...place } = after === undefined
        ? this.#logs.tail(vm, tail)
        : this.#logs.behind(vm, after, tail);
      return { lines, place: { ...place, over: !more && this.#isOver(vm) } };
    };
    const now = read();
    const isNews = now.lines.length > 0 || now.place.lost || now.place.over;
    if (after === undefined || waitMs <= 0 || isNews) return now;
    await this.#readers.news(vm, Math.min(waitMs, MAX_VM_LOG_WAIT_MS), this.#calls.signal);
    return read();
  }

  /** Whether a VM is proved gone, also by an earlier VM manager. */
  #isOver(vm: string): boolean {
    if (this.#logs.isGone(vm)) return true;
    return this.#groups.every((group) => group.knows && !group.has(vm));
  }

  #look(sweep: boolean): void {
    for (const group of this.#groups) group.look();
    this.#logs.flush();
    if (sweep) {
      const live = new Set(this.#groups.flatMap((group) => [...group.vms]));
      this.#logs.sweep(this.#context.clock.wall(), live);
    }
  }

  #changed(name: string): void {
    this.#tell();
    this.#groups.find((group) => group.name === name)?.converge();
  }

  #tell(): void {
    if (this.#over) return;
    this.#telling ??= this.#context.clock.setTimer(
      TELL_MS + this.#told * TELL_MS_PER_VM,
      () => this.#post(),
    );
  }

  #post(): void {
    this.#telling?.cancel();
    this.#telling = null;
    const ended = this.#ended;
    this.#ended = [];
    const groups = this.#groups.map((group) => group.view());
    this.#told = groups.reduce((sum, { slices, sliceVms }) => sum + slices.length * sliceVms, 0);
    this.#autoscaler.post({ type: "fleet", groups, ended });
  }

  #broken(error: unknown): void {
    if (this.#context.closing.aborted) return;
    this.#failure ??= { error };
    this.#stopped.resolve();
  }
}

/** A group that is configured no more: its slices go as they get idle. */
function retiredGroup(config: GroupConfig): GroupConfig {
  return { ...config, group: { ...config.group, min: 0, max: 0, buffer: 0, idleMs: 0 } };
}

function noSuch(vm: string): IrisError {
  return new IrisError("not_found", `There is no VM ${vm}`);
}
