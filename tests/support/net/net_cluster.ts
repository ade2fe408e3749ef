/**
 * A cluster whose controller and workers are the real program, each on a host of its own: network
 * namespaces with a switch between them that delays, loses and cuts (`hosts.ts`). The first hosts are
 * the controller's, then comes one for each worker.
 */
import { assert } from "@std/assert";
import { fromFileUrl } from "../../../src/base/file_url.ts";
import type { EventView, JobView, TaskView, WorkerView } from "../../../src/wire/api.ts";
import { isAlive } from "../../../src/host/proc.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "../iris_process.ts";
import { type Host, makeNetwork, type Network } from "./hosts.ts";

const TASK_SOURCE = fromFileUrl(new URL("./ledger_task.c", import.meta.url));
const UP_MS = 30_000;
const PORT = 10_000;

/** What a cluster is made of. */
export interface NetClusterOptions {
  readonly workers: number;
  /** Hosts on which the controller may run; 1 when left out. */
  readonly controllerHosts?: number;
  readonly controllerFlags?: readonly string[];
  readonly workerFlags?: readonly string[];
}

/** One line of the ledger. */
export interface Mark {
  readonly what: "start" | "end" | "double";
  /** The short name of its job. */
  readonly job: string;
  readonly task: number;
  readonly attempt: number;
  readonly worker: string;
  readonly pid: number;
  readonly atMs: number;
}

/** See the head of this file. */
export class NetCluster implements AsyncDisposable {
  readonly world: World = makeWorld();
  readonly #network: Network;
  readonly #options: NetClusterOptions;
  readonly #processes: IrisProcess[] = [];
  /** Where the controller runs now. */
  controllerHost: Host;
  controller!: IrisProcess;
  readonly workers: IrisProcess[] = [];

  private constructor(network: Network, options: NetClusterOptions) {
    this.#network = network;
    this.#options = options;
    this.controllerHost = network.hosts[0]!;
  }

  /** Makes hosts, and starts everything on them. */
  static async start(options: NetClusterOptions): Promise<NetCluster> {
    const network = await makeNetwork((options.controllerHosts ?? 1) + options.workers);
    const cluster = new NetCluster(network, options);
    try {
      await compile(`${cluster.world.dir}/ledger_task`);
      await cluster.startController();
      await Promise.all(Array.from({ length: options.workers }, (_, n) => cluster.startWorker(n)));
      const all = options.workers;
      await cluster.until(
        "all workers are there",
        async () =>
          (await cluster.workerViews()).filter(({ state }) => state === "alive").length === all,
      );
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get network(): Network {
    return this.#network;
  }

  /** The host of a worker. */
  workerHost(n: number): Host {
    return this.#network.hosts[(this.#options.controllerHosts ?? 1) + n]!;
  }

  /** Controller and worker, as `way` and `between` take them. */
  pair(n: number): readonly [Host, Host] {
    return [this.controllerHost, this.workerHost(n)];
  }

  /** Starts the controller, on another of its hosts when that is said. */
  async startController(host: Host = this.controllerHost): Promise<void> {
    this.controllerHost = host;
    this.controller = this.#start(host, [
      ...["--mode=controller", "--host=0.0.0.0", "--insecure", `--port=${PORT}`],
      `--advertise=${host.address}`,
      `--state-dir=${this.world.stateDir}`,
      ...this.#options.controllerFlags ?? [],
    ]);
    await this.controller.printed(/^http:\S+$/m, UP_MS);
  }

