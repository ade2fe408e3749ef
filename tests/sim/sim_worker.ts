/**
 * A worker of the simulator: the real lifecycle loop and the real book of held calls in a program of
 * its own, with a keeper beside it. Started again it is a new program under the old name.
 */
import { sleep } from "../../src/base/clock.ts";
import { IrisError, messageOf } from "../../src/base/errors.ts";
import type { LoopBody, RestartPolicy } from "../../src/lifecycle/loop.ts";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import { type ManagedLoop, managedLoop } from "../../src/lifecycle/managed_loop.ts";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import { processRuntime } from "../../src/runtimes/process/process_runtime.ts";
import { httpStatusOf } from "../../src/wire/error_table.ts";
import { parseReconcileRequest } from "../../src/wire/reconcile_schema.ts";
import type { LifecycleConfig } from "../../src/worker/lifecycle_config.ts";
import { lifecycleLoop } from "../../src/worker/lifecycle_loop.ts";
import { type ToLifecycle, type ToServer, WORKER_CHANNEL } from "../../src/worker/messages.ts";
import { ReconcileCalls } from "../../src/worker/reconcile_calls.ts";
import type { FetchText } from "../../src/worker/registration.ts";
import { SimChannel } from "./channel.ts";
import { type Engine, Program } from "./engine.ts";
import type { Network, SimAnswer, SimRequest } from "./network.ts";
import { CONTROLLER } from "./sim_controller.ts";
import { type BundleWitness, SimShelf } from "./sim_bundles.ts";
import { SimKeeper, type TaskWorld } from "./sim_keeper.ts";

/** As in production: a loop that crashes too often takes its program down. */
export const RESTART: RestartPolicy = {
  limit: 5,
  windowMs: 60_000,
  minBackoffMs: 50,
  maxBackoffMs: 5_000,
};
/** Between two tries to reach a keeper, in ms. */
const CONNECT_GAP_MS = 20;
/** What an orphaned keeper gives its tasks, in ms. */
const ORPHAN_MS = 2_000;

/** What a simulated worker is made of. */
export interface SimWorkerOptions {
  readonly name: string;
  readonly engine: Engine;
  readonly network: Network;
  readonly world: TaskWorld;
  readonly bundles: BundleWitness;
  readonly capacity: LifecycleConfig["capacity"];
  readonly attributes: Readonly<Record<string, string>>;
  /** True when its keeper outlives it, for the next program to adopt. */
  readonly keeps: boolean;
  readonly onControllerLost: LifecycleConfig["onControllerLost"];
  readonly controllerLostMs: number;
  /** Told that the program ended by itself, since a loop of it could not be kept running. */
  readonly onFailure: (error: unknown) => void;
}

/** See the head of this file. */
export class SimWorker {
  readonly name: string;
  /** How far the machine's wall clock is off, in ms. */
  wallShift = 0;
  /** Its machine never comes back. */
  gone = false;
  /** Until when its program was last not there, or stood still, in ms. */
  disturbedUntilMs = -Infinity;
  readonly #options: SimWorkerOptions;
  /** Bundles that its machine has. */
  readonly #disk = new Set<string>();
  #program: Program | null = null;
  #keeper: SimKeeper | null = null;
  #root: Owner | null = null;
  #lifecycle: ManagedLoop<LifecycleConfig> | null = null;
  #shelf: SimShelf | null = null;
  #starts = 0;
  #version = 0;

