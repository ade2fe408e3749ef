/**
 * A controller of the simulator: the real core, heartbeat and scheduling loops and the real bridge
 * of the server over a real database, in a program that dies between any two statements. Started
 * again it begins with what the database holds.
 */
import { SILENT } from "../fakes/silent_channel.ts";
import { IrisError } from "../../src/base/errors.ts";
import { Deadline } from "../../src/lifecycle/deadline.ts";
import {
  CORE_CHANNEL,
  CORE_CHANNELS,
  type CoreConfig,
  type CoreToServer,
  type JobVerb,
  MAIN_CHANNEL,
  type MainToServer,
  type ServerToCore,
  type ServerToMain,
} from "../../src/controller/messages.ts";
import { coreLoop } from "../../src/controller/core_loop.ts";
import { schedulingLoop } from "../../src/controller/scheduling_loop.ts";
import { ManagerBook } from "../../src/controller/manager_book.ts";
import { ServerBridge } from "../../src/controller/server_bridge.ts";
import { type HeartbeatConfig, heartbeatLoop } from "../../src/heartbeat/heartbeat_loop.ts";
import type { FromHeartbeat, ToHeartbeat } from "../../src/heartbeat/messages.ts";
import type { PostJson } from "../../src/heartbeat/reconcile_call.ts";
import type { HeartbeatTiming } from "../../src/heartbeat/timing.ts";
import type { LoopBody } from "../../src/lifecycle/loop.ts";
import { type ManagedLoop, managedLoop } from "../../src/lifecycle/managed_loop.ts";
import { Owner } from "../../src/lifecycle/owner.ts";
import type { StopReport } from "../../src/lifecycle/part.ts";
import type { PlacementPolicy } from "../../src/scheduler/pass.ts";
import { openStore, type OpenStoreOptions, type Store } from "../../src/store/open_store.ts";
import { openReader } from "../../src/store/reader.ts";
import type { StoreChanges } from "../../src/store/rows.ts";
import type { EndpointRequest } from "../../src/wire/endpoints.ts";
import { parseJobSpec } from "../../src/wire/job_spec.ts";
import { parseRegisterRequest } from "../../src/wire/reconcile_schema.ts";
import { SimChannel } from "./channel.ts";
import { type Engine, Program } from "./engine.ts";
import type { Network, SimRequest } from "./network.ts";
import { SIM_BUNDLES } from "./sim_bundles.ts";
import { answer, RESTART } from "./sim_worker.ts";

/** Where the controller is. */
export const CONTROLLER = { address: "http://controller", machine: "controller" } as const;

/** What is wrong with the disk. */
export interface Disk {
  /** It takes nothing until then, in ms. */
  fullUntilMs: number;
  /** What a commit takes, in ms. */
  slowMs: number;
  /** The program dies at one of the next commits: before or after it. */
  dieAt: { commits: number; after: boolean } | null;
}

/** Sees what a controller does. */
export interface ControllerWitness {
  /** A transaction is in the database. */
  committed(changes: StoreChanges): void;
  /** The core gave the heartbeat a worker to talk to. */
  session(worker: string, incarnation: number): void;
  /** A worker's answer to a call that was made then, in ms, reached the heartbeat. */
  answered(worker: string, calledAtMs: number): void;
  /** The heartbeat said that a worker is lost. */
  lost(worker: string, incarnation: number): void;
}

/** What a simulated controller is made of. */
export interface SimControllerOptions {
  readonly engine: Engine;
  readonly network: Network;
  readonly database: string;
  readonly placement: PlacementPolicy;
  readonly timing: HeartbeatTiming;
  readonly witness: ControllerWitness;
  /** Told that the program ended: killed, or because a loop could not be kept running. */
  readonly onDeath: (why: string) => void;
}

const LOOPS = ["core", "heartbeat", "scheduling"] as const;

/** See the head of this file. */
export class SimController {
  readonly name = CONTROLLER.machine;
  /** How far the machine's wall clock is off, in ms. */
  wallShift = 0;
  readonly disk: Disk = { fullUntilMs: 0, slowMs: 0, dieAt: null };
  readonly #options: SimControllerOptions;
  #program: Program | null = null;
  #root: Owner | null = null;
  #stopping = false;
  readonly #loops = new Map<string, Pick<ManagedLoop<unknown>, "crash">>();

