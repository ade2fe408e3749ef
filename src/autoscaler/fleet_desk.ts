/**
 * The desk of the autoscaler: the one place that knows of every VM manager. It puts their fleets
 * together, tells each what concerns it, passes questions on and answers back, shows the server what
 * there is and the core what happened. Used in the autoscaler's isolate, whose loop closes it.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Channel } from "../lifecycle/loop.ts";
import type {
  EndedVm,
  Fleet,
  FleetGroup,
  FleetSlice,
  FromVmManager,
  ToVmManager,
  VmAnswer,
  VmQuestion,
  WantedSlices,
  WorkerSeen,
} from "../vm/fleet.ts";
import type { GroupFacts } from "../wire/group_explanation.ts";
import type { GroupView, VmView } from "../wire/vms.ts";
import {
  type DeskToServer,
  LOCAL_MANAGER,
  type ServerToDesk,
  type VmAsk,
  type VmNote,
  type VmNotes,
} from "./messages.ts";

/** Changes that come this close together are shown together, in ms. */
const SHOW_MS = 50;
/** Of so many VMs that are gone at most it is still shown how they ended, for so long, in ms. */
const MAX_GONE = 500;
const GONE_KEPT_MS = 60 * 60_000;
/** No more questions wait for their answer. */
const MAX_QUESTIONS = 1_000;
/** What a VM is only on its way through; no event. */
const PASSING = new Set(["BOOTING", "INITIALIZING"]);
const COMING = new Set(["REQUESTED", "BOOTING", "INITIALIZING"]);
const GOING = new Set(["STOPPING", "TERMINATED", "FAILED", "PREEMPTED"]);

/** A VM manager. */
interface Manager {
  readonly name: string;
  readonly post: (message: ToVmManager) => void;
  heard: boolean;
  fleet: Fleet | null;
  /** What it was told last of what is wanted. */
  told: string;
  /** The last state of each VM that there was an event of. */
  readonly noted: Map<string, string>;
}

/** A question that is under way: it may be put to several who may know. */
interface Question {
  readonly id: number;
  /** Who has not answered yet. */
  readonly open: Set<string>;
}

/** Whom a desk talks to. */
export interface FleetDeskOptions {
  readonly clock: Clock;
  /** The VM manager beside the controller; silent where there is none. */
  readonly local: Channel<FromVmManager, ToVmManager>;
  readonly server: Channel<ServerToDesk, DeskToServer>;
  /** Tells the core what happened. */
  readonly note: (notes: VmNotes) => void;
  /** Told when a fleet changed. */
  readonly changed: () => void;
}

/** See the head of this file. */
export class FleetDesk {
  readonly #options: FleetDeskOptions;
  readonly #managers = new Map<string, Manager>();
  readonly #questions = new Map<number, Question>();
  readonly #wanted = new Map<string, WantedSlices>();
  /** Wall time. */
  readonly #beganMs: number;
  #gone: VmView[] = [];
  #showing: Timer | null = null;
  #explained = "";
  #nextId = 1;

