/**
 * A worker on loopback: speaks `/v1/reconcile` and `/v1/logs` as a real one does, and runs attempts
 * in no time or when a test says so. Close it at the end of a test.
 */
import type { LogChunk } from "../../src/wire/api.ts";
import type { LogsRequest, LogsResponse } from "../../src/wire/logs.ts";
import type { AttemptSpec, ReconcileRequest, ReconcileResponse } from "../../src/wire/reconcile.ts";
import { parseLogsRequest, parseReconcileRequest } from "../../src/wire/reconcile_schema.ts";
import { type EndOf, SimWorker } from "../support/sim_worker.ts";

/** How a fake worker behaves. */
export interface FakeWorkerOptions {
  readonly name?: string;
  readonly slots?: number;
  /** Ends attempts as soon as they begin; else they run until {@linkcode FakeWorkerServer.finish}. */
  readonly instant?: boolean;
}

interface Held {
  readonly request: ReconcileRequest;
  readonly answer: () => void;
}

/** See the head of this file. */
export class FakeWorkerServer {
  readonly sim: SimWorker;
  readonly token = "w0rker-t0ken";
  readonly requests: ReconcileRequest[] = [];
  readonly specs = new Map<number, AttemptSpec>();
  readonly logs: LogChunk[] = [];
  /** Answers nothing while true, as a stopped process does. */
  hung = false;
  /** Calls for logs that wait for output. */
  logsWaiting = 0;
  readonly #options: FakeWorkerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #held: Held | null = null;
  #epoch = 0;
  #seq = -1;
  #hanging: (() => void)[] = [];
  #waiters: (() => void)[] = [];

  constructor(options: FakeWorkerOptions = {}) {
    this.#options = options;
    this.sim = new SimWorker(options.name ?? "w0", options.slots ?? 2);
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#serve(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Ends what runs, and tells it. */
  finish(count: number, end?: EndOf): void {
    const atMs = Date.now();
    this.sim.finish(count, end === undefined ? { atMs } : { atMs, end });
    this.sim.start(atMs);
    this.#answerHeld();
  }

  /** Takes in nothing new. */
  refuse(): void {
    this.sim.accepting = false;
    this.#answerHeld();
  }

  /** Resolves at the next call that satisfies `what`, this moment's included. */
  async until(what: () => boolean, withinMs = 5_000): Promise<void> {
    const end = Date.now() + withinMs;
    while (!what()) {
      if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
      const next = new Promise<void>((resolve) => this.#waiters.push(resolve));
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, 50);
      await Promise.race([next, timeout.promise]);
      clearTimeout(timer);
    }
  }

  /** Goes silent for good. */
  async close(): Promise<void> {
    this.#answerHeld();
    this.#release();
    await this.#server.shutdown();
  }

  /** Begins to answer again. */
  wake(): void {
    this.hung = false;
    this.#release();
  }

  #release(): void {
    for (const go of this.#hanging.splice(0)) go();
  }

  async #serve(request: Request): Promise<Response> {
    const body: unknown = await request.json();
    if (request.headers.get("Authorization") !== `Bearer ${this.token}`) {
      return new Response("no", { status: 401 });
    }
    if (this.hung) await new Promise<void>((resolve) => this.#hanging.push(resolve));
    return new URL(request.url).pathname === "/v1/logs"
      ? await this.#serveLogs(parseLogsRequest(body), request.signal)
      : await this.#reconcile(parseReconcileRequest(body), request.signal);
  }

  #reconcile(request: ReconcileRequest, signal: AbortSignal): Promise<Response> {
    if (request.epoch < this.#epoch) {
      const message = `This worker obeys epoch ${this.#epoch}, not ${request.epoch}`;
      return Promise.resolve(
        Response.json({ error: { code: "conflict", message } }, { status: 409 }),
      );
    }
    this.requests.push(request);
    const fresh = request.epoch > this.#epoch || request.seq > this.#seq;
    if (fresh) {
      this.#answerHeld();
      this.#epoch = request.epoch;
      this.#seq = request.seq;
      this.#obey(request);
    }
    const { facts, missing } = this.sim.observed();
    const hold = fresh && facts === null && missing.length === 0 && request.waitMs > 0;
    for (const wake of this.#waiters.splice(0)) wake();
    if (!hold) return Promise.resolve(this.#respond(request));
    return new Promise((resolve) => {
      const answer = () => {
        clearTimeout(timer);
        if (this.#held?.answer === answer) this.#held = null;
        resolve(this.#respond(request));
      };
      const timer = setTimeout(answer, request.waitMs);
      signal.addEventListener("abort", answer, { once: true });
      this.#held = { request, answer };
    });
  }

  #obey(request: ReconcileRequest): void {
    for (const spec of request.specs) this.specs.set(spec.generation, spec);
    const live = new Set(this.sim.live.map(([generation]) => generation));
    const known = request.run.filter(([g]) => this.specs.has(g) || live.has(g));
    const { ackFacts, run, stop } = request;
    this.sim.apply(
      { worker: this.sim.name, incarnation: 0, version: 0, run: known, stop, ackFacts },
      { atMs: Date.now() },
    );
    this.#unknown = run.filter((each) => !known.includes(each));
    if (this.#options.instant) this.sim.runAll(Date.now());
    else this.sim.start(Date.now());
  }

  #unknown: ReconcileRequest["run"] = [];

  #respond({ epoch, seq }: ReconcileRequest): Response {
    const { facts, missing, backlog, running, accepting, reason } = this.sim.observed();
    const response: ReconcileResponse = {
      worker: this.sim.name,
      epoch,
      seq,
      facts,
      missing: [...missing, ...this.#unknown],
      specs: [...this.specs.keys()],
      backlog,
      running,
      accepting,
      reason,
    };
    return Response.json(response);
  }

  #answerHeld(): void {
    this.#held?.answer();
  }

  /** Output comes: whoever waits for logs gets it. */
  write(chunk: LogChunk): void {
    this.logs.push(chunk);
    this.#logsCame.resolve();
    this.#logsCame = Promise.withResolvers();
  }

  #logsCame = Promise.withResolvers<void>();

  async #serveLogs(request: LogsRequest, signal: AbortSignal): Promise<Response> {
    const at = Number(request.cursor ?? 0);
    if (this.logs.length <= at && request.waitMs > 0) {
      const over = Promise.withResolvers<void>();
      const timer = setTimeout(over.resolve, request.waitMs);
      signal.addEventListener("abort", () => over.resolve(), { once: true });
      this.logsWaiting++;
      await Promise.race([over.promise, this.#logsCame.promise]);
      this.logsWaiting--;
      clearTimeout(timer);
    }
    const chunks = this.logs.slice(at);
    const response: LogsResponse = {
      chunks,
      cursor: String(at + chunks.length),
      complete: false,
    };
    return Response.json(response);
  }
}
