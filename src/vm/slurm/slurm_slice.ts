/**
 * One slice: its allocation as far as it is known, what was told of its VMs, and how far its end is.
 * Decides what is due and tells; it asks Slurm for nothing. Belongs to a {@linkcode SlurmWatch}.
 */
import { logger } from "../../base/log.ts";
import { LineTail } from "../line_tail.ts";
import type { VmEvent } from "../managed_vm.ts";
import type { ProviderReceiver, SliceRequest } from "../vm_provider.ts";
import { readLeftWords, removeSlice } from "./slice_folder.ts";
import { eventOf, type JobEnd } from "./slurm_end.ts";
import { isWaiting, type JobState, type QueueJob } from "./slurm_queue.ts";

/** Two requests to end that are closer than this are one to a worker, in ms. */
const AGAIN_MS = 500;
/** What a worker that is forced gets to prove its tasks gone, in ms. */
const FORCE_MS = 3_000;
/** What Slurm gets to end an allocation with its own SIGTERM and SIGKILL, in ms. */
const KILL_MS = 45_000;

/** How far the end of an allocation is. */
type EndStep = "wanted" | "asked" | "forced" | "cancelled" | "killed";

/** What is to be done to end an allocation. */
export type EndAction = "ask" | "cancel" | "kill";

/** What a slice is made with. */
export interface SliceOptions extends SliceRequest {
  /** Its allocation's name. */
  readonly name: string;
  readonly folder: string;
  readonly receiver: ProviderReceiver;
}

/** See the head of this file. */
export class SlurmSlice {
  readonly slice: string;
  readonly vms: readonly string[];
  readonly name: string;
  readonly folder: string;
  /** Null until Slurm answered, or it was found by its name. */
  jobId: string | null = null;
  /** Set while it is being asked for. */
  submitting: Promise<string> | null = null;
  /** Until then an allocation may still come of a request that was not answered, on the clock. */
  unsureUntilMs = -Infinity;
  readonly #receiver: ProviderReceiver;
  readonly #tails: { readonly vm: string; readonly tail: LineTail }[];
  readonly #told = new Set<string>();
  #state: JobState | null = null;
  #booted = false;
  #ill = false;
  #phase = "";
  #ending: { forceAtMs: number; step: EndStep; sinceMs: number; reason: string } | null = null;

