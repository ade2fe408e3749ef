/**
 * The worker's server loop: listens for the controller, passes reconcile calls on to the lifecycle
 * isolate, and reads logs from the slot files itself. Runs in the worker's server isolate, which
 * owns the listening socket.
 */
import { HttpServer, type ListenConfig } from "../host/http_server.ts";
import type { LoopBody, LoopContext } from "../lifecycle/loop.ts";
import { LogReader } from "./log_reader.ts";
import { LogStore } from "./log_store.ts";
import { type ServerReady, type ToLifecycle, type ToServer, WORKER_CHANNEL } from "./messages.ts";
import { attemptUid } from "../wire/runs.ts";
import { readProgress } from "./returns.ts";
import { OutputStore } from "./output_store.ts";
import type { KeptOutput, OutputRequest, OutputsRequest } from "../wire/shipping.ts";
import { ReconcileCalls } from "./reconcile_calls.ts";
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
  /** Differs from one worker process to the next. */
  readonly instance: string;
  /** How much is kept of what tasks wrote into their output folders, in bytes. */
  readonly outputSpaceBytes: number;
}

/** The body of the server isolate's loop. */
export function workerServerLoop(ports: { app: WorkerAppFactory }): LoopBody<WorkerServerConfig> {
  return async (context) => {
    const { config, owner, clock, signal } = context;
    const channel = context.channel<ToServer, ToLifecycle>(WORKER_CHANNEL);
    const calls = new ReconcileCalls(channel);
    const store = new LogStore();
    const outputs = new OutputStore({
      folder: config.folder,
      limitBytes: config.outputSpaceBytes,
      clock,
    });
    await owner.own({ name: "outputs", kind: "resource", release: () => outputs.close() });
    const service = new WorkerService(context, { calls, store, outputs });
    let url: string | null = null;
    const listening = () => {
      if (url !== null) channel.post({ type: "listening", url });
    };
    channel.onMessage((message) =>
      message.type === "hello" ? listening() : service.onMessage(message)
    );
    const server = new HttpServer({
      fetch: ports.app(service, { token: config.token }),
      ...config.listen,
      clock,
      endHeld: () => service.close(),
    });
    await owner.own(server);
    url = server.url;
    listening();
    context.ready({ url } satisfies ServerReady);
    const wakeup = new Wakeup();
    while (!signal.aborted) {
      context.tick();
      await wakeup.wait(clock, TICK_MS, signal);
    }
    channel.onMessage(null);
  };
}

/** The worker's API over both isolates. */
class WorkerService implements WorkerApi {
  readonly #calls: ReconcileCalls;
  readonly #store: LogStore;
  readonly #outputs: OutputStore;
  readonly #reader: LogReader;
  readonly #closed = new AbortController();
  readonly #folder: string;
  #problem: string | null = null;

  constructor(
    context: LoopContext<WorkerServerConfig>,
    owned: { calls: ReconcileCalls; store: LogStore; outputs: OutputStore },
  ) {
    this.#outputs = owned.outputs;
    this.#calls = owned.calls;
    this.#store = owned.store;
    const { folder, instance } = context.config;
    this.#folder = folder;
    this.#reader = new LogReader({ folder, instance, store: owned.store, clock: context.clock });
  }

  onMessage(message: ToServer): void {
    switch (message.type) {
      case "facts":
        this.#outputs.observe(message);
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
    // `AbortSignal.any` would hold on to every request's signal for as long as the server lives.
    const either = new AbortController();
    const onAbort = () => either.abort();
    const signals = [signal, this.#closed.signal];
    for (const one of signals) one.addEventListener("abort", onAbort, { once: true });
    if (signals.some((one) => one.aborted)) onAbort();
    try {
      return await this.#reader.read(request, either.signal);
    } finally {
      for (const one of signals) one.removeEventListener("abort", onAbort);
    }
  }

  progress(request: Parameters<WorkerApi["progress"]>[0]): ReturnType<WorkerApi["progress"]> {
    const { generation, index, attempt } = request;
    return { progress: readProgress(this.#folder, attemptUid(generation, index, attempt)) };
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

  /** Answers everything that is held. */
  close(): void {
    this.#calls.close();
    this.#outputs.endStreams();
    this.#closed.abort();
  }
}
