import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { IrisClient } from "../../src/client/iris_client.ts";
import { outsideAddresses } from "../../src/host/local_address.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";

const UP_MS = 30_000;

/** An address of this machine that is not loopback: another host would use it as well. */
const OUTSIDE = outsideAddresses()[0] ?? "";
const NETWORK = await needs("an address that is not loopback", () => OUTSIDE !== "");

async function run(world: World, args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

/** The state folders of a controller and a worker of one world. */
function folders({ dir }: World) {
  return { controller: `${dir}/state`, worker: `${dir}/worker` };
}

async function stop(process: IrisProcess): Promise<number> {
  try {
    Deno.kill(process.pid, "SIGTERM");
  } catch {
    // It has ended already.
  }
  return (await process.ended).code;
}

async function controllerUp(
  world: World,
  flags: string[],
): Promise<{ process: IrisProcess; url: string }> {
  const state = folders(world).controller;
  const process = startIris(world, [
    "--mode=controller",
    "--port=0",
    `--state-dir=${state}`,
    ...flags,
  ]);
  const [, url = ""] = await process.printed(/^(https?:\/\/\S+)$/m, UP_MS);
  return { process, url };
}

function workerUp(world: World, flags: string[]): IrisProcess {
  const { controller, worker } = folders(world);
  return startIris(world, [
    "--mode=worker",
    `--state-dir=${worker}`,
    `--token-file=${controller}/worker-token`,
    "--name=w1",
    ...flags,
  ]);
}

async function workerIs(world: World, what: RegExp): Promise<string> {
  const end = Date.now() + UP_MS;
  for (;;) {
    const { stdout, stderr } = await run(world, ["worker", "list"]);
    if (what.test(stdout)) return stdout;
    if (Date.now() > end) throw new Error(`no ${what} in: ${stdout}${stderr}`);
  }
}

Deno.test({
  name: "a worker elsewhere works for a controller with a certificate of its own",
  ...NETWORK,
  async fn() {
    using world = makeWorld();
    const { process: controller, url } = await controllerUp(world, [
      ...["--host=0.0.0.0", `--advertise=${OUTSIDE}`, "--tls-self-signed"],
    ]);
    assert(url.startsWith(`https://${OUTSIDE}:`), url);
    const certificate = `${folders(world).controller}/tls-cert.pem`;
    const worker = workerUp(world, [`--controller=${url}`, `--tls-ca=${certificate}`]);
    await worker.printed(/^worker w1 https:/m, UP_MS);
    await workerIs(world, /w1\s+alive/);
    const job = await run(world, [
      ...["job", "run", "--controller", url, "--ca-file", certificate],
      ...["--token-file", `${folders(world).controller}/token`, "--", "echo", "across"],
    ]);
    assertEquals([job.code, job.stdout.trim().split(" | ")[1]], [0, "across"], job.stderr);

    // Its worker's server shows a certificate that only the controller was told of.
    const token = Deno.readTextFileSync(`${folders(world).controller}/token`).trim();
    const client = Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(certificate)] });
    const iris = new IrisClient({
      ...{ url, token },
      fetch: (input, init) => fetch(input, { ...init, client }),
    });
    const [seen] = await iris.workers();
    assert(seen?.url.startsWith(`https://${OUTSIDE}:`), seen?.url);
    client.close();
    const stopped = await run(world, ["cluster", "stop", "--timeout=10s"]);
    assertEquals(stopped.code, 0, stopped.stdout + stopped.stderr);
    assertEquals([await stop(worker), (await controller.ended).code], [0, 0]);
    assertEquals(world.survivors(), []);
  },
});

