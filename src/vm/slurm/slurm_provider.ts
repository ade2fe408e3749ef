/**
 * The provider of allocations in a Slurm cluster. A slice is one job: it waits in Slurm's queue, gets
 * its nodes, and has a worker on each of them. Needs Slurm's commands on this host and a folder that
 * nodes see. Owns the watch of its allocations; runs in the VM manager's isolate.
 *
 * An allocation is found by its name and comment, which say whose it is; its folder below the shared
 * one says the rest. The end of one is what Slurm says: a job that is over and left its nodes.
 */
import { eitherSignal } from "../../base/either_signal.ts";
import { IrisError, messageOf } from "../../base/errors.ts";
import { logger } from "../../base/log.ts";
import { type Random, systemRandom } from "../../base/random.ts";
import type { SlurmProviderConfig } from "../provider_config.ts";
import type {
  ExistingSlice,
  MakeProvider,
  ProviderContext,
  SliceDelete,
  SliceRequest,
  VmProvider,
} from "../vm_provider.ts";
import type { WorkerLaunch } from "../worker_launch.ts";
import { type ProgramSource, shareProgram } from "./node_program.ts";
import {
  isNamedBelow,
  readNote,
  removeSlice,
  slicesIn,
  writeNote,
  writeSlice,
} from "./slice_folder.ts";
import { SlurmClient } from "./slurm_client.ts";
import { checkName, commentOf, jobName, jobPrefix, labelOf } from "./slurm_names.ts";
import { isOver, type QueueJob } from "./slurm_queue.ts";
import { sbatchArgs, wrongOption } from "./slurm_scripts.ts";
import { SlurmSlice } from "./slurm_slice.ts";
import { type SlurmTiming, SlurmWatch } from "./slurm_watch.ts";

/** What the provider is handed beside its configuration. */
export interface SlurmPorts {
  readonly program: ProgramSource;
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** The machine's own when left out. */
  readonly random?: Random;
  readonly timing?: Partial<SlurmTiming>;
}

const TIMING: SlurmTiming = {
  lookMs: 5_000,
  soonMs: 1_000,
  backoff: { minMs: 1_000, maxMs: 30_000 },
  lostMs: 60_000,
  submitMs: 40_000,
};

/** Makes providers of this kind. */
export function slurmProvider(ports: SlurmPorts): MakeProvider<SlurmProviderConfig> {
  return async (config, context) => {
    const provider = new SlurmProvider(ports, config, context);
    await context.owner.own(provider.watch.part());
    return provider;
  };
}

class SlurmProvider implements VmProvider {
  readonly name = "slurm";
  readonly watch: SlurmWatch;
  readonly #ports: SlurmPorts;
  readonly #config: SlurmProviderConfig;
  readonly #context: ProviderContext;
  readonly #client: SlurmClient;
  readonly #timing: SlurmTiming;
  /** Of this cluster, in the shared folder. */
  readonly #folder: string;

