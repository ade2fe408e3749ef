/** What real processes tell Prometheus: a local cluster with one worker, and its worker. */
import { assert, assertEquals } from "@std/assert";
import { clientOf, makeWorld, startIris } from "../support/iris_process.ts";

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
  });
  assertEquals(figures.get('iris_tasks{state="RUNNING"}'), 0);
  assertEquals(figures.get('iris_workers{state="alive"}'), 1);
  assertEquals(figures.get("iris_figures_complete"), 1);
  for (const key of ["iris_scheduling_pass_seconds_count", "iris_commit_seconds_count"]) {
    assert((figures.get(key) ?? 0) > 0, key);
  }
  for (const isolate of ["core", "server", "scheduling", "worker-lifecycle", "vm-manager"]) {
    assertEquals(figures.get(`iris_isolate_stalled{isolate="${isolate}"}`), 0, isolate);
  }
  assert((figures.get("iris_resident_memory_bytes") ?? 0) > 20e6);
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
