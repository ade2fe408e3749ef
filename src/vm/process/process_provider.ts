/**
 * The provider `process`: a VM is a worker as a process of this program on this host, in a session of
 * its own, which outlives the VM manager. Owns a timer and what it does at the moment; runs in the VM
 * manager's isolate.
 */
import { exists, removeIfThere } from "../../base/there.ts";
import { sleep, type Timer } from "../../base/clock.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { startDetached } from "../../host/detached_process.ts";
import { VM_LABEL } from "../../host/orphan_reaper.ts";
import { allPids, bootId, environOf, isSameProcess } from "../../host/proc.ts";
import { signalProcess } from "../../host/process_group.ts";
import { runCommand } from "../../host/run_command.ts";
import { ownEnvironment, selfCommand } from "../../host/self_command.ts";
import type { Part } from "../../lifecycle/part.ts";
import { LineTail } from "../line_tail.ts";
import type { ProcessProviderConfig } from "../provider_config.ts";
import type {
  ExistingSlice,
  MakeProvider,
  ProviderContext,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../vm_provider.ts";
import { workerArgs, type WorkerLaunch } from "../worker_launch.ts";
import {
  logIn,
  noteIntent,
  readNote,
  stateDirIn,
  vmFolders,
  type VmNote,
  writeNote,
  writePlace,
} from "./vm_files.ts";

/** Between two looks at processes and their logs, in ms; and while one is about to end. */
const LOOK_MS = 250;
const SOON_MS = 20;
/** What a worker that is forced gets to prove its tasks gone before it is killed, in ms. */
const FORCE_MS = 2_000;
/** What the clearing of a killed worker may take, in ms; and between two tries. */
const CLEAR_MS = 20_000;
const CLEAR_GAP_MS = 2_000;

/** A VM that there is, or is to be. */
interface ProcessVm {
  readonly folder: string;
  readonly tail: LineTail;
  note: VmNote;
  /** The exit code, once seen; null while it runs, or when nobody could see it. */
  code: number | null;
  /** Set from when it goes on: by when its worker is forced, on the monotonic clock. */
  ending: { forceAtMs: number } | null;
  /** True while it is being started, for the first time or again in place. */
  busy: boolean;
}

/** Makes one for a group. */
export const makeProcessProvider: MakeProvider<ProcessProviderConfig> = async (_, context) => {
  const provider = new ProcessProvider(context);
  await context.owner.own(provider.part());
  return provider;
};

/** See the head of this file. */
class ProcessProvider implements VmProvider {
  readonly name = "process";
  readonly #context: ProviderContext;
  readonly #vms = new Map<string, ProcessVm>();
  readonly #abort = new AbortController();
  readonly #busy = new Set<Promise<void>>();
  #timer: Timer | null = null;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  /** What its owner stops: VMs stay, only what is done here ends. */
  part(): Part {
    return {
      name: `${this.#context.group.name} processes`,
      kind: "resource",
      start: () => this.#look(),
      ask: async () => {
        this.#abort.abort();
        await Promise.all(this.#busy);
      },
      release: () => this.#timer?.cancel(),
    };
  }

  existing(): Promise<readonly ExistingSlice[]> {
    const slices = new Map<string, ExistingSlice>();
    for (const folder of vmFolders(this.#context.folder)) {
      const note = readNote(folder);
      if (note === null) {
        // The intent was never whole: nothing was started.
        removeIfThere(folder);
        continue;
      }
      if (!this.#vms.has(note.vm)) this.#adopt(folder, note);
      const { slice, vms } = note;
      slices.set(slice, {
        ...{ slice, vms, group: this.#context.group.name },
        externalId: nameOf(note),
      });
    }
    this.#endUnknown();
    return Promise.resolve([...slices.values()]);
  }

  async create(request: SliceRequest, signal: AbortSignal): Promise<string | null> {
    const fresh = request.vms.filter((vm) => !this.#vms.has(vm));
    for (const vm of fresh) this.#note(vm, request);
    try {
      const launch = await this.#context.launch(signal);
      // One that shall go already is never started.
      const isWanted = request.vms.every((vm) => this.#vms.get(vm)?.ending === null);
      if (!isWanted || signal.aborted) {
        throw new IrisError("unavailable", "It is not wanted any more");
      }
      for (const vm of fresh) this.#start(this.#vms.get(vm)!, launch);
    } catch (error) {
      // What was ended meanwhile may be gone already.
      for (const vm of fresh) if (this.#vms.has(vm)) this.#end(vm, 0);
      throw error;
    }
    return request.vms.map((vm) => nameOf(this.#vms.get(vm)?.note)).join(" ");
  }

  delete({ vms, stopMs }: SliceDelete): void {
    for (const vm of vms) {
      if (this.#vms.has(vm)) this.#end(vm, stopMs);
      else this.#later(() => this.#tell(vm, "it is not there"));
    }
  }

  async reload(name: string, signal: AbortSignal): Promise<void> {
    const launch = await this.#context.launch(signal);
    signal.throwIfAborted();
    const vm = this.#vms.get(name);
    if (vm === undefined || vm.ending !== null || vm.note.process === null) {
      throw new IrisError("not_found", `There is no VM ${name} that could be started anew`);
    }
    // Whole or not at all, whoever gives up meanwhile: a worker that is only killed takes its VM along.
    const restarting = this.#restart(vm, launch);
    const doing = restarting.catch(() => {}).finally(() => this.#busy.delete(doing));
    this.#busy.add(doing);
    await restarting;
  }

  async #restart(vm: ProcessVm, launch: WorkerLaunch): Promise<void> {
    const { clock } = this.#context;
    vm.busy = true;
    try {
      // Its keeper goes on with the tasks, and the next worker adopts it: as after any crash.
      if (alive(vm)) signalProcess(vm.note.process!.pid, "SIGKILL");
      for (const giveUp = clock.now() + FORCE_MS; alive(vm);) {
        if (clock.now() > giveUp) {
          throw new IrisError("timeout", `${nameOf(vm.note)} does not end, also not by SIGKILL`);
        }
        await sleep(clock, SOON_MS);
      }
      if (vm.ending === null) this.#start(vm, launch);
    } finally {
      vm.busy = false;
    }
  }

  #note(vm: string, { slice, vms }: SliceRequest): void {
    const folder = `${this.#context.folder}/${vm}`;
    const note: VmNote = { vm, slice, vms, boot: bootId(), process: null };
    noteIntent(folder, note);
    const tail = new LineTail(logIn(folder));
    this.#vms.set(vm, { folder, tail, note, code: null, ending: null, busy: true });
  }

  #adopt(folder: string, note: VmNote): void {
    const tail = new LineTail(logIn(folder));
    tail.skipToEnd();
    // A pid of another boot is nobody's.
    const now = note.boot === bootId() ? note : { ...note, process: null };
    this.#vms.set(note.vm, { folder, tail, note: now, code: null, ending: null, busy: false });
  }

  #start(vm: ProcessVm, launch: WorkerLaunch): void {
    const { group, cluster, receiver } = this.#context;
    const { note, folder } = vm;
    receiver.phase(note.vm, "starting");
    const args = workerArgs(launch, {
      ...{ vm: note.vm, slice: note.slice, group, controllerUrls: launch.controllerUrls },
      place: writePlace(folder, launch),
    });
    const { pid, startTime, ended } = startDetached({
      argv: [...selfCommand(), ...args],
      env: { [VM_LABEL]: labelOf({ cluster, group: group.name, vm: note.vm }) },
      logFile: logIn(folder),
    });
    const process = { pid, startTime };
    vm.note = { ...note, boot: bootId(), process };
    vm.code = null;
    vm.busy = false;
    // owner: the process outlives this; its end is seen in /proc too.
    void ended.then(({ code }) => {
      if (vm.note.process === process) vm.code = code;
    });
    writeNote(folder, vm.note);
    this.#later(() => receiver.event(note.vm, { name: "booted" }));
  }

  #look(): void {
    this.#timer = this.#context.clock.setTimer(LOOK_MS, () => this.#look());
    for (const [name, vm] of this.#vms) {
      this.#pass(vm);
      if (vm.ending === null && !vm.busy && !alive(vm)) this.#end(name, 0, "its process ended");
    }
  }

  #pass(vm: ProcessVm, options: { last?: boolean } = {}): void {
    for (const line of vm.tail.read(options)) this.#context.receiver.log(vm.note.vm, line);
  }

  #end(name: string, stopMs: number, why: string | null = null): void {
    const vm = this.#vms.get(name)!;
    const forceAtMs = this.#context.clock.now() + stopMs;
    if (vm.ending !== null) {
      vm.ending.forceAtMs = Math.min(vm.ending.forceAtMs, forceAtMs);
      return;
    }
    vm.ending = { forceAtMs };
    this.#do(async (signal) => {
      const { clock, receiver } = this.#context;
      await this.#endProcess(vm, signal);
      while (!signal.aborted && !await this.#removed(vm, signal)) {
        await sleep(clock, CLEAR_GAP_MS, signal);
      }
      if (signal.aborted) return;
      this.#vms.delete(name);
      if (why === null) receiver.event(name, { name: "gone", reason: "its worker was stopped" });
      else receiver.event(name, { name: "failed", reason: why });
    });
  }

  /** SIGTERM; at the deadline once more, which forces what it runs; then SIGKILL. */
  async #endProcess(vm: ProcessVm, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const until = async (atMs: () => number) => {
      while (alive(vm) && clock.now() < atMs() && !signal.aborted) {
        await sleep(clock, SOON_MS, signal);
      }
    };
    const send = (name: Deno.Signal) => {
      if (alive(vm) && !signal.aborted) signalProcess(vm.note.process!.pid, name);
    };
    send("SIGTERM");
    await until(() => vm.ending!.forceAtMs);
    send("SIGTERM");
    const killAtMs = clock.now() + FORCE_MS;
    await until(() => killAtMs);
    send("SIGKILL");
    await until(() => Infinity);
  }

  /** Nothing of it is left, and its folder goes. @returns false when that has to be tried again */
  async #removed(vm: ProcessVm, signal: AbortSignal): Promise<boolean> {
    try {
      if (!await this.#clear(vm, signal) || signal.aborted) return false;
      this.#pass(vm, { last: true });
      removeIfThere(vm.folder);
      return true;
    } catch (error) {
      this.#context.receiver.log(vm.note.vm, `it cannot be removed yet: ${messageOf(error)}`);
      return false;
    }
  }

  /** Ends what a worker left that did not end in order. @returns whether nothing is left */
  async #clear(vm: ProcessVm, signal: AbortSignal): Promise<boolean> {
    const { clock, receiver, cluster, group } = this.#context;
    const label = labelOf({ cluster, group: group.name, vm: vm.note.vm });
    const isThere = () => allPids().some((pid) => environOf(pid, VM_LABEL) === label);
    if (vm.code === 0 && !isThere()) return true;
    const stateDir = stateDirIn(vm.folder);
    // Only the note after a start knows its pid: without it this is how it is found.
    if (vm.note.process === null) killLabelled((value) => value === label);
    if (exists(`${stateDir}/marker-id`)) {
      const end = await runCommand(
        [...selfCommand(), "worker", "clear", `--state-dir=${stateDir}`],
        { env: ownEnvironment(), clock, timeoutMs: CLEAR_MS, signal },
      );
      if (end.code !== 0) {
        for (const line of end.stderr.trim().split("\n")) receiver.log(vm.note.vm, line);
        return false;
      }
    }
    killLabelled((value) => value === label);
    return !isThere();
  }

  /** Processes with our label that no folder knows: their folder was removed by hand. */
  #endUnknown(): void {
    const { cluster, group: { name: group } } = this.#context;
    const known = new Set([...this.#vms.keys()].map((vm) => labelOf({ cluster, group, vm })));
    const prefix = `${cluster}/${group}/`;
    const ended = killLabelled((value) => value.startsWith(prefix) && !known.has(value));
    if (ended > 0) logger("vm").warning("ended {ended} processes of VMs nobody knows", { ended });
  }

  #tell(vm: string, reason: string): void {
    this.#context.receiver.event(vm, { name: "gone", reason });
  }

  /** On a later turn, unless this is over by then. */
  #later(tell: () => void): void {
    this.#do(async (signal) => {
      await Promise.resolve();
      if (!signal.aborted) tell();
    });
  }

  #do(what: (signal: AbortSignal) => Promise<void>): void {
    const doing = what(this.#abort.signal).catch((error) => {
      logger("vm").error("provider process: {error}", { error: messageOf(error) });
    }).finally(() => this.#busy.delete(doing));
    this.#busy.add(doing);
  }
}

function alive({ note: { process } }: ProcessVm): boolean {
  return process !== null && isSameProcess(process.pid, process.startTime);
}

function nameOf(note: VmNote | undefined): string {
  return note?.process ? `pid ${note.process.pid}` : "";
}

function labelOf(of: { cluster: string; group: string; vm: string }): string {
  return `${of.cluster}/${of.group}/${of.vm}`;
}

/** SIGKILLs processes by their label. @returns how many */
function killLabelled(matches: (label: string) => boolean): number {
  const pids = allPids().filter((pid) => {
    const label = environOf(pid, VM_LABEL);
    return pid !== Deno.pid && label !== null && matches(label);
  });
  for (const pid of pids) signalProcess(pid, "SIGKILL");
  return pids.length;
}