Deno.test({
  name: "without TLS a network needs --insecure, which warns loudly; then all works the same",
  ...NETWORK,
  async fn() {
    using world = makeWorld();
    const refused = await run(world, ["--mode=controller", "--port=0", "--host=0.0.0.0"]);
    assertEquals(refused.code, 2);
    assertMatch(refused.stderr, /^iris: --host 0\.0\.0\.0 .*--tls-self-signed.*--insecure/);
    const { process: controller, url } = await controllerUp(world, [
      "--host=0.0.0.0",
      "--insecure",
    ]);
    assertStringIncludes(controller.output().stderr, "WARNING");
    assertEquals(new URL(url).hostname, OUTSIDE);
    const plain = workerUp(world, [`--controller=${url}`]);
    assertEquals((await plain.ended).code, 2);
    assertMatch(plain.output().stderr, /--controller http:.*--insecure/);
    const worker = workerUp(world, [`--controller=${url}`, "--insecure"]);
    await worker.printed(/WARNING: the worker listens/, UP_MS);
    await workerIs(world, /w1\s+alive/);
    const job = await run(world, ["job", "run", "--", "echo", "plain"]);
    assertEquals([job.code, job.stdout.trim().split(" | ")[1]], [0, "plain"], job.stderr);
    assertEquals([await stop(worker), await stop(controller)], [0, 0]);
  },
});

Deno.test({
  name: "a controller that was killed finds its worker and its task again, by what it stored",
  ...inGate(NETWORK),
  async fn() {
    using world = makeWorld();
    const flags = [`--host=${OUTSIDE}`, "--tls-self-signed"];
    const { process: controller, url } = await controllerUp(world, flags);
    const certificate = `${folders(world).controller}/tls-cert.pem`;
    const worker = workerUp(world, [`--controller=${url}`, `--tls-ca=${certificate}`]);
    await workerIs(world, /w1\s+alive/);
    const go = `${world.dir}/go`;
    const script = `echo begun; until [ -e ${go} ]; do sleep 0.1; done; echo end # .${world.tag}`;
    const args = ["job", "run", "--no-wait", "--name=long", "--", "sh", "-c", script];
    assertEquals((await run(world, args)).code, 0);
    await workerIs(world, /w1\s+alive.* {2}1 {2}/);
    Deno.kill(controller.pid, "SIGKILL");
    await controller.ended;
    const again = startIris(world, [
      ...["--mode=controller", `--port=${new URL(url).port}`, ...flags],
      `--state-dir=${folders(world).controller}`,
    ]);
    await again.printed(/^https:/m, UP_MS);
    await workerIs(world, /w1\s+alive.* {2}1 {2}/);
    Deno.writeTextFileSync(go, "");
    assertEquals((await run(world, ["job", "wait", "long"])).code, 0);
    const { stdout } = await run(world, ["job", "logs", "long"]);
    assertEquals(stdout.match(/begun|end/g), ["begun", "end"], "it ran once");
    assertEquals([await stop(worker), await stop(again)], [0, 0]);
    assertEquals(world.survivors(), []);
  },
});

const IPV6 = await needs("IPv6 on loopback", () => {
  Deno.listen({ hostname: "::1", port: 0 }).close();
  return true;
});

Deno.test({
  name: "controller and worker work over IPv6 as well",
  ...IPV6,
  async fn() {
    using world = makeWorld();
    const { process: controller, url } = await controllerUp(world, ["--host=::1"]);
    assertMatch(url, /^http:\/\/\[::1\]:\d+$/);
    const worker = workerUp(world, [`--controller=${url}`, "--host=::1"]);
    await worker.printed(/^worker w1 http:\/\/\[::1\]:/m, UP_MS);
    await workerIs(world, /w1\s+alive/);
    assertEquals((await run(world, ["job", "run", "--", "true"])).code, 0);
    assertEquals([await stop(worker), await stop(controller)], [0, 0]);
  },
});

Deno.test({
  name: "a worker that its controller cannot reach says so, and the controller lists it with why",
  ...inGate(NETWORK),
  async fn() {
    using world = makeWorld();
    const { process: controller, url } = await controllerUp(world, [
      `--host=${OUTSIDE}`,
      "--insecure",
    ]);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const worker = workerUp(world, [
      ...[`--controller=${url}`, "--insecure", "--controller-lost-after=2s"],
      `--advertise=127.0.0.1:${port}`,
    ]);
    await workerIs(world, new RegExp(`w1\\s+suspect .*connection refused`));
    await worker.printed(/it never called: can it reach .*--advertise/, UP_MS);
    assertEquals([await stop(worker), await stop(controller)], [0, 0]);
  },
});
