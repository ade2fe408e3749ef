/**
 * The worker's server loop: listens for the controller, passes reconcile calls on to the lifecycle
 * isolate, and reads logs from the slot files itself. Runs in the worker's server isolate, which
 * owns the listening socket.
 */
import { makeFolder } from "../host/make_folder.ts";
import { eitherSignal } from "../base/either_signal.ts";
import { IrisError } from "../base/errors.ts";
import { type Figures, ownFigures } from "../base/metrics.ts";
import { FileCalls } from "../host/file_calls.ts";
import { HttpServer, type ListenConfig } from "../host/http_server.ts";
import { sideSocketFor } from "../host/socket_path.ts";
import { FIGURES_CHANNEL, ProcessFigures } from "../lifecycle/figures_channel.ts";
import type { LoopBody, LoopContext } from "../lifecycle/loop.ts";
import type { Part, TreeNode } from "../lifecycle/part.ts";
import { askForgotten } from "./ask_forgotten.ts";
import type { FetchText } from "./registration.ts";
import { LogJanitor } from "./log_janitor.ts";
import { LogJournal } from "./log_journal.ts";
import { EndedUsages } from "./ended_usage.ts";
import { ExecBridges } from "./exec_bridge.ts";
import { HostWatch } from "./host_watch.ts";
import type { SideAnswers, SideQuestion } from "./keeper/side_protocol.ts";
import { askKeeper } from "./keeper/side_client.ts";
import { LogReader } from "./log_reader.ts";
import { LogStore } from "./log_store.ts";
import {
  type ServerReady,
  type ToLifecycle,
  type ToServer,
  TREE_CHANNEL,
  type TreeAnswer,
  type TreeQuestion,
  WORKER_CHANNEL,
} from "./messages.ts";
import { attemptUid } from "../wire/runs.ts";
import { readProgress } from "./returns.ts";
import { OutputStore } from "./output_store.ts";
import type { KeptOutput, OutputRequest, OutputsRequest } from "../wire/shipping.ts";
import { ReconcileCalls } from "./reconcile_calls.ts";
import { TreeCalls } from "./tree_calls.ts";
import { Wakeup } from "./wakeup.ts";
import type { WorkerApi, WorkerAppFactory } from "./worker_api.ts";

/** How often the loop says that it is alive, in ms. */
const TICK_MS = 500;

/** What a worker's server is told by whoever composes it. Plain data. */
export interface WorkerServerConfig {
  readonly listen: ListenConfig;
  /** What callers must show. */
  readonly token: string;
  /** The worker's folder. */
  readonly folder: string;
  /** How much is kept of what tasks wrote into their output folders, in bytes. */
  readonly outputSpaceBytes: number;
  /** How much all logs may take, in bytes; no limit when left out. */
  readonly logSpaceBytes?: number;
  /** Whether main can be asked what this process owns. */
  readonly tellsTree?: boolean;
  /** Whether main can be asked what was counted; without it this isolate's own is told. */
  readonly tellsFigures?: boolean;
  /** Who is asked which jobs are forgotten, and what is shown to it; nobody when left out. */
  readonly controller?: {
    readonly url: string;
    readonly token: string;
    /** Where the token is read anew for each question; null for the one above. */
    readonly tokenFile: string | null;
    /** Certificates that are trusted in it, PEM; null for the system's alone. */
    readonly trust: string | null;
  };
}

/** Powers that a worker's server is handed. */
export interface WorkerServerPorts {
  readonly app: WorkerAppFactory;
  /** What questions to the controller go through; nothing is asked without it. */
  readonly fetch?: FetchText;
  /** The token in a file, now. */
  readonly token?: (file: string) => string | null;
}

/** The body of the server isolate's loop. */
export function workerServerLoop(ports: WorkerServerPorts): LoopBody<WorkerServerConfig> {
  return async (context) => {
    const { config, owner, clock, signal } = context;
    const channel = context.channel<ToServer, ToLifecycle>(WORKER_CHANNEL);
    const calls = new ReconcileCalls(channel);
    const outputs = new OutputStore({
      folder: config.folder,
      limitBytes: config.outputSpaceBytes,
      clock,
    });
    await owner.own({ name: "outputs", kind: "resource", release: () => outputs.close() });
    const logs = new Logs(context, ports, outputs);
    await owner.own(logs);
    const { store, reader } = logs;
    const service = new WorkerService(context, { calls, store, reader, outputs });
    let url: string | null = null;
    const listening = () => {
      if (url !== null) channel.post({ type: "listening", url });
    };
    channel.onMessage((message) =>
      message.type === "hello" ? listening() : service.onMessage(message)
    );
    const server = new HttpServer({
      fetch: ports.app(service, {
        token: config.token,
        ...(config.controller && { readToken: config.controller.token }),
      }),
      ...config.listen,
      clock,
      endHeld: () => service.close(),
    });
    await owner.own(server);
    url = server.url;
    listening();
    context.ready({ url } satisfies ServerReady);
    const tidying = logs.janitor.run(signal);
    const wakeup = new Wakeup();
    while (!signal.aborted) {
      context.tick();
      service.tick();
      await wakeup.wait(clock, TICK_MS, signal);
    }
    await tidying;
    channel.onMessage(null);
  };
}

/** What this isolate has open of the logs: the journal, and the kernel's calls. */
class Logs implements Part {
  readonly name = "logs";
  readonly kind = "resource" as const;
  readonly store: LogStore;
  readonly reader: LogReader;
  readonly janitor: LogJanitor;
  readonly #calls = FileCalls.open();
  readonly #journal: LogJournal;

