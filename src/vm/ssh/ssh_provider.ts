/**
 * The provider of hosts that are there already and are reached by ssh. A VM is the use of one host of
 * the group: the program is copied, a worker started that outlives the connection, and watched. Its
 * part owns a loop for each VM with the ssh client that it has, and one that asks hosts which did not
 * answer: also while it is closing, since that is when VMs go. Runs in the VM manager's isolate.
 */
import { orAborted } from "../../base/or_aborted.ts";
import { IrisError } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { type Random, systemRandom } from "../../base/random.ts";
import { turnEnd } from "../../base/turn.ts";
import { makeFolder } from "../../host/make_folder.ts";
import { isPortFree } from "../../host/ports.ts";
import type { Deadline } from "../../lifecycle/deadline.ts";
import type { Part } from "../../lifecycle/part.ts";
import type { VmEvent } from "../managed_vm.ts";
import type { SshProviderConfig } from "../provider_config.ts";
import type {
  ExistingSlice,
  MakeProvider,
  ProviderContext,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../vm_provider.ts";
import { checkIdentity } from "./identity.ts";
import { HostLook, type HostsSeen } from "./host_look.ts";
import { HostPatrol } from "./host_patrol.ts";
import { HostVm, type HostVmSink } from "./host_vm.ts";
import { ProgramBook, type ProgramFor } from "./program.ts";
import { hostKey } from "./ssh_command.ts";
import type { SshTiming, SshWorld } from "./ssh_world.ts";
import { type HostUse, UseBook } from "./use_book.ts";

/** What the provider is handed beside its configuration. */
export interface SshPorts {
  readonly programFor: ProgramFor;
  /** The machine's own when left out. */
  readonly random?: Random;
  readonly timing?: Partial<SshTiming>;
}

const TIMING: SshTiming = {
  phaseMs: 20_000,
  cleanMs: 60_000,
  lookMs: 2_000,
  backoff: { minMs: 500, maxMs: 15_000 },
  tries: 5,
};
/** What a worker that nobody knows any more gets to end its tasks in, in ms. */
const ORPHAN_MS = 10_000;
/** Names that are folders on a host, too. */
const NAME = /^(?!\.)[\w.+-]{1,100}$/;

/** Makes providers of this kind. */
export function sshProvider(ports: SshPorts): MakeProvider<SshProviderConfig> {
  return async (config, context) => {
    const provider = new SshProvider(ports, config, context);
    await context.owner.own(provider.part());
    return provider;
  };
}

class SshProvider implements VmProvider {
  readonly name = "ssh";
  readonly #context: ProviderContext;
  readonly #world: SshWorld;
  readonly #book: UseBook;
  readonly #vms = new Map<string, HostVm>();
  /** When a host last was no good, in ms; hosts that never were are not in it. */
  readonly #trouble = new Map<string, number>();
  readonly #warning: string | null;
  readonly #look: HostLook;
  readonly #running = new Set<Promise<void>>();
  #patrol: HostPatrol | null = null;
  #left = false;

  constructor(ports: SshPorts, config: SshProviderConfig, context: ProviderContext) {
    const { cluster, group, clock, launch, folder } = context;
    this.#context = context;
    checkName(cluster, "cluster");
    if (config.hosts.length === 0) {
      throw new IrisError("invalid", "Invalid hosts: there is none", { field: "hosts" });
    }
    this.#warning = checkIdentity(config);
    if (this.#warning !== null) logger("ssh").warning("{warning}", { warning: this.#warning });
    makeFolder(folder, 0o700);
    this.#book = new UseBook(folder);
    this.#world = {
      ...{ config, cluster, group, clock, launch, programs: new ProgramBook() },
      programFor: ports.programFor,
      random: ports.random ?? systemRandom,
      isPortFree: (port) => isPortFree("127.0.0.1", port),
      timing: { ...TIMING, ...ports.timing },
      clients: new Set(),
    };
    this.#look = new HostLook(this.#world);
  }

  /** What its owner stops: what is on hosts stays. */
  part(): Part {
    return {
      name: "hosts",
      kind: "component",
      ask: async () => {
        this.#leave();
        while (this.#running.size > 0) await Promise.all(this.#running);
        await Promise.all([...this.#world.clients].map((client) => client.close()));
      },
      force: () => this.#leave(),
      verify: async (deadline) => {
        // One that was only just killed is there until the kernel has said that it is gone.
        await settledBy(deadline, [...this.#world.clients].map((client) => client.close()));
        return [...this.#world.clients].map(({ pid }) => `the ssh client ${pid}`);
      },
      facts: () => ({ detail: `${this.#vms.size} of ${this.#hosts().length} in use` }),
    };
  }

  #leave(): void {
    this.#left = true;
    this.#patrol?.leave();
    for (const vm of this.#vms.values()) vm.leave();
    for (const client of this.#world.clients) client.kill();
  }

  /** Keeps what runs, until its end, for the part to wait for. */
  #run(running: Promise<void>): void {
    this.#running.add(running);
    // owner: the part, which waits for all of them.
    void running.finally(() => this.#running.delete(running));
  }

  async existing(signal: AbortSignal): Promise<readonly ExistingSlice[]> {
    const keys = new Set([...this.#hosts(), ...this.#book.all().map(({ host }) => host)]);
    const seen = await this.#look.all([...keys], signal);
    if (seen.answered.size === 0) {
      const [why = "no host answers"] = seen.problems.values();
      throw new IrisError("unavailable", `None of the hosts can be asked: ${why}`);
    }
    for (const line of seen.problems.values()) {
      logger("ssh").warning("what there is cannot be known: {line}", { line });
    }
    const slices = this.#adopt(seen);
    this.#watchFor([...seen.problems.keys()]);
    return slices;
  }

  create(request: SliceRequest, _signal: AbortSignal): Promise<string | null> {
    try {
      return Promise.resolve(this.#create(request));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  delete({ vms, externalId, stopMs, reason }: SliceDelete): void {
    const hosts = externalId?.split(",") ?? [];
    for (const [at, vm] of vms.entries()) {
      const known = this.#vms.get(vm) ??
        this.#fromBook(vm, { group: "", slice: "", vms, hosts, at });
      if (known !== null) known.stop({ stopMs, reason });
      else this.#notThere(vm, "it is not there");
    }
  }

  async reload(vm: string, signal: AbortSignal): Promise<void> {
    const known = this.#vms.get(vm);
    if (known === undefined) throw new IrisError("invalid", `There is no VM ${vm}`);
    await orAborted(known.reload(), signal);
  }

  #hosts(): string[] {
    return this.#world.config.hosts.map(hostKey);
  }

  #create({ slice, vms }: SliceRequest): string {
    for (const name of [slice, ...vms]) checkName(name, "name");
    const going = vms.find((vm) => this.#vms.get(vm)?.going);
    if (going !== undefined) {
      throw new IrisError("unavailable", `${going} is still there, it is being ended`);
    }
    const known = vms.map((vm) => this.#vms.get(vm)?.use ?? this.#book.get(vm));
    if (known.every((use) => use !== undefined)) {
      for (const use of known) if (!this.#vms.has(use.vm)) this.#own(use, "perhaps");
      return known.map(({ host }) => host).join(",");
    }
    if (known.some((use) => use !== undefined)) {
      throw new IrisError("unavailable", `A part of the slice ${slice} is still there`);
    }
    const free = this.#free();
    const all = this.#hosts().length;
    if (free.length < vms.length) {
      const what = free.length === 0
        ? `all ${all} hosts are in use`
        : `a slice takes ${vms.length} hosts, ${free.length} of ${all} are free`;
      throw new IrisError("quota", what);
    }
    const group = this.#world.group.name;
    const uses = vms.map((vm, at): HostUse => ({
      ...{ vm, host: free[at]!, group, slice, vms, ports: null },
    }));
    this.#book.put(...uses);
    for (const use of uses) this.#own(use, "no");
    return uses.map(({ host }) => host).join(",");
  }

  /** Hosts that nobody uses: first those that were never any trouble, last those that just were. */
  #free(): string[] {
    const used = new Set([
      ...this.#book.all().map(({ host }) => host),
      ...[...this.#vms.values()].map(({ use }) => use.host),
    ]);
    const at = (key: string) => this.#trouble.get(key) ?? -Infinity;
    return this.#hosts().filter((key) => !used.has(key))
      .sort((a, b) => at(a) === at(b) ? 0 : at(a) - at(b));
  }

  /** A VM that was asked for by an earlier VM manager, and not adopted yet; null when there is none. */
  #fromBook(
    vm: string,
    of: { group: string; slice: string; vms: readonly string[]; hosts: string[]; at: number },
  ): HostVm | null {
    const { group, slice, vms, hosts, at } = of;
    const host = hosts[at];
    const noted = this.#book.get(vm);
    if (noted !== undefined) return this.#own(noted, "perhaps");
    if (host === undefined || host === "") return null;
    return this.#own({ vm, host, group, slice, vms, ports: null }, "perhaps");
  }

  /** Takes over what was found, and forgets what is proved not to be there. */
  #adopt(seen: HostsSeen): ExistingSlice[] {
    const slices = new Map<string, HostUse[]>();
    for (const use of this.#book.all()) {
      if (this.#vms.has(use.vm)) continue;
      if (seen.answered.has(use.host) && !seen.uses.has(use.vm)) this.#book.remove(use.vm);
    }
    for (const use of seen.uses.values()) {
      if (this.#book.get(use.vm) === undefined) this.#book.put(use);
    }
    for (const { host, vm } of seen.unlabelled) this.#endOrphan(host, vm);
    for (const use of this.#book.all()) {
      if (!this.#vms.has(use.vm)) this.#own(use, "started");
      slices.set(use.slice, [...slices.get(use.slice) ?? [], use]);
    }
    return [...slices].map(([slice, uses]) => {
      const { group, vms } = uses[0]!;
      const hosts = vms.map((vm) => uses.find((use) => use.vm === vm)?.host ?? null);
      for (const [at, vm] of vms.entries()) {
        if (hosts[at] === null) this.#notThere(vm, "no host has it");
      }
      return { slice, vms, group, externalId: hosts.map((host) => host ?? "").join(",") };
    });
  }

  #notThere(vm: string, reason: string): void {
    // owner: nobody; it takes a turn.
    void turnEnd().then(() => this.#tell(vm, { name: "gone", reason }));
  }

  /** Hosts that did not answer are asked until they do: what is there and nobody knows is ended. */
  #watchFor(hosts: readonly string[]): void {
    if (this.#patrol === null && hosts.length > 0 && !this.#left) {
      const { clock } = this.#context;
      this.#patrol = new HostPatrol({
        ...{ clock, look: this.#look, random: this.#world.random },
        onSeen: (seen) => {
          for (const use of seen.uses.values()) {
            if (this.#book.get(use.vm) === undefined) this.#endOrphan(use.host, use.vm);
          }
          for (const { host, vm } of seen.unlabelled) this.#endOrphan(host, vm);
        },
      });
      this.#run(this.#patrol.running);
    }
    this.#patrol?.add(hosts);
    const now = this.#context.clock.now();
    for (const host of hosts) this.#trouble.set(host, now);
  }

  #endOrphan(host: string, vm: string): void {
    if (this.#vms.has(vm)) return;
    logger("ssh").warning("{host} has {vm}, which nobody asked for: it is ended", { host, vm });
    const use: HostUse = { vm, host, group: "", slice: "", vms: [vm], ports: null };
    const reason = "nobody asked for it";
    this.#own(use, "perhaps", { silent: true }).stop({ stopMs: ORPHAN_MS, reason });
  }

  #own(
    use: HostUse,
    found: "started" | "perhaps" | "no",
    { silent = false } = {},
  ): HostVm {
    const { vm } = use;
    const part = new HostVm(this.#world, { use, found, sink: this.#sink(use, silent) });
    this.#vms.set(vm, part);
    if (!this.#left) part.start();
    this.#run(part.running);
    if (this.#warning !== null && !silent) {
      const warning = this.#warning;
      // owner: nobody; it takes a turn.
      void turnEnd().then(() => this.#context.receiver.log(vm, warning));
    }
    return part;
  }

  #sink({ vm, host }: HostUse, silent: boolean): HostVmSink {
    const { receiver, clock } = this.#context;
    const over = (event: VmEvent) => {
      this.#vms.delete(vm);
      this.#book.remove(vm);
      if (event.name === "failed") this.#trouble.set(host, clock.now());
      if (!silent) this.#tell(vm, event);
    };
    if (silent) {
      const log = (line: string) => logger("ssh").info("{vm}: {line}", { vm, line });
      return { phase() {}, log, booted() {}, note() {}, over };
    }
    return {
      phase: (text) => receiver.phase(vm, text),
      log: (line) => receiver.log(vm, line),
      booted: () => receiver.event(vm, { name: "booted" }),
      note: (use) => this.#book.put(use),
      over,
    };
  }

  /** Tells that a VM is gone, unless it was asked for again. */
  #tell(vm: string, event: VmEvent): void {
    if (!this.#vms.has(vm)) this.#context.receiver.event(vm, event);
  }
}

/** Until all have settled, or the deadline has passed. */
async function settledBy(deadline: Deadline, all: readonly Promise<void>[]): Promise<void> {
  const passed = Promise.withResolvers<void>();
  const forget = deadline.onPassed(passed.resolve);
  await Promise.race([Promise.allSettled(all), passed.promise]);
  forget();
}

function checkName(name: string, field: string): void {
  if (NAME.test(name)) return;
  throw new IrisError("invalid", `Invalid ${field}: "${name}" cannot be a folder on a host`, {
    field,
  });
}