  constructor(options: SimWorkerOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Where it is; gangs and constraints go by it. */
  get zone(): string {
    return this.#options.attributes.zone!;
  }

  /** Whether it leaves nothing running that its controller has given up, unless it is disturbed. */
  get stopsAlone(): boolean {
    return this.#options.onControllerLost === "stop";
  }

  get up(): boolean {
    return this.#program?.alive ?? false;
  }

  /** Whether its program stands still. */
  get paused(): boolean {
    return this.#program?.paused ?? false;
  }

  get keeper(): SimKeeper | null {
    return this.#keeper;
  }

  /** Unless it runs, or its machine is gone. */
  startAgain(): void {
    if (!this.up && !this.gone) this.start();
  }

  /** A new process, perhaps of another version; what is not adopted of an earlier one is swept. */
  start(): void {
    const { engine, network, name } = this.#options;
    if (engine.chance(0.2)) this.#version++;
    if (!this.#options.keeps || !this.#keeper?.alive) this.#newKeeper("swept");
    const program = this.#newProgram(name);
    this.#program = program;
    this.disturbedUntilMs = engine.nowMs;
    const root = Owner.root(name, {
      clock: program.clock,
      onFailure: (error) => {
        if (program.alive) this.#options.onFailure(error);
      },
    });
    this.#root = root;
    const address = `http://${name}-${++this.#starts}`;
    const token = `token-${address}`;
    const [serverEnd, lifecycleEnd] = SimChannel.pair(engine, program);
    this.#lifecycle = managedLoop<LifecycleConfig>({
      name: "lifecycle",
      body: lifecycleLoop({
        connect: async (_config, signal) => {
          while (!this.#keeper!.alive) {
            if (!await sleep(program.clock, CONNECT_GAP_MS, signal)) throw signal.reason;
          }
          return this.#keeper!.connect();
        },
        runtime: processRuntime,
        random: engine.random,
        fetch: this.#fetch(program),
        shelf: () => {
          this.#shelf?.close();
          return this.#shelf = new SimShelf({
            ...{ worker: name, clock: program.clock, engine, disk: this.#disk },
            witness: this.#options.bundles,
          });
        },
        sweep: () => Promise.resolve(this.#keeper!.killAll()),
      }),
      config: this.#config(token),
      channels: { [WORKER_CHANNEL]: lifecycleEnd },
      startTimeoutMs: 30_000,
      stallMs: 5_000,
      restart: RESTART,
      random: engine.random,
    });
    const server = managedLoop<null>({
      name: "server",
      body: this.#server({ program, address, token, network }),
      config: null,
      channels: { [WORKER_CHANNEL]: serverEnd },
      startTimeoutMs: 30_000,
      stallMs: 5_000,
      restart: RESTART,
      random: engine.random,
    });
    const failed = (error: unknown) => {
      if (program.alive) this.#options.onFailure(error);
    };
    root.own(server, { stage: 1 }).catch(failed);
    root.own(this.#lifecycle, { stage: 2 }).catch(failed);
  }

  /** A keeper in the place of the one before, of which nothing is left. */
  #newKeeper(why: string): void {
    const { name, world } = this.#options;
    const before = this.#keeper;
    before?.die(why);
    before?.killAll();
    const keeper = new SimKeeper({
      ...{ worker: name, world, before, clock: this.#newProgram(`${name}'s keeper`).clock },
      version: `${this.#version}`,
      onLeft: () => {
        keeper.die("it left");
        this.#replaceSoon(keeper);
      },
    });
    this.#keeper = keeper;
  }

  /** As the worker's owner does, when a keeper that outlives workers is gone. */
  #replaceSoon(gone: SimKeeper): void {
    const { engine } = this.#options;
    const program = this.#program;
    engine.at(engine.between(50, 300), () => {
      if (program?.alive && this.#keeper === gone) this.#newKeeper("it is gone");
    });
  }

  /** SIGKILL for the worker's process: its keeper sees that, and ends its tasks or keeps them. */
  kill(): void {
    this.#program?.kill();
    const keeper = this.#keeper;
    if (keeper === null || !keeper.alive) return;
    if (this.#options.keeps) return keeper.orphan();
    // owner: the keeper, which dies with its report.
    void keeper.end({ remainingMs: ORPHAN_MS, cause: "crash" }).then(() => {
      keeper.killAll();
      keeper.die("its owner is gone");
    });
  }

  /** The machine goes, with everything on it. */
  killMachine(): void {
    this.#program?.kill();
    this.#keeper?.die("the machine is gone");
    this.#keeper?.killAll();
  }

  /** SIGKILL for the keeper alone: what it left is ended, and the worker fails or has another. */
  killKeeper(): void {
    const program = this.#program;
    const keeper = this.#keeper;
    keeper?.die("it was killed");
    if (keeper !== null && this.#options.keeps) return this.#replaceSoon(keeper);
    this.#options.engine.at(
      this.#options.engine.between(1, 100),
      () => program?.run(() => this.#options.onFailure(new Error("the keeper is gone"))),
    );
  }

  /** The lifecycle loop throws. */
  crashLoop(): void {
    if (this.up) this.#lifecycle?.crash(new Error("a planted crash"));
  }

  pause(ms: number): void {
    this.disturbedUntilMs = Math.max(this.disturbedUntilMs, this.#options.engine.nowMs + ms);
    this.#program?.pause(ms);
  }

  /** Stops as `SIGTERM` does with `--on-stop=detach`; the next start adopts what runs on. */
  async detach(budgetMs: number): Promise<void> {
    const program = this.#program;
    if (!this.#options.keeps || !program?.alive) return this.kill();
    await this.#root!.stop(Deadline.in(budgetMs, program.clock), "detach");
    if (this.#program !== program) return;
    this.kill();
    // One that stood still meanwhile left later than whoever starts it again had thought.
    this.#options.engine.at(1_000, () => this.startAgain());
  }

  /** Stops as `SIGTERM` does. */
  stop(budgetMs: number): Promise<StopReport> {
    const program = this.#program!;
    return this.#root!.stop(Deadline.in(budgetMs, program.clock), "shutdown");
  }

  #newProgram(name: string): Program {
    return new Program(this.#options.engine, {
      name,
      machine: this.name,
      wallShift: () => this.wallShift,
    });
  }

  #config(serverToken: string): LifecycleConfig {
    const { name, capacity, attributes, onControllerLost, controllerLostMs } = this.#options;
    return {
      worker: name,
      controllerUrl: CONTROLLER.address,
      controllerToken: "workers",
      serverToken,
      keeperSocket: "",
      folder: "",
      capacity,
      attributes,
      hostname: name,
      version: `${this.#version}`,
      pid: this.#starts,
      path: "/bin",
      home: "/",
      onControllerLost,
      controllerLostMs,
    };
  }

  #fetch(program: Program): FetchText {
    const { network } = this.#options;
    return async (url, { body, signal }) => {
      const request = { path: url.pathname, token: "workers", body: String(body) };
      const answer = await network.call(program, CONTROLLER, request, signal!);
      return {
        ok: answer.status < 300,
        status: answer.status,
        text: () => Promise.resolve(answer.body),
      };
    };
  }

  #server(
    of: { program: Program; address: string; token: string; network: Network },
  ): LoopBody<null> {
    const { program, address, token, network } = of;
    return async (context) => {
      const channel = context.channel<ToServer, ToLifecycle>(WORKER_CHANNEL);
      const calls = new ReconcileCalls(channel);
      const listening = () => channel.post({ type: "listening", url: address });
      channel.onMessage((message) =>
        message.type === "hello" ? listening() : calls.settle(message)
      );
      const server = {
        program,
        handle: (request: SimRequest, signal: AbortSignal) =>
          answer(async () => {
            if (request.token !== token) throw new IrisError("unauthorized", "not my token");
            return await calls.call(parseReconcileRequest(JSON.parse(request.body)), signal);
          }),
      };
      network.listen(address, server);
      await context.owner.own({
        name: "listener",
        kind: "resource",
        close: () => calls.close(),
        release: () => network.unlisten(address, server),
      });
      listening();
      context.ready();
      const { promise, resolve } = Promise.withResolvers<void>();
      const tick = () => {
        context.tick();
        timer = context.clock.setTimer(500, tick);
      };
      let timer = context.clock.setTimer(500, tick);
      context.signal.addEventListener("abort", () => resolve(), { once: true });
      if (!context.signal.aborted) await promise;
      timer.cancel();
    };
  }
}

/** An answer as HTTP has it. */
export async function answer(fn: () => Promise<unknown>): Promise<SimAnswer> {
  try {
    return { status: 200, body: JSON.stringify(await fn()) };
  } catch (error) {
    const code = error instanceof IrisError ? error.code : "internal";
    return { status: httpStatusOf(code), body: `${code}: ${messageOf(error)}` };
  }
}
