/**
 * What this host uses: looked at when somebody asks, but for the processor, whose share needs two
 * looks some seconds apart. Runs in the worker's server isolate.
 */
import type { Clock } from "../base/clock.ts";
import { diskNow } from "../host/disk.ts";
import { hostNow, usageOf } from "../host/usage.ts";
import type { HostUsage, ProcessUsage } from "../wire/usage.ts";

/** How often the processor is looked at, in ms. */
const LOOK_MS = 2_000;

interface Look {
  readonly busyTicks: number;
  readonly ticks: number;
}

/** See the head of this file. */
export class HostWatch {
  readonly #clock: Clock;
  readonly #folder: string;
  #nextMs = 0;
  #before: Look | null = null;
  #last: Look | null = null;

  /** @param options.folder what disk is meant */
  constructor(options: { clock: Clock; folder: string }) {
    this.#clock = options.clock;
    this.#folder = options.folder;
  }

  /** Looks when it is time to; cheap, to be called with every tick. */
  tick(): void {
    const now = this.#clock.now();
    if (now < this.#nextMs) return;
    this.#nextMs = now + LOOK_MS;
    const { busyTicks, ticks } = hostNow();
    [this.#before, this.#last] = [this.#last, { busyTicks, ticks }];
  }

  /** The host now. @param keeper what the keeper says of itself */
  now(keeper: ProcessUsage | null): HostUsage {
    const { memoryBytes, memoryTotalBytes, load } = hostNow();
    const disk = diskNow(this.#folder);
    const own = usageOf([Deno.pid]);
    return {
      atMs: this.#clock.wall(),
      cpuMilli: this.#cpuMilli(),
      memoryBytes,
      memoryTotalBytes,
      diskBytes: disk.usedBytes,
      diskTotalBytes: disk.totalBytes,
      load,
      worker: { pid: Deno.pid, cpuMs: own.cpuMs, memoryBytes: own.memoryBytes },
      keeper,
    };
  }

  #cpuMilli(): number | null {
    const before = this.#before;
    const last = this.#last;
    if (before === null || last === null || last.ticks === before.ticks) return null;
    const share = (last.busyTicks - before.busyTicks) / (last.ticks - before.ticks);
    return Math.round(Math.max(0, share) * navigator.hardwareConcurrency * 1000);
  }
}
