/** What real processes tell Prometheus: a local cluster with one worker, and its worker. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";
import { hasCommand, inGate } from "../support/require.ts";
import { controllerUp, run } from "../support/vm_cluster.ts";

const LIMIT_MS = 20_000;

/** What a server tells, by name and labels as they stand there. */
async function scrape(url: string, token: string): Promise<Map<string, number>> {
  const answer = await fetch(`${url}/metrics`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const text = await answer.text();
  assertEquals(answer.status, 200, text);
  return new Map(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** What `promtool check metrics` has to say about all that a server tells. */
async function promtoolSays(url: string, token: string): Promise<string> {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/metrics`, { headers, signal: AbortSignal.timeout(LIMIT_MS) });
  const promtool = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
  await answer.body!.pipeTo(promtool.stdin);
  const { stdout, stderr } = await promtool.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** Isolates say what they counted once a second. */
async function until(
  read: () => Promise<Map<string, number>>,
  wanted: Readonly<Record<string, number | "some">>,
): Promise<Map<string, number>> {
  const giveUp = performance.now() + LIMIT_MS;
  for (;;) {
    const found = await read();
    const wrong = Object.entries(wanted).filter(([key, value]) =>
      value === "some" ? (found.get(key) ?? 0) === 0 : found.get(key) !== value
    );
    if (wrong.length === 0) return found;
    assert(performance.now() < giveUp, wrong.map(([key]) => `${key}: ${found.get(key)}`).join());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("a cluster and its worker tell Prometheus what they did, and name no job", async () => {
  using world = makeWorld();
  const args = ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`];
  const cluster = startIris(world, args);
  const client = await clientOf(world, cluster);
  const token = Deno.readTextFileSync(`${world.stateDir}/token`).trim();
  const argv = ["sh", "-c", "exit $IRIS_TASK_INDEX"];
  const more = { replicas: 3, cpuMilli: 1, maxTaskFailures: 2 };
  const { name } = await client.submit({ name: "told-to-nobody", argv, ...more });
  await client.wait(name);
  for await (const _ of client.logs(name, { follow: false }));
  const [worker] = await client.workers();
  const [, url = ""] = cluster.output().stdout.match(/(http:\S+)/) ?? [];
  const figures = await until(() => scrape(url, token), {
    iris_start_seconds_count: 3,
    iris_submit_seconds_count: 1,
    'iris_jobs_ended_total{state="SUCCEEDED"}': 1,
    'iris_attempts_ended_total{cause="exit"}': 3,
    'iris_tasks_ended_total{state="FAILED"}': 2,
    iris_scheduling_pass_seconds_count: "some",
    iris_commit_seconds_count: "some",
  });
  assertEquals(figures.get('iris_tasks{state="RUNNING"}'), 0);
  assertEquals(figures.get('iris_workers{state="alive"}'), 1);
  assertEquals(figures.get("iris_figures_complete"), 1);
  for (const isolate of ["core", "server", "scheduling", "worker-lifecycle", "vm-manager"]) {
    assertEquals(figures.get(`iris_isolate_stalled{isolate="${isolate}"}`), 0, isolate);
  }
  assert((figures.get("iris_resident_memory_bytes") ?? 0) > 20e6);
  if (await hasCommand("promtool")) assertEquals(await promtoolSays(url, token), "");
  assertEquals([...figures.keys()].filter((key) => key.includes("told-to-nobody")), []);
  const own = Deno.readTextFileSync(`${world.stateDir}/worker-token`).trim();
  const told = await until(() => scrape(worker!.url, own), {
    'iris_worker_attempts_ended_total{cause="exit"}': 3,
    'iris_worker_attempts{state="running"}': 0,
    'iris_http_requests_total{method="POST",route="/v1/logs",status="200"}': "some",
  });
  assertEquals(told.has('iris_isolate_stalled{isolate="core"}'), false);
  Deno.kill(cluster.pid, "SIGTERM");
  assertEquals((await cluster.ended).code, 0);
});

Deno.test(
  "a VM manager alone tells its calls of providers, and its controller the VMs and why they are there",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const file = `${world.dir}/rack.yaml`;
    Deno.writeTextFileSync(
      file,
      "groups:\n  - name: cpu\n    vm: { cpu: 1, memory: 256MiB }\n    min: 1\n    max: 2\n" +
        "    provider: { kind: process }\n",
    );
    const manager = startIris(world, [
      ...["--mode=vm-manager", "--name=rack", `--controller=${controller.url}`],
      ...[`--token-file=${controller.folder}/worker-token`, `--config=${file}`],
      ...[`--state-dir=${world.dir}/rack`, `--metrics-port=${port}`],
    ]);
    const tokenIn = (name: string) => Deno.readTextFileSync(`${controller.folder}/${name}`).trim();
    const { stdout } = await run(world, [
      ...["job", "run", "--no-wait", "--json", "--replicas", "2", "--", "sleep", "2"],
    ]);
    assertMatch(stdout, /"replicas":2/);
    const told = await until(() => scrape(controller.url, tokenIn("token")), {
      'iris_vms{group="cpu",state="READY"}': 2,
      'iris_group_slices{group="cpu",which="wanted"}': 2,
      'iris_autoscaler_decisions_total{group="cpu",reason="pending"}': "some",
    });
    assertEquals(told.get('iris_group_slices{group="cpu",which="max"}'), 2);
    const own = await until(() => scrape(`http://127.0.0.1:${port}`, tokenIn("worker-token")), {
      'iris_provider_calls_total{group="cpu",call="create",result="ok"}': 2,
      'iris_provider_calls_total{group="cpu",call="existing",result="ok"}': "some",
    });
    assertEquals(own.get('iris_isolate_stalled{isolate="vm-manager"}'), 0);
    for (const process of [manager, controller.process]) {
      Deno.kill(process.pid, "SIGTERM");
      assertEquals((await process.ended).code, 0, process.output().stderr);
    }
    assertEquals(world.survivors(), []);
  },
);