  constructor(options: SimControllerOptions) {
    this.#options = options;
  }

  get up(): boolean {
    return this.#program?.alive ?? false;
  }

  /** A new process over the same database. */
  start(): void {
    const { engine } = this.#options;
    const program = new Program(engine, {
      name: "controller",
      machine: CONTROLLER.machine,
      wallShift: () => this.wallShift,
    });
    this.#program = program;
    const failed = (error: unknown) => {
      if (program.alive && !this.#stopping) this.#die(String(error));
    };
    const root = Owner.root("controller", { clock: program.clock, onFailure: failed });
    this.#root = root;
    this.#loops.clear();
    const pairs = {
      scheduling: SimChannel.pair(engine, program),
      heartbeat: SimChannel.pair(engine, program),
      server: SimChannel.pair(engine, program),
      autoscaler: SimChannel.pair(engine, program),
      main: SimChannel.pair(engine, program),
    };
    pairs.autoscaler[1].onMessage(() => {});
    this.#tap(pairs.heartbeat);
    const own = <Config>(
      name: string,
      body: LoopBody<Config>,
      of: { config: Config; channels: Record<string, SimChannel>; stage: number },
    ) => {
      const loop = managedLoop<Config>({
        name,
        body,
        ...of,
        startTimeoutMs: 30_000,
        stallMs: 5_000,
        restart: RESTART,
        random: engine.random,
      });
      this.#loops.set(name, loop);
      root.own(loop, { stage: of.stage }).catch(failed);
    };
    own<CoreConfig>("core", coreLoop({ open: (options) => this.#open(program, options) }), {
      config: this.#coreConfig(),
      channels: {
        [CORE_CHANNELS.scheduling]: pairs.scheduling[0],
        [CORE_CHANNELS.heartbeat]: pairs.heartbeat[0],
        [CORE_CHANNELS.server]: pairs.server[0],
        [CORE_CHANNELS.autoscaler]: pairs.autoscaler[0],
      },
      stage: 0,
    });
    own<HeartbeatConfig>("heartbeat", heartbeatLoop({ connect: () => this.#connect(program) }), {
      config: { timing: this.#options.timing },
      channels: { [CORE_CHANNEL]: pairs.heartbeat[1] },
      stage: 1,
    });
    own<null>("server", this.#server(program), {
      config: null,
      channels: { [CORE_CHANNEL]: pairs.server[1], [MAIN_CHANNEL]: pairs.main[1] },
      stage: 2,
    });
    own<unknown>("scheduling", schedulingLoop(), {
      config: null,
      channels: { [CORE_CHANNEL]: pairs.scheduling[1] },
      stage: 4,
    });
  }

  /** SIGKILL. */
  kill(): void {
    if (this.up) this.#die("killed");
  }

  /** One of its loops throws. */
  crashLoop(): string {
    const name = this.#options.engine.pick(LOOPS);
    if (this.up) this.#loops.get(name)?.crash(new Error("a planted crash"));
    return name;
  }

  pause(ms: number): void {
    this.#program?.pause(ms);
  }

  /** Stops as `SIGTERM` does. */
  stop(budgetMs: number): Promise<StopReport> {
    this.#stopping = true;
    return this.#root!.stop(Deadline.in(budgetMs, this.#program!.clock), "shutdown");
  }

  #die(why: string): void {
    this.#program?.kill();
    this.#options.onDeath(why);
  }

  #coreConfig(): CoreConfig {
    const { database, placement } = this.#options;
    return {
      ...{ database, clusterId: "sim", placement, retentionMs: null, maxStoreBytes: null },
      ...{ stopTimeoutMs: null, graceMs: this.#options.timing.graceMs },
    };
  }

  /** Sees what core and heartbeat say to each other about workers. */
  #tap([core, heartbeat]: [SimChannel, SimChannel]): void {
    const { witness } = this.#options;
    heartbeat.tap = (given) => {
      const message = given as ToHeartbeat;
      if (message.type === "worker") {
        witness.session(message.link.worker, message.link.incarnation);
      }
    };
    core.tap = (given) => {
      const message = given as FromHeartbeat;
      if (message.type === "lost") witness.lost(message.worker, message.incarnation);
    };
  }

  #open(program: Program, options: OpenStoreOptions): Store {
    const store = openStore(options);
    const { writer } = store;
    const write = writer.write.bind(writer);
    const close = writer.close.bind(writer);
    let closed = false;
    writer.close = () => {
      if (!closed) close();
      closed = true;
    };
    program.onDeath(() => writer.close());
    writer.write = (changes) => {
      const { disk } = this;
      if (!program.alive) throw new Error("the program is dead");
      if (this.#options.engine.nowMs < disk.fullUntilMs) {
        throw new IrisError("storage_full", "The disk is full");
      }
      const dies = disk.dieAt !== null && --disk.dieAt.commits <= 0 ? disk.dieAt : null;
      if (dies !== null) disk.dieAt = null;
      if (dies?.after === false) {
        // What the core said until now is on its way, and the others live for a moment longer.
        const { engine } = this.#options;
        engine.at(
          engine.between(0, 20),
          () => program.alive && this.#die("killed before a commit"),
        );
        throw new Error("the program is about to die");
      }
      write(changes);
      this.#options.witness.committed(changes);
      if (dies?.after === true) this.#die("killed after a commit");
      else if (disk.slowMs > 0) program.pause(disk.slowMs);
    };
    return store;
  }

