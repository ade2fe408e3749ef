import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli, until } from "../support/cli_cluster.ts";
import { inGate } from "../support/require.ts";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";

interface Received {
  readonly method: string;
  readonly path: string;
  readonly id: string | null;
  readonly attempt: string | null;
  readonly body: { job: string; state: string; id: string };
}

/** Somebody who is called, and answers as told. */
class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Statuses of the next answers; 200 when there are no more, 0 for none at all. */
  readonly answers: number[];

  constructor(...answers: number[]) {
    this.answers = answers;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  get url(): string {
    return `http://${this.host}/done`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const text = await request.text();
    this.received.push({
      ...{ method: request.method, path: new URL(request.url).pathname },
      id: request.headers.get("Iris-Delivery"),
      attempt: request.headers.get("Iris-Try"),
      body: text === "" ? { job: "", state: "", id: "" } : JSON.parse(text),
    });
    const status = this.answers.shift() ?? 200;
    if (status === 0) {
      // Until whoever calls hangs up.
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    }
    const headers = status === 302 ? { Location: `${this.url}/elsewhere` } : undefined;
    return new Response(null, { status: status || 200, ...(headers && { headers }) });
  }
}

function start(world: World, hosts: readonly string[]) {
  return startIris(world, [
    ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
    ...hosts.map((host) => `--webhooks=${host}`),
  ]);
}

async function stop(process: ReturnType<typeof startIris>): Promise<void> {
  Deno.kill(process.pid, "SIGTERM");
  assertEquals((await process.ended).code, 0, process.output().stderr);
}

Deno.test("a webhook is called at the end of a job, again after a failure, and never after a success", async () => {
  using world = makeWorld();
  await using receiver = new Receiver(500);
  let cluster = start(world, [receiver.host]);
  let client = await clientOf(world, cluster);
  await client.submit({ name: "/ada/a", argv: ["sh", "-c", "exit 3"], webhook: receiver.url });
  await until(() => receiver.received.length === 2, "two calls");
  const [first, second] = receiver.received;
  assertEquals([first!.attempt, second!.attempt], ["1", "2"]);
  assertEquals([first!.id, first!.body.id], [second!.id, second!.id]);
  assertEquals([first!.body.job, first!.body.state], ["/ada/a", "FAILED"]);
  const book = `${world.stateDir}/webhooks`;
  await until(() => Deno.readTextFileSync(book).includes("called"), "it is written down");
  await stop(cluster);
  cluster = start(world, [receiver.host]);
  client = await clientOf(world, cluster);
  // Another one's call comes after whatever the restart would have done about the first.
  await client.submit({ name: "/ada/b", argv: ["true"], webhook: receiver.url });
  await until(() => receiver.received.length >= 3, "the other one's call");
  assertEquals(receiver.received.map(({ body }) => body.job), ["/ada/a", "/ada/a", "/ada/b"]);
  await stop(cluster);
});

Deno.test("a call that a restart came into is made by the next start, under the same id", async () => {
  using world = makeWorld();
  await using receiver = new Receiver(0);
  const cluster = start(world, [receiver.host]);
  const client = await clientOf(world, cluster);
  await client.submit({ name: "/ada/a", argv: ["true"], webhook: receiver.url });
  await until(() => receiver.received.length === 1, "a call that gets no answer");
  // Nobody else waits for it.
  await client.submit({ name: "/ada/b", argv: ["true"] });
  assertEquals((await client.wait("/ada/b")).state, "SUCCEEDED");
  Deno.kill(cluster.pid, "SIGKILL");
  await cluster.ended;
  const next = start(world, [receiver.host]);
  await until(() => receiver.received.length === 2, "the call of the next start");
  const [before, after] = receiver.received;
  assert(before!.id !== null);
  assertEquals(after!.id, before!.id);
  await stop(next);
});

Deno.test({
  name: "a receiver that never answers does not hold up a stop",
  ...inGate(),
  fn: async () => {
    using world = makeWorld();
    await using receiver = new Receiver(0);
    const cluster = start(world, [receiver.host]);
    const client = await clientOf(world, cluster);
    await client.submit({ name: "/ada/a", argv: ["true"], webhook: receiver.url });
    await until(() => receiver.received.length === 1, "a call that gets no answer");
    const beganAt = performance.now();
    await stop(cluster);
    assert(performance.now() - beganAt < 5_000);
  },
});

Deno.test({
  name: "a redirect is not followed",
  ...inGate(),
  fn: async () => {
    using world = makeWorld();
    await using receiver = new Receiver(302);
    const cluster = start(world, [receiver.host]);
    const client = await clientOf(world, cluster);
    await client.submit({ name: "/ada/a", argv: ["true"], webhook: receiver.url });
    await until(() => receiver.received.length === 2, "another try at the same place");
    assertEquals(
      receiver.received.map(({ method, path, attempt }) => `${method} ${path} ${attempt}`),
      [
        ...["POST /done 1", "POST /done 2"],
      ],
    );
    await stop(cluster);
  },
});

Deno.test("a controller that was not told of a host takes no job that names it", async () => {
  using world = makeWorld();
  const env = { ...world.env, IRIS_USER: "ada" };
  const run = async (webhook: string) => {
    const { code, err } = await runCli(
      ["job", "run", "--detach", "--webhook", webhook, "--", "true"],
      { env },
    );
    assertEquals(code, 2, err);
    return err;
  };
  let cluster = start(world, []);
  await clientOf(world, cluster);
  assertStringIncludes(await run("https://example.com/"), "started without --webhooks");
  await stop(cluster);
  cluster = start(world, ["example.org"]);
  await clientOf(world, cluster);
  assertEquals(
    await run("https://example.com/"),
    "iris: --webhook must name a host that this controller calls: example.org\n",
  );
  assertStringIncludes(await run("http://example.org/"), "Invalid --webhook: it must begin with");
  await stop(cluster);
});