  constructor({ slice, vms, name, folder, receiver }: SliceOptions) {
    this.slice = slice;
    this.vms = vms;
    this.name = name;
    this.folder = folder;
    this.#receiver = receiver;
    const files = ["batch.log", ...vms.map((_, at) => `node-${at}.log`)];
    this.#tails = files.map((file, at) => ({
      vm: vms[Math.max(0, at - 1)] ?? slice,
      tail: new LineTail(`${folder}/${file}`),
    }));
  }

  /** True once its end was asked for. */
  get isEnding(): boolean {
    return this.#ending !== null;
  }

  /** True while it changes, so that a look should come soon. */
  get isMoving(): boolean {
    return this.#ending !== null || this.jobId === null || this.#state === null ||
      this.#state === "COMPLETING";
  }

  /** What it said before is known already. */
  skipLogs(): void {
    for (const { tail } of this.#tails) tail.skipToEnd();
  }

  /** Its end is asked for; again with less time hurries it. */
  stop({ nowMs, stopMs, reason }: { nowMs: number; stopMs: number; reason: string }): void {
    const forceAtMs = nowMs + stopMs;
    // Whoever asks wants to hear that it is gone, though its worker's end was told before.
    this.#told.clear();
    if (this.#ending === null) {
      this.#ending = { forceAtMs, reason, step: "wanted", sinceMs: nowMs };
    } else this.#ending.forceAtMs = Math.min(this.#ending.forceAtMs, forceAtMs);
  }

  /** What its end takes now; null for nothing yet. */
  due(nowMs: number): EndAction | null {
    if (this.#ending === null || this.jobId === null) return null;
    const { step, sinceMs, forceAtMs } = this.#ending;
    switch (step) {
      case "wanted":
        return this.#state === null || isWaiting(this.#state) ? "cancel" : "ask";
      case "asked":
        return nowMs >= Math.max(forceAtMs, sinceMs + AGAIN_MS) ? "ask" : null;
      case "forced":
        return nowMs >= sinceMs + FORCE_MS ? "cancel" : null;
      case "cancelled":
        return nowMs >= sinceMs + KILL_MS ? "kill" : null;
      case "killed":
        return nowMs >= sinceMs + KILL_MS ? "cancel" : null;
    }
  }

  /** That was done. */
  did(action: EndAction, nowMs: number): void {
    if (this.#ending === null) return;
    const next = { ask: "asked", cancel: "cancelled", kill: "killed" } as const;
    const isSecond = action === "ask" && this.#ending.step === "asked";
    this.#ending.step = isSecond ? "forced" : next[action];
    this.#ending.sinceMs = nowMs;
  }

  /** How its allocation is now. */
  is(job: QueueJob): void {
    const before = this.#state;
    this.#state = job.state;
    this.#say(phaseOf(job));
    if (isWaiting(job.state)) {
      if (this.#booted) this.#unwell("its allocation was taken back and waits again");
      return;
    }
    if (job.state === "SUSPENDED" || job.state === "STOPPED") {
      return this.#unwell(`its allocation is ${job.state.toLowerCase()}`);
    }
    if (job.state !== "RUNNING") return;
    if (!this.#booted) {
      this.#booted = true;
      this.log(`${job.name} is job ${job.id} on ${job.nodes}`);
      this.#tell(() => ({ name: "booted" }));
    }
    if (this.#ill && before !== "RUNNING") {
      this.#ill = false;
      this.#tell(() => ({ name: "healthy" }));
    }
  }

  /** A line for people, of the whole slice. */
  log(line: string): void {
    for (const vm of this.vms) this.#receiver.log(vm, line);
  }

  /** Passes on what its nodes said. */
  passLogs(options: { last?: boolean } = {}): void {
    for (const { vm, tail } of this.#tails) {
      for (const line of tail.read(options)) this.#receiver.log(vm, line);
    }
  }

  /** Tells of workers that ended while others of the slice go on: one of several. */
  tellEnded(): void {
    if (this.vms.length === 1 || this.#ending !== null || !this.#booted) return;
    for (const [number, code] of readLeftWords(this.folder).codes) {
      const vm = this.vms[number];
      if (vm === undefined || this.#told.has(vm)) continue;
      this.#told.add(vm);
      const reason = `its worker ended: exit code ${code}`;
      this.#receiver.event(vm, { name: "failed", reason });
    }
  }

  /** It is proved gone: its folder goes, and who was not told yet is. */
  over(end: JobEnd): void {
    const { warned, codes } = readLeftWords(this.folder);
    this.passLogs({ last: true });
    this.#clear();
    const asked = this.#ending;
    this.#tell((at) => {
      if (asked === null) return eventOf(end, { warned, workerCode: codes.get(at) ?? null });
      const how = asked.step === "killed" ? "its allocation was killed" : "its allocation ended";
      return { name: "gone", reason: `${how}: ${asked.reason}` };
    });
  }

  /** Nothing ever came of it. */
  never(reason: string): void {
    this.#clear();
    this.#tell(() => ({ name: "gone", reason }));
  }

  /** As above, for one that nobody asked to end: who asked for it is told in another way. */
  forget(): void {
    this.#clear();
  }

  #clear(): void {
    if (!removeSlice(this.folder)) {
      logger("vm").warn("the folder {folder} cannot be removed", { folder: this.folder });
    }
  }

  #unwell(reason: string): void {
    if (this.#ill) return;
    this.#ill = true;
    this.#tell(() => ({ name: "unhealthy", reason }));
  }

  #say(phase: string): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    for (const vm of this.vms) this.#receiver.phase(vm, phase);
  }

  #tell(what: (number: number) => VmEvent): void {
    for (const [at, vm] of this.vms.entries()) {
      if (!this.#told.has(vm)) this.#receiver.event(vm, what(at));
    }
  }
}

function phaseOf({ state, reason }: QueueJob): string {
  if (isWaiting(state)) return reason === "None" ? "queued" : `queued (${reason})`;
  return state === "RUNNING" ? "starting" : state.toLowerCase();
}
