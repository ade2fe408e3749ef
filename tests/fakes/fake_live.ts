/** What runs now, without workers: tasks of known jobs use a little, and commands echo. */
import { IrisError } from "../../src/base/errors.ts";
import type { LiveApi } from "../../src/controller/live_api.ts";
import { EXEC_FRAME, execEndFrame } from "../../src/wire/exec.ts";
import type { TaskSignal } from "../../src/wire/signals.ts";
import type { HostUsage, Signalled, TaskUsage } from "../../src/wire/usage.ts";
import type { JobView, WorkerView } from "../../src/wire/api.ts";

/** See the head of this file. */
export class FakeLive implements LiveApi {
  readonly signals: { job: string; index: number | null; signal: TaskSignal }[] = [];
  readonly #known: { job(name: string): JobView | null; workers(): WorkerView[] };

  constructor(known: { job(name: string): JobView | null; workers(): WorkerView[] }) {
    this.#known = known;
  }

  async taskUsage(job: string, index: number): Promise<TaskUsage> {
    await this.#check(job, index);
    const running = { atMs: 1, cpuMs: 2, memoryBytes: 3, peakBytes: 4, processes: 1 };
    return { task: `${job}/${index}`, attempt: 0, worker: "w0", running, ended: null };
  }

  hostUsage(worker: string): Promise<HostUsage> {
    if (!this.#known.workers().some(({ name }) => name === worker)) {
      return Promise.reject(new IrisError("not_found", `No such worker: ${worker}`));
    }
    return Promise.resolve({
      ...{ atMs: 1, cpuMilli: null, load: 0.5, memoryBytes: 1, memoryTotalBytes: 2 },
      ...{ diskBytes: 1, diskTotalBytes: 2, keeper: null },
      worker: { pid: 1, cpuMs: 1, memoryBytes: 1 },
    });
  }

  async signal(job: string, index: number | null, signal: TaskSignal): Promise<Signalled> {
    await this.#check(job, index ?? 0);
    this.signals.push({ job, index, signal });
    return { signalled: 1 };
  }

  /** Sends back what it is sent, until there is no more. */
  exec(socket: WebSocket): void {
    socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return;
      const frame = new Uint8Array(data);
      if (frame[0] === EXEC_FRAME.stdin) {
        frame[0] = EXEC_FRAME.stdout;
        socket.send(frame);
      } else if (frame[0] === EXEC_FRAME.stdinEnd) {
        socket.send(execEndFrame({ code: 0 }));
        socket.close();
      }
    };
  }

  #check(job: string, index: number): Promise<void> {
    const replicas = this.#known.job(job)?.replicas ?? 0;
    if (index < replicas) return Promise.resolve();
    return Promise.reject(new IrisError("not_found", `No such task: ${job}/${index}`));
  }
}