  /** Asks everybody at once: what was known before a restart is lost. */
  constructor(options: FleetDeskOptions) {
    this.#options = options;
    this.#beganMs = options.clock.wall();
    const { local, server } = options;
    this.#attach(LOCAL_MANAGER, (message) => local.post(message));
    local.onMessage((message) => this.#fromManager(LOCAL_MANAGER, message));
    server.onMessage((message) => this.#fromServer(message));
    server.post({ type: "hello" });
    this.#show();
  }

  /** Every group of every VM manager that was heard of. */
  get groups(): readonly FleetGroup[] {
    return [...this.#managers.values()].flatMap(({ name, heard, fleet }) => {
      if (heard || fleet === null) return fleet?.groups ?? [];
      const reason = `its VM manager ${name} is not heard`;
      const availability = { state: "halted", untilMs: null, reason } as const;
      return fleet.groups.map((group) => ({ ...group, availability }));
    });
  }

  /** True once a VM manager said what it has. */
  get known(): boolean {
    return [...this.#managers.values()].some(({ fleet }) => fleet !== null);
  }

  /**
   * Tells each VM manager what is wanted of it and what is known of its workers, when that changed.
   *
   * @returns whether anything was told
   */
  want(wanted: readonly WantedSlices[], seen: readonly WorkerSeen[]): boolean {
    this.#wanted.clear();
    for (const one of wanted) this.#wanted.set(one.group, one);
    let some = false;
    for (const manager of this.#managers.values()) {
      if (manager.fleet === null || !manager.heard) continue;
      const { groups } = manager.fleet;
      const names = new Set(groups.map(({ name }) => name));
      const vms = new Set(groups.flatMap(({ slices }) => slices.flatMap(namesOf)));
      const message = {
        type: "wanted",
        groups: wanted.filter(({ group }) => names.has(group)),
        workers: seen.filter(({ vm }) => vms.has(vm)),
      } as const;
      const text = JSON.stringify(message);
      if (text === manager.told) continue;
      manager.told = text;
      manager.post(message);
      some = true;
    }
    if (some) this.#show();
    return some;
  }

  /** Shows why groups have what they have, when that changed. */
  explain(groups: readonly GroupFacts[]): void {
    const text = JSON.stringify(groups);
    if (text === this.#explained) return;
    this.#explained = text;
    this.#options.server.post({ type: "decided", groups });
  }

  /** Listens no more. */
  close(): void {
    this.#showing?.cancel();
    this.#options.local.onMessage(null);
    this.#options.server.onMessage(null);
  }

  #attach(name: string, post: Manager["post"]): void {
    const { fleet = null, noted = new Map() } = this.#managers.get(name) ?? {};
    this.#managers.set(name, { name, post, heard: true, fleet, told: "", noted });
    post({ type: "tell" });
  }

  #fromServer(message: ServerToDesk): void {
    const { server } = this.#options;
    switch (message.type) {
      case "hello":
        this.#questions.clear();
        this.#explained = "";
        // Their links went with the server of before: whoever is there says so again.
        for (const manager of this.#managers.values()) {
          manager.heard = manager.name === LOCAL_MANAGER;
        }
        return this.#post();
      case "ask":
        return this.#ask(message.id, message.ask);
      case "attached": {
        const { manager } = message;
        this.#attach(manager, (message) => server.post({ type: "to_manager", manager, message }));
        return this.#show();
      }
      case "detached": {
        const manager = this.#managers.get(message.manager);
        if (manager !== undefined) manager.heard = false;
        this.#give(message.manager, null);
        // Of one that has nothing nobody needs to know.
        const isEmpty = manager?.fleet?.groups.every(({ slices }) => slices.length === 0) ?? true;
        if (isEmpty) this.#managers.delete(message.manager);
        return this.#show();
      }
      case "from_manager":
        return this.#fromManager(message.manager, message.message);
    }
  }

  #fromManager(name: string, message: FromVmManager): void {
    const manager = this.#managers.get(name);
    if (manager === undefined) return;
    if (message.type === "answer") return this.#give(name, message);
    manager.fleet = message;
    this.#takeOver(manager, message);
    // Something moved there: what was asked for before may have to be asked for again.
    manager.told = "";
    this.#takeEnded(name, message);
    this.#note(manager, message);
    this.#show();
    this.#options.changed();
  }