  constructor(ports: SlurmPorts, config: SlurmProviderConfig, context: ProviderContext) {
    const { cluster, group, clock } = context;
    checkName(cluster, "cluster");
    checkName(group.name, "name");
    const wrong = wrongOption(config.options);
    if (wrong !== null) {
      throw new IrisError("invalid", `Invalid options of the provider slurm: ${wrong}`, {
        field: "options",
      });
    }
    checkShared(config.sharedFolder);
    this.#ports = ports;
    this.#config = config;
    this.#context = context;
    this.#timing = { ...TIMING, ...ports.timing };
    this.#folder = `${config.sharedFolder}/iris-${cluster}`;
    const { commandFolder } = config;
    this.#client = new SlurmClient({
      ...{ commandFolder, env: ports.env, clock, uid: Deno.uid() ?? 0 },
      submitMs: this.#timing.submitMs,
    });
    const random = ports.random ?? systemRandom;
    const options = { clock, random, client: this.#client, timing: this.#timing };
    this.watch = new SlurmWatch({ ...options, group: group.name });
  }

  async existing(signal: AbortSignal): Promise<readonly ExistingSlice[]> {
    const there = (await this.#queue(null, signal)).filter(({ state }) => !isOver(state));
    const { slices } = this.watch;
    for (const job of there) {
      const known = this.#sliceOf(job);
      if (known === null || slices.has(known.slice)) continue;
      const slice = this.#add(known);
      slice.jobId = job.id;
      slice.skipLogs();
    }
    for (const name of slicesIn(this.#groupFolder)) {
      if (!slices.has(name)) await this.#leftOver(name, signal);
    }
    this.watch.wake();
    return [...slices.values()].map(({ slice, vms, jobId }) => ({
      ...{ slice, vms, group: this.#context.group.name, externalId: jobId },
    }));
  }

  /** A folder whose allocation the queue does not show: it goes when Slurm knows of none. */
  async #leftOver(name: string, signal: AbortSignal): Promise<void> {
    const { cluster, group } = this.#context;
    const folder = `${this.#groupFolder}/${name}`;
    const note = readNote(folder);
    if (note !== null && note.jobId !== null) {
      const job = { id: note.jobId, name: jobName({ cluster, group: group.name, slice: name }) };
      const end = await this.#client.show(job, signal);
      if (end === null) {
        throw new IrisError("unavailable", `Slurm cannot be asked what became of ${job.name}`);
      }
      if (end.state !== null && !isOver(end.state)) {
        this.#add(note).jobId = note.jobId;
        return;
      }
    }
    // An allocation that still comes of it finds that out, and ends.
    if (!this.watch.slices.has(name)) removeSlice(folder);
  }

  async create(request: SliceRequest, signal: AbortSignal): Promise<string> {
    for (const name of [request.slice, ...request.vms]) checkName(name, "name");
    const known = this.watch.slices.get(request.slice);
    if (known?.isEnding === true) {
      throw new IrisError("unavailable", `The slice ${request.slice} is still on its way out`);
    }
    if (known?.submitting) return await known.submitting;
    if (known !== undefined && known.jobId !== null) return known.jobId;
    const slice = known ?? this.#add(request);
    const either = eitherSignal(signal, this.watch.signal);
    const options = { signal: either.signal, isNew: known === undefined };
    slice.submitting = this.watch.doing(this.#submit(slice, options));
    try {
      return await slice.submitting;
    } finally {
      either.done();
      slice.submitting = null;
      this.watch.wake();
    }
  }

  delete({ slice: name, vms, stopMs, reason }: SliceDelete): void {
    // One that is not known here is looked for by its name: an id may be somebody else's by now.
    const slice = this.watch.slices.get(name) ?? this.#add({ slice: name, vms });
    slice.stop({ nowMs: this.#context.clock.now(), stopMs, reason });
    this.watch.wake();
  }

  reload(vm: string): Promise<void> {
    const message = `VM ${vm}: a worker in an allocation of Slurm cannot be started anew in place`;
    return Promise.reject(new IrisError("invalid", message));
  }

  get #groupFolder(): string {
    return `${this.#folder}/${this.#context.group.name}`;
  }

  #add({ slice: name, vms }: SliceRequest): SlurmSlice {
    const { cluster, group, receiver } = this.#context;
    const slice = new SlurmSlice({
      ...{ slice: name, vms, receiver, name: jobName({ cluster, group: group.name, slice: name }) },
      folder: `${this.#groupFolder}/${name}`,
    });
    this.watch.slices.set(name, slice);
    return slice;
  }

  /** Which slice of this group a job is; null when it is none. */
  #sliceOf(job: QueueJob): SliceRequest | null {
    const { cluster, group } = this.#context;
    const label = labelOf(job.comment);
    if (label !== null && (label.cluster !== cluster || label.group !== group.name)) return null;
    const prefix = jobPrefix(cluster, group.name);
    if (label === null && !job.name.startsWith(prefix)) return null;
    const slice = label?.slice ?? job.name.slice(prefix.length);
    const note = readNote(`${this.#groupFolder}/${slice}`);
    // Without a comment of ours only its folder proves that it is one.
    if (label === null && note === null) return null;
    const vms = label?.vms ?? note?.vms ?? guessedVms(slice, group.sliceVms);
    return { slice, vms };
  }

  /** @throws {IrisError} when it was refused; whatever else when nobody knows */
  async #submit(
    slice: SlurmSlice,
    { signal, isNew }: { signal: AbortSignal; isNew: boolean },
  ): Promise<string> {
    let args: readonly string[];
    try {
      const found = await this.#find(slice, signal);
      if (found !== null) return found;
      args = await this.#prepare(slice, signal);
    } catch (error) {
      if (isNew) this.#refused(slice);
      // Nothing is proved of an earlier request whose answer was lost.
      throw isNew ? error : new Error(messageOf(error), { cause: error });
    }
    const answer = await this.#client.submit(args, this.watch.signal);
    if (typeof answer === "string") return this.#is(slice, answer);
    if (answer.kind === "refused") {
      this.#refused(slice);
      throw answer.error;
    }
    slice.unsureUntilMs = this.#context.clock.now() + this.#timing.lostMs;
    const found = await this.#find(slice, signal).catch(() => null);
    if (found !== null) return found;
    throw new Error(`Nobody knows whether Slurm took ${slice.name}: ${answer.message}`);
  }

  /** Writes what an allocation needs. @returns what `sbatch` is told */
  async #prepare(slice: SlurmSlice, signal: AbortSignal): Promise<readonly string[]> {
    const { cluster, group, receiver } = this.#context;
    const { folder, name, vms } = slice;
    const launch = await this.#context.launch(signal);
    if (launch.isLoopback) warnLoopback(launch, (line) => receiver.log(vms[0] ?? name, line));
    const program = await shareProgram(this.#ports.program, {
      folder: `${this.#folder}/.programs`,
      nowMs: this.#context.clock.wall(),
      isUsed: (path) => isNamedBelow(this.#folder, path),
    });
    if (slice.isEnding || signal.aborted) {
      throw new IrisError("unavailable", `The slice ${slice.slice} is not wanted any more`);
    }
    try {
      writeSlice({ slice: slice.slice, vms, jobId: null }, {
        ...{ cluster, group, slice: slice.slice, folder, program, launch },
        commandFolder: this.#config.commandFolder,
      });
    } catch (error) {
      const message = `${folder} cannot be written: ${messageOf(error)}`;
      throw new IrisError("unavailable", message, { cause: error, field: "sharedFolder" });
    }
    const comment = commentOf({ cluster, group: group.name, slice: slice.slice, vms });
    return sbatchArgs(this.#config, { group, folder, name, comment });
  }

  /** Nothing came of it, and nothing is to be deleted. */
  #refused(slice: SlurmSlice): void {
    this.watch.slices.delete(slice.slice);
    if (slice.isEnding) slice.never("it was not asked for any more");
    else slice.forget();
  }

  /** Looks for an allocation by its name. @returns its id; null when there is none */
  async #find(slice: SlurmSlice, signal: AbortSignal): Promise<string | null> {
    const jobs = await this.#queue([slice.name], signal);
    const found = jobs.find(({ state, name }) => name === slice.name && !isOver(state));
    return found === undefined ? null : this.#is(slice, found.id);
  }

  #is(slice: SlurmSlice, id: string): string {
    slice.jobId = id;
    try {
      writeNote(slice.folder, { slice: slice.slice, vms: slice.vms, jobId: id });
    } catch (error) {
      // It is found by its name.
      logger("vm").warn("{name}: {error}", { name: slice.name, error: messageOf(error) });
    }
    return id;
  }

  async #queue(names: readonly string[] | null, signal: AbortSignal): Promise<QueueJob[]> {
    const either = eitherSignal(signal, this.watch.signal);
    try {
      return await this.watch.doing(this.#client.queue(names, either.signal));
    } finally {
      either.done();
    }
  }
}

/** What the VMs of a slice are called when nobody wrote it down. */
function guessedVms(slice: string, count: number): string[] {
  return count === 1 ? [slice] : Array.from({ length: count }, (_, at) => `${slice}-${at}`);
}

function warnLoopback({ controllerUrls }: WorkerLaunch, log: (line: string) => void): void {
  log(
    `The controller listens on ${controllerUrls.join(", ")} alone: only nodes on this host can ` +
      "reach it",
  );
}

/** @throws {IrisError} `invalid` when it is no folder that can be written */
function checkShared(path: string): void {
  const wrong = (what: string) =>
    new IrisError("invalid", `Invalid sharedFolder ${path}: ${what}`, { field: "sharedFolder" });
  // It stands in names that Slurm expands: a percent sign would become something else.
  if (!/^\/[^%\\\n]*$/.test(path)) {
    throw wrong("it must be an absolute path without a percent sign or a backslash");
  }
  try {
    if (!Deno.statSync(path).isDirectory) throw wrong("it is no folder");
    Deno.removeSync(Deno.makeTempDirSync({ dir: path, prefix: ".iris-probe-" }));
  } catch (error) {
    throw error instanceof IrisError ? error : wrong(messageOf(error));
  }
}