  #connect(program: Program): Promise<PostJson> {
    const { network, witness } = this.#options;
    const post: PostJson = async ({ url, token, path }, body, signal) => {
      const machine = /^http:\/\/(.*)-\d+$/.exec(url)![1]!;
      const request = { path, token, body: JSON.stringify(body) };
      const to = { address: url, machine };
      const calledAtMs = this.#options.engine.nowMs;
      const { status, body: text } = await network.call(program, to, request, signal);
      if (status !== 200) throw new IrisError("unavailable", `it answered ${status}: ${text}`);
      witness.answered(machine, calledAtMs);
      return JSON.parse(text);
    };
    return Promise.resolve(post);
  }

  #server(program: Program): LoopBody<null> {
    const { network, database } = this.#options;
    return async (context) => {
      const { owner, clock } = context;
      const reader = openReader(database);
      let closed = false;
      const close = () => {
        if (!closed) reader.close();
        closed = true;
      };
      program.onDeath(close);
      await owner.own({ name: "reader", kind: "resource", release: close });
      const bridge = new ServerBridge({
        desk: SILENT,
        version: "0.1.0",
        core: context.channel<CoreToServer, ServerToCore>(CORE_CHANNEL),
        main: context.channel<MainToServer, ServerToMain>(MAIN_CHANNEL),
        reader,
        database,
        post: () => Promise.reject(new Error("there are no logs here")),
        bundles: SIM_BUNDLES,
        stream: () => Promise.reject(new Error("no streams here")),
        connect: () => {
          throw new Error("there are no commands beside tasks here");
        },
        clock,
        managers: new ManagerBook(null, clock),
      });
      await owner.own({ name: "bridge", kind: "resource", release: () => bridge.close() });
      const server = {
        program,
        handle: (request: SimRequest) => answer(() => route(bridge, request)),
      };
      network.listen(CONTROLLER.address, server);
      await owner.own({
        name: "listener",
        kind: "resource",
        release: () => network.unlisten(CONTROLLER.address, server),
      });
      context.ready();
      const { promise, resolve } = Promise.withResolvers<void>();
      context.signal.addEventListener("abort", () => resolve(), { once: true });
      if (!context.signal.aborted) await promise;
    };
  }
}

/** The routes that simulated workers and users call, as the HTTP server has them. */
async function route(bridge: ServerBridge, request: SimRequest): Promise<unknown> {
  const { path, user = "", key = null } = request;
  const body: unknown = JSON.parse(request.body);
  if (path === "/api/v1/workers") return await bridge.register(parseRegisterRequest(body));
  if (path === "/api/v1/jobs") {
    const mark = key === null ? null : { key, digest: request.body };
    return await bridge.submit(parseJobSpec(body, { user }), mark);
  }
  if (path === "/api/v1/endpoints") {
    return await bridge.registerEndpoint(body as EndpointRequest);
  }
  const [, name, verb] = /^\/api\/v1\/jobs\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  const job = bridge.job(decodeURIComponent(name ?? ""));
  if (job === null) throw new IrisError("not_found", `No such job: ${name}`);
  return await bridge.change(`${verb}_job` as JobVerb, job.name);
}