  /** Groups that went from a VM manager that is not heard any more to another one. */
  #takeOver(manager: Manager, { groups }: Fleet): void {
    const names = new Set(groups.map(({ name }) => name));
    for (const other of this.#managers.values()) {
      if (other === manager || other.heard || other.fleet === null) continue;
      const left = other.fleet.groups.filter(({ name }) => !names.has(name));
      if (left.length < other.fleet.groups.length) other.fleet = { ...other.fleet, groups: left };
    }
  }

  #takeEnded(manager: string, { groups, ended }: Fleet): void {
    const kinds = new Map(groups.map(({ name, provider }) => [name, provider]));
    for (const { vm, slice, group, state, sinceMs, reason } of ended) {
      const provider = kinds.get(group) ?? "";
      const of = { vm, slice, group, provider, manager, state, sinceMs, reason };
      this.#gone.push({ ...of, phase: "", createdMs: null, externalId: null });
    }
    const from = this.#options.clock.wall() - GONE_KEPT_MS;
    this.#gone = this.#gone.slice(-MAX_GONE).filter(({ sinceMs }) => sinceMs >= from);
  }

  /** What happened to VMs since the last fleet; workers inside this process have events of their own. */
  #note({ noted }: Manager, { groups, ended }: Fleet): void {
    const notes: VmNote[] = [];
    const told = groups.filter(({ provider }) => provider !== "local");
    const note = (given: VmNote) => {
      const isPassing = PASSING.has(given.state);
      // One that went through its first state between two fleets was asked for all the same.
      if (isPassing && noted.has(given.vm)) return;
      const one = isPassing ? { ...given, state: "REQUESTED" as const } : given;
      if (noted.get(one.vm) === one.state) return;
      noted.set(one.vm, one.state);
      notes.push(one);
    };
    const there = new Set<string>();
    for (const { name: group, slices } of told) {
      for (const { slice, vms } of slices) {
        for (const { vm, state, reason, sinceMs } of vms) {
          there.add(vm);
          // What is older than this desk was told by the one before.
          const isOld = sinceMs < this.#beganMs && !COMING.has(state);
          if (isOld && !noted.has(vm)) noted.set(vm, state);
          note({ vm, slice, group, state, reason });
        }
      }
    }
    for (const one of ended) {
      if (told.some(({ name }) => name === one.group)) note(noteOf(one));
    }
    for (const vm of noted.keys()) if (!there.has(vm)) noted.delete(vm);
    if (notes.length > 0) this.#options.note({ type: "vms", notes });
  }

  /** Puts a question to whoever has the VM, or may know of it though it is gone. */
  #ask(id: number, ask: VmAsk): void {
    const { server } = this.#options;
    const managers = [...this.#managers.values()];
    const has = managers.filter(({ fleet }) =>
      fleet?.groups.some(({ slices }) => slices.some((slice) => namesOf(slice).includes(ask.vm)))
    );
    const able = (has.length > 0 ? has : ask.verb === "logs" ? managers : [])
      .filter(({ heard, fleet }) => heard && fleet !== null);
    if (able.length === 0 || this.#questions.size >= MAX_QUESTIONS) {
      const [code, message] = has.length > 0
        ? ["unavailable", `The VM manager that has VM ${ask.vm} is not heard`]
        : able.length > 0
        ? ["unavailable", `More than ${MAX_QUESTIONS} questions wait for an answer`]
        : ["not_found", `There is no VM ${ask.vm}`];
      return server.post({ type: "answered", id, result: { ok: false, code, message } });
    }
    const own = this.#nextId++;
    this.#questions.set(own, { id, open: new Set(able.map(({ name }) => name)) });
    const question = { type: "question", id: own, ...ask } as VmQuestion;
    for (const { post } of able) post(question);
  }

  /** The first good answer counts, else the last. @param answer null: it will not answer any more */
  #give(manager: string, answer: VmAnswer | null): void {
    const of = answer === null ? [...this.#questions.keys()] : [answer.id];
    for (const own of of) {
      const question = this.#questions.get(own);
      if (question === undefined || !question.open.delete(manager)) continue;
      const message = `The VM manager ${manager} is not heard any more: look, then try again`;
      const result = answer?.result ?? { ok: false, code: "unavailable", message };
      if (!result.ok && question.open.size > 0) continue;
      this.#questions.delete(own);
      this.#options.server.post({ type: "answered", id: question.id, result });
    }
  }

  #show(): void {
    this.#showing ??= this.#options.clock.setTimer(SHOW_MS, () => this.#post());
  }

  #post(): void {
    this.#showing?.cancel();
    this.#showing = null;
    const groups: GroupView[] = [];
    const vms: VmView[] = [];
    for (const manager of this.#managers.values()) {
      for (const group of manager.fleet?.groups ?? []) {
        groups.push(this.#groupView(manager, group));
        vms.push(...vmViews(manager.name, group));
      }
    }
    const there = new Set(vms.map(({ vm }) => vm));
    const gone = this.#gone.filter(({ vm }) => !there.has(vm));
    this.#options.server.post({ type: "fleet", groups, vms: [...vms, ...gone] });
  }

  #groupView(manager: Manager, group: FleetGroup): GroupView {
    const { slices, idleMs, quotaRank: _, resources, attributes, availability, ...more } = group;
    const wanted = this.#wanted.get(group.name);
    const going = slices.filter(({ vms }) => vms.some(({ state }) => GOING.has(state)));
    const coming = slices.filter((slice) =>
      !going.includes(slice) && slice.vms.some(({ state }) => COMING.has(state))
    );
    return {
      ...more,
      ...{ manager: manager.name, heard: manager.heard },
      resources: { ...resources },
      attributes: { ...attributes },
      availability: { ...availability },
      idleMs: Number.isFinite(idleMs) ? idleMs : null,
      wanted: wanted === undefined ? null : { count: wanted.count, reason: wanted.reason },
      ready: slices.length - going.length - coming.length,
      coming: coming.length,
      going: going.length,
    };
  }
}

function namesOf({ vms }: FleetSlice): string[] {
  return vms.map(({ vm }) => vm);
}

function noteOf({ vm, slice, group, state, reason }: EndedVm): VmNote {
  return { vm, slice, group, state, reason };
}

function vmViews(manager: string, group: FleetGroup): VmView[] {
  return group.slices.flatMap(({ slice, createdMs, externalId, vms }) =>
    vms.map((vm) => ({
      ...vm,
      ...{ slice, createdMs, externalId, manager },
      group: group.name,
      provider: group.provider,
    }))
  );
}
