/** A real controller and one real worker that is stopped, killed and started again at will. */
import { assert } from "@std/assert";
import { IrisClient } from "../../src/client/iris_client.ts";
import type { TaskView } from "../../src/wire/api.ts";
import { isAlive } from "../../src/host/proc.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "./iris_process.ts";

const LIMIT_MS = 30_000;

/** See the head of this file. */
export class WorkerWorld implements AsyncDisposable {
  readonly world: World = makeWorld();
  readonly workerDir = `${this.world.dir}/worker`;
  readonly #processes: IrisProcess[] = [];
  #url = "";
  #client: IrisClient | null = null;

  get client(): IrisClient {
    return this.#client!;
  }

  /** The folder of the worker that runs here. */
  get folder(): string {
    return `${this.workerDir}/workers/w`;
  }

  /** Starts the controller. */
  async begin(): Promise<this> {
    const { stateDir } = this.world;
    const process = startIris(this.world, [
      ...["--mode=controller", "--port=0", `--state-dir=${stateDir}`],
    ]);
    this.#processes.push(process);
    [this.#url] = await process.printed(/http:\/\/127\.0\.0\.1:\d+/, LIMIT_MS);
    const token = Deno.readTextFileSync(`${stateDir}/token`).trim();
    this.#client = new IrisClient({ url: this.#url, token, user: "u" });
    return this;
  }

  /** Starts the worker without waiting for it. */
  startWorker(extra: readonly string[] = [], options: { main?: string } = {}): IrisProcess {
    const process = startIris(this.world, [
      ...["--mode=worker", `--controller=${this.#url}`, "--cpu=8", "--stop-timeout=5s"],
      ...[`--token-file=${this.world.stateDir}/worker-token`, `--state-dir=${this.workerDir}`],
      ...extra,
    ], options);
    this.#processes.push(process);
    return process;
  }

  /** Starts the worker and waits until the controller has it. */
  async worker(extra: readonly string[] = [], options: { main?: string } = {}) {
    const process = this.startWorker(["--name=w", ...extra], options);
    await process.printed(/worker w http/, LIMIT_MS);
    const isThere = async () => {
      const [worker] = await this.client.workers();
      return worker?.pid === process.pid && worker.state === "alive";
    };
    await this.until(isThere, "its registration");
    return process;
  }

  /** Sends a signal and waits for the end. @returns the exit code */
  async end(process: IrisProcess, signal: Deno.Signal): Promise<number> {
    Deno.kill(process.pid, signal);
    return (await process.ended).code;
  }

  /** The pid of the keeper that has the worker's folder. */
  keeperPid(): number {
    return Number(JSON.parse(Deno.readTextFileSync(`${this.folder}/keeper.lock`)).pid);
  }

  /** How many keepers live in this world. */
  keepers(): string[] {
    return this.world.survivors().filter((line) => / keeper \{/.test(line));
  }

  /** Processes that a task started with the world's tag in their command line. */
  tagged(): string[] {
    return this.world.survivors().filter((line) => line.includes(`.${this.world.tag}`));
  }

  /** Waits until something holds. */
  async until(holds: () => Promise<boolean> | boolean, what: string, ms = LIMIT_MS): Promise<void> {
    const giveUp = performance.now() + ms;
    while (!await holds()) {
      assert(performance.now() < giveUp, `${what} did not come within ${ms} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until a job is done. @returns its tasks */
  async done(name: string): Promise<TaskView[]> {
    await this.until(async () => (await this.client.job(name)).done, `the end of ${name}`, 60_000);
    return await this.client.tasks(name);
  }

  /** Waits until so many tasks of a job run. */
  async running(name: string, count: number): Promise<void> {
    const what = `${count} running tasks of ${name}`;
    await this.until(
      async () => ((await this.client.job(name)).counts.RUNNING ?? 0) === count,
      what,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes.toReversed()) {
      if (isAlive(process.pid)) Deno.kill(process.pid, "SIGKILL");
      await process.ended;
    }
    this.world[Symbol.dispose]();
  }
}
