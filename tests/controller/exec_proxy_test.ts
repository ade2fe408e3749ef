/** Commands beside tasks on their way through the controller: what becomes of each end. */
import { assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { IrisError } from "../../src/base/errors.ts";
import { ExecProxies } from "../../src/controller/exec_proxy.ts";
import type { WorkerInfo } from "../../src/controller/messages.ts";
import { EXEC_FRAME, execFrame, frameText, MAX_EXEC_BUFFERED_BYTES } from "../../src/wire/exec.ts";

/** A proxy between a client and a worker, both of which are the test's. */
class Bench implements AsyncDisposable {
  readonly proxies: ExecProxies;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly worker = Promise.withResolvers<WebSocket>();
  readonly client: WebSocket;
  readonly heard: string[] = [];
  readonly closed: Promise<void>;
  /** What the worker was asked. */
  asked = "";
  find = () => ({
    ...{ generation: 7, index: 3, attempt: 1 },
    worker: { name: "w0", url: this.url, token: "t0ken" } as WorkerInfo,
  });

  constructor() {
    this.#server = Deno.serve({ port: 0, onListen: () => {} }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.binaryType = "arraybuffer";
      if (new URL(request.url).pathname === "/v1/exec") this.#serveWorker(socket);
      else this.proxies.take(socket, () => this.find());
      return response;
    });
    this.proxies = new ExecProxies({
      clock: systemClock,
      connect: ({ url, path }) => new WebSocket(url + path),
    });
    this.client = new WebSocket(`${this.url}/client`);
    this.client.binaryType = "arraybuffer";
    this.closed = new Promise((resolve) => this.client.onclose = () => resolve());
    this.client.onmessage = ({ data }) => {
      const frame = new Uint8Array(data as ArrayBuffer);
      this.heard.push(`${frame[0]} ${frameText(frame)}`);
    };
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Asks, and has the worker's end. */
  async begin(request: unknown = { argv: ["sh"], terminal: null, term: null }): Promise<WebSocket> {
    await new Promise((resolve) => this.client.onopen = resolve);
    this.client.send(JSON.stringify(request));
    // Before the worker is there: it must not be lost.
    this.client.send(execFrame(EXEC_FRAME.stdin, "early"));
    return await this.worker.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxies.close();
    this.client.close();
    await this.closed;
    const worker = await Promise.race([this.worker.promise, Promise.resolve(null)]);
    if (worker !== null && worker.readyState !== WebSocket.CLOSED) {
      const closed = new Promise((resolve) => worker.addEventListener("close", resolve));
      worker.close();
      await closed;
    }
    await this.#server.shutdown();
  }

  #serveWorker(socket: WebSocket): void {
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.asked = data;
      else if (frameText(new Uint8Array(data)) === "early") this.worker.resolve(socket);
    };
  }
}

const ended = (code: string, message: string) =>
  `${EXEC_FRAME.ended} ${JSON.stringify({ error: { code, message } })}`;

Deno.test("a request reaches the worker with the attempt's names, and frames pass both ways", async () => {
  await using bench = new Bench();
  const worker = await bench.begin();
  assertEquals(JSON.parse(bench.asked), {
    ...{ argv: ["sh"], terminal: null, term: null },
    ...{ generation: 7, index: 3, attempt: 1 },
  });
  worker.send(execFrame(EXEC_FRAME.stdout, "out"));
  worker.send(execFrame(EXEC_FRAME.ended, '{"code":4}'));
  await bench.closed;
  assertEquals(bench.heard, [`${EXEC_FRAME.stdout} out`, `${EXEC_FRAME.ended} {"code":4}`]);
});

Deno.test("a client is told when the connection to the worker is lost", async () => {
  await using bench = new Bench();
  (await bench.begin()).close();
  await bench.closed;
  assertEquals(bench.heard, [ended("unavailable", "The connection to worker w0 was lost")]);
});

Deno.test("a client is told when the worker is given up, and the worker's end is closed", async () => {
  await using bench = new Bench();
  const worker = await bench.begin();
  const gone = new Promise((resolve) => worker.addEventListener("close", resolve));
  bench.proxies.look(new Set(["w0"]));
  assertEquals(bench.heard, []);
  bench.proxies.look(new Set(["w1"]));
  await Promise.all([bench.closed, gone]);
  assertEquals(bench.heard, [ended("unavailable", "Worker w0 is lost")]);
});

Deno.test("a server that stops tells its clients, and closes both ends", async () => {
  await using bench = new Bench();
  const worker = await bench.begin();
  const gone = new Promise((resolve) => worker.addEventListener("close", resolve));
  bench.proxies.close();
  await Promise.all([bench.closed, gone]);
  assertEquals(bench.heard, [ended("closing", "The server is stopping")]);
});

Deno.test("a client that leaves takes the worker's end along", async () => {
  await using bench = new Bench();
  const worker = await bench.begin();
  const gone = new Promise((resolve) => worker.addEventListener("close", resolve));
  bench.client.close();
  await gone;
});

Deno.test("a request that is none, or a task that does not run, is an answer and no connection", async () => {
  for (const request of ["no object", { argv: [] }]) {
    await using bench = new Bench();
    await new Promise((resolve) => bench.client.onopen = resolve);
    bench.client.send(JSON.stringify(request));
    await bench.closed;
    assertMatch(bench.heard.join(), /"code":"invalid"/);
  }
  await using bench = new Bench();
  bench.find = () => {
    throw new IrisError("conflict", "/u/j/3 is not running: it is PENDING");
  };
  await new Promise((resolve) => bench.client.onopen = resolve);
  bench.client.send(JSON.stringify({ argv: ["sh"], terminal: null, term: null }));
  await bench.closed;
  assertEquals(bench.heard, [ended("conflict", "/u/j/3 is not running: it is PENDING")]);
});

Deno.test("a client that floods a worker that is not there yet is cut off", async () => {
  await using bench = new Bench();
  await new Promise((resolve) => bench.client.onopen = resolve);
  bench.client.send(JSON.stringify({ argv: ["sh"], terminal: null, term: null }));
  const frame = execFrame(EXEC_FRAME.stdin, new Uint8Array(MAX_EXEC_BUFFERED_BYTES + 1));
  bench.client.send(frame);
  bench.client.send(frame);
  await bench.closed;
});
