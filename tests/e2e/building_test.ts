/** A job whose bundle takes its time on the way to the worker: the real programs. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fill } from "../archive/samples.ts";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";
import { within } from "../support/until.ts";

const WAIT_MS = 30_000;

const until = within(WAIT_MS, 50);

/** Passes everything on to a controller; bundles only when told to. */
function slowWay(controller: string) {
  const open = Promise.withResolvers<void>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    if (pathname.startsWith("/api/v1/bundles/")) await open.promise;
    const { method, headers } = request;
    const body = method === "GET" ? null : await request.text();
    const answer = await fetch(controller + pathname + search, { method, headers, body });
    return new Response(await answer.bytes(), { status: answer.status });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, open: open.resolve, server };
}

Deno.test("a job is shown as building while its bundle is fetched, and then it runs", async () => {
  using world = makeWorld();
  const controller = startIris(world, [
    ...["--mode=controller", "--port=0", `--state-dir=${world.stateDir}`],
  ]);
  const client = await clientOf(world, controller);
  const [, url = ""] = await controller.printed(/(http:\/\/127\.0\.0\.1:\d+)/, WAIT_MS);
  const way = slowWay(url);
  const worker = startIris(world, [
    ...["--mode=worker", "--controller", way.url, "--name", "w1"],
    ...["--token-file", `${world.stateDir}/worker-token`, `--state-dir=${world.dir}/w1`],
  ]);
  await until(async () => (await client.workers()).length === 1);
  const folder = `${world.dir}/project`;
  fill(folder, { "data.txt": "shipped\n" });
  const job = startIris(world, [
    ...["job", "run", "--name", "slow", "--bundle", folder, "--replicas", "2"],
    ...["--", "sh", "-c", "cat data.txt"],
  ]);
  let full = "";
  await until(async () => {
    const found = (await client.jobs({})).find((one) => one.name.endsWith("/slow"));
    full = found?.name ?? "";
    return found?.counts.BUILDING === 2;
  });
  const shown = startIris(world, ["task", "show", `${full}/0`, "--json"]);
  assertEquals((await shown.ended).code, 0, shown.output().stderr);
  assertEquals(JSON.parse(shown.output().stdout).state, "BUILDING");
  const list = startIris(world, ["job", "show", full]);
  await list.ended;
  assertStringIncludes(list.output().stdout, "BUILDING");
  const why = startIris(world, ["job", "explain", full]);
  await why.ended;
  assertStringIncludes(why.output().stdout, "2 tasks wait for their bundle");
  way.open();
  assertEquals((await job.ended).code, 0, job.output().stderr);
  assertStringIncludes(job.output().stdout, "shipped");
  for (const each of [worker, controller]) {
    Deno.kill(each.pid, "SIGTERM");
    await each.ended;
  }
  await way.server.shutdown();
  assertEquals(world.survivors(), []);
});