  /** Starts a worker, for the first time or again. */
  async startWorker(n: number): Promise<void> {
    const hosts = this.#network.hosts.slice(0, this.#options.controllerHosts ?? 1);
    const urls = hosts.map(({ address }) => `http://${address}:${PORT}`).join(",");
    const worker = this.#start(this.workerHost(n), [
      ...["--mode=worker", "--insecure", `--name=w${n}`, `--controller=${urls}`],
      `--token-file=${this.world.stateDir}/worker-token`,
      `--state-dir=${this.world.dir}/w${n}`,
      ...["--cpu=2", "--memory=4GB", "--cgroups=off"],
      ...this.#options.workerFlags ?? [],
    ]);
    this.workers[n] = worker;
    await worker.printed(/^worker w\d+ http:/m, UP_MS);
  }

  #start(host: Host, args: string[]): IrisProcess {
    const process = startIris(this.world, args, { on: host });
    this.#processes.push(process);
    return process;
  }

  /** A command, run where the controller is. */
  async iris(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const [flags, rest] = splitAt(args);
    const process = startIris(this.world, [
      ...flags,
      `--controller=http://${this.controllerHost.address}:${PORT}`,
      `--token-file=${this.world.stateDir}/token`,
      ...rest,
    ], { on: this.controllerHost });
    const { code } = await process.ended;
    return { code, ...process.output() };
  }

  /** What a command prints with `--json`. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.iris(...args, "--json");
    assert(code === 0, `iris ${args.join(" ")}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  workerViews(): Promise<WorkerView[]> {
    return this.json("worker", "list");
  }

  job(name: string): Promise<JobView & { tasks: TaskView[] }> {
    return this.json("job", "show", name);
  }

  /** Every event of a kind so far. */
  async events(kind: EventView["kind"]): Promise<EventView[]> {
    const { stdout } = await this.iris("events", "--after=oldest", "--limit=1000", "--json");
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    return lines.flatMap((line) => {
      const value = JSON.parse(line) as EventView | { events: EventView[] };
      return "events" in value ? value.events : [value];
    }).filter((event) => event.kind === kind);
  }

  /** The command of tasks that leave their marks, for behind `--`. */
  task(shortMs: number, more: { longMs?: number; every?: number } = {}): string[] {
    const { longMs = shortMs, every = 1 } = more;
    const times = [shortMs, longMs, every].map(String);
    return [`${this.world.dir}/ledger_task`, this.world.dir, ...times];
  }

  /** What tasks left so far. */
  marks(): Mark[] {
    let text: string;
    try {
      text = Deno.readTextFileSync(`${this.world.dir}/ledger`);
    } catch {
      return [];
    }
    return text.split("\n").slice(0, -1).map((line) => {
      const [what, job = "", task, attempt, worker = "", pid, atMs] = line.split(" ");
      return {
        what: what as Mark["what"],
        ...{ job, task: Number(task), attempt: Number(attempt), worker },
        ...{ pid: Number(pid), atMs: Number(atMs) },
      };
    });
  }

  /** Processes of tasks on a host. */
  tasksOn(host: Host): number[] {
    return host.pids().filter((pid) => {
      try {
        return Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("ledger_task");
      } catch {
        return false;
      }
    });
  }

  /** Waits until something holds. */
  async until(
    what: string,
    holds: () => boolean | Promise<boolean>,
    ms = 30_000,
  ): Promise<void> {
    const giveUp = performance.now() + ms;
    while (!await holds()) {
      assert(performance.now() < giveUp, `${what}: not within ${ms} ms\n${this.#said()}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  /** Ends a process without a word. */
  async kill(process: IrisProcess): Promise<void> {
    Deno.kill(process.pid, "SIGKILL");
    // Its keeper may live on and hold its output open: only the process itself is waited for.
    await this.until("it is dead", () => !isAlive(process.pid));
  }

  /** Stops all that was started, and answers with every process that is left on any host. */
  async stop(): Promise<string[]> {
    for (const process of [...this.workers, this.controller]) {
      try {
        Deno.kill(process.pid, "SIGTERM");
      } catch {
        // It has ended.
      }
      await process.ended;
    }
    const left = () => [
      ...this.world.survivors(),
      ...this.#network.hosts.flatMap((host) => host.pids().map((pid) => `${pid} on ${host.index}`)),
    ];
    const giveUp = performance.now() + 5_000;
    while (left().length > 0 && performance.now() < giveUp) {
      await new Promise((done) => setTimeout(done, 20));
    }
    return left();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of this.#processes) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await this.#network[Symbol.asyncDispose]();
    await Promise.all(this.#processes.map(({ ended }) => ended));
    this.world[Symbol.dispose]();
  }

  #said(): string {
    return this.#processes.map((process) => process.output().stderr).join("\n---\n");
  }
}

function splitAt(args: readonly string[]): [flags: string[], rest: string[]] {
  const at = args.indexOf("--");
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at)];
}

async function compile(target: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("cc", {
    args: ["-O1", "-o", target, TASK_SOURCE],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}
