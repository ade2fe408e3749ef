/**
 * The part of the judge that looks at bands: in peace no task waits for long while one of a lower band
 * runs that could make room for it, wherever either of them is.
 */
import { BANDS } from "../../src/model/band.ts";
import type { JobProgress } from "../../src/store/rows.ts";
import type { JobSpec } from "../../src/wire/api.ts";
import type { SimProcess } from "./sim_keeper.ts";

/** As long as this both may last: a worker is found, a task ends, a message is lost, in ms. */
const PATIENCE_MS = 12_000;

/** A job as it is stored. */
export interface BandJob {
  readonly generation: number;
  readonly name: string;
  readonly spec: JobSpec;
  readonly progress: JobProgress | null;
  readonly stopped: boolean;
}

/** When each job was first seen to wait; see the head of this file. */
export class Bands {
  readonly #since = new Map<number, number>();

  /**
   * Looks once.
   *
   * @param of.running what runs on workers that take work
   * @returns what is wrong, in a line
   */
  look(
    nowMs: number,
    of: { readonly jobs: readonly BandJob[]; readonly running: readonly SimProcess[] },
  ): string | null {
    const specs = new Map(of.jobs.map((job) => [job.generation, job]));
    for (const job of of.jobs) {
      const { generation, spec, progress } = job;
      const began = of.running.filter((one) => one.generation === generation)
        .map(({ startedAtMs }) => startedAtMs);
      if (!waits(job)) {
        this.#since.delete(generation);
        continue;
      }
      const since = Math.max(this.#since.get(generation) ?? nowMs, ...began);
      this.#since.set(generation, since);
      if (nowMs - since < PATIENCE_MS) continue;
      const victim = of.running.find((one) => {
        const other = specs.get(one.generation);
        return other !== undefined && nowMs - one.startedAtMs >= PATIENCE_MS && !other.stopped &&
          other.spec.preemptible && other.spec.cpuMilli >= spec.cpuMilli &&
          BANDS.indexOf(other.spec.band) > BANDS.indexOf(spec.band);
      });
      if (victim === undefined) continue;
      return `${job.name} (${spec.band}) waits, ${JSON.stringify(progress?.counts)}, while ` +
        `${victim.uid} of a lower band runs on ${victim.keeper.worker}`;
    }
    return null;
  }
}

/** Whether nothing but room is missing for it. */
function waits({ name, spec, progress, stopped }: BandJob): boolean {
  const { PENDING = 0, ASSIGNED = 0 } = progress?.counts ?? {};
  const open = progress?.state === "PENDING" || progress?.state === "RUNNING";
  const own = !stopped && progress?.held === false && name.split("/").length === 3;
  const plain = spec.gang === null && spec.maxRunning === null && spec.after.length === 0 &&
    spec.retries === 0 && spec.bundle === null && spec.constraints.length === 0;
  return open && own && plain && spec.preempts && PENDING + ASSIGNED > 0;
}