  constructor(
    { config, clock }: LoopContext<WorkerServerConfig>,
    ports: WorkerServerPorts,
    outputs: OutputStore,
  ) {
    const folder = `${config.folder}/logs`;
    makeFolder(folder, 0o700);
    const calls = this.#calls;
    const journal = this.#journal = new LogJournal(`${config.folder}/log-index`);
    const store = this.store = new LogStore({ journal });
    this.reader = new LogReader({ folder: config.folder, store, clock, calls });
    this.janitor = new LogJanitor({
      ...{ folder, store, journal, calls, clock, others: outputs },
      spaceBytes: config.logSpaceBytes ?? Infinity,
      ask: (generations, signal) => {
        const { controller } = config;
        if (controller === undefined || ports.fetch === undefined) {
          return Promise.reject(new IrisError("unavailable", "There is no controller to ask"));
        }
        const { url, tokenFile, token: given } = controller;
        const token = tokenFile === null ? given : ports.token?.(tokenFile) ?? given;
        return askForgotten({ url, token, fetch: ports.fetch, clock }, generations, signal);
      },
    });
  }

  release(): void {
    this.reader.close();
    this.#journal.close();
    this.#calls?.close();
  }
}

/** The worker's API over both isolates. */
class WorkerService implements WorkerApi {
  readonly #calls: ReconcileCalls;
  readonly #store: LogStore;
  readonly #outputs: OutputStore;
  readonly #reader: LogReader;
  readonly #closed = new AbortController();
  readonly #ended = new EndedUsages();
  readonly #execs: ExecBridges;
  readonly #host: HostWatch;
  readonly #trees: TreeCalls;
  readonly #figures: ProcessFigures | null;
  readonly #context: LoopContext<WorkerServerConfig>;
  #problem: string | null = null;

  constructor(
    context: LoopContext<WorkerServerConfig>,
    owned: { calls: ReconcileCalls; store: LogStore; reader: LogReader; outputs: OutputStore },
  ) {
    this.#outputs = owned.outputs;
    this.#calls = owned.calls;
    this.#store = owned.store;
    this.#reader = owned.reader;
    this.#context = context;
    const { owner, clock, config: { folder } } = context;
    this.#execs = new ExecBridges({ owner, clock, socketPath: sideSocketFor(folder) });
    this.#host = new HostWatch({ clock, folder });
    const asked = context.config.tellsTree === true;
    const main = asked ? context.channel<TreeAnswer, TreeQuestion>(TREE_CHANNEL) : null;
    this.#trees = new TreeCalls(main, clock);
    this.#figures = context.config.tellsFigures === true
      ? new ProcessFigures(context.channel(FIGURES_CHANNEL), clock)
      : null;
  }

  onMessage(message: ToServer): void {
    switch (message.type) {
      case "facts":
        this.#outputs.observe(message);
        this.#ended.add(message.ended);
        return this.#store.add(message, { again: message.again });
      case "health":
        this.#problem = message.problem;
        return;
      case "response":
      case "refused":
        return this.#calls.settle(message);
    }
  }

  reconcile(...call: Parameters<WorkerApi["reconcile"]>): ReturnType<WorkerApi["reconcile"]> {
    return this.#calls.call(...call);
  }

  async logs(...[request, signal]: Parameters<WorkerApi["logs"]>): ReturnType<WorkerApi["logs"]> {
    const either = eitherSignal(signal, this.#closed.signal);
    try {
      return await this.#reader.read(request, either.signal);
    } finally {
      either.done();
    }
  }

  progress(request: Parameters<WorkerApi["progress"]>[0]): ReturnType<WorkerApi["progress"]> {
    const { generation, index, attempt } = request;
    return {
      progress: readProgress(this.#context.config.folder, attemptUid(generation, index, attempt)),
    };
  }

  outputs({ generation }: OutputsRequest): Promise<readonly KeptOutput[]> {
    return this.#outputs.list(generation);
  }

  output(request: OutputRequest): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return this.#outputs.open(request);
  }

  health(): { ok: boolean; problems: string[] } {
    const problems = this.#problem === null ? [] : [this.#problem];
    return { ok: problems.length === 0, problems };
  }

  tick(): void {
    this.#host.tick();
  }

  async usage({ attempts }: Parameters<WorkerApi["usage"]>[0]): ReturnType<WorkerApi["usage"]> {
    const asked = await this.#ask({ op: "usage", attempts }).catch((error) => {
      // Without its keeper a worker still knows what it heard before.
      if (!(error instanceof IrisError)) throw error;
      return null;
    });
    return {
      host: this.#host.now(asked?.keeper ?? null),
      attempts: attempts.map((key, at) => {
        const running = asked?.attempts[at] ?? null;
        return { running, ended: running === null ? this.#ended.of(key) : null };
      }),
    };
  }

  signal(request: Parameters<WorkerApi["signal"]>[0]): ReturnType<WorkerApi["signal"]> {
    return this.#ask({ op: "signal", ...request });
  }

  tree(): Promise<TreeNode> {
    return this.#trees.tree();
  }

  figures(): Promise<Figures> {
    return this.#figures?.all() ?? Promise.resolve(ownFigures());
  }

  exec(socket: WebSocket): void {
    this.#execs.take(socket);
  }

  #ask<K extends keyof SideAnswers>(
    question: Extract<SideQuestion, { readonly op: K }>,
  ): Promise<SideAnswers[K]> {
    const { clock, config } = this.#context;
    return askKeeper(sideSocketFor(config.folder), question, { clock });
  }

  /** Answers everything that is held. */
  close(): void {
    this.#execs.close();
    this.#trees.close();
    this.#figures?.close();
    this.#calls.close();
    this.#outputs.endStreams();
    this.#closed.abort();
  }
}
