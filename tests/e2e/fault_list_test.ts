/**
 * The whole fault list over one job: a controller and three workers on hosts of their own run 5,000
 * tasks through latency, loss, cuts, a killed worker, a killed controller and a host that vanishes.
 */
import { assertEquals } from "@std/assert";
import { canMakeNetworks } from "../support/net/hosts.ts";
import { NetCluster } from "../support/net/net_cluster.ts";
import { inGate, needs } from "../support/require.ts";

const NETWORKS = inGate(
  await needs(
    "network namespaces and TAP devices (root, iproute2, gcc, util-linux)",
    canMakeNetworks,
  ),
);
const TASKS = 5_000;

/** How many tasks have ended. */
function ended(cluster: NetCluster): number {
  return cluster.marks().filter(({ what }) => what === "end").length;
}

/** Waits until so many tasks have ended, so that each fault meets a cluster at work. */
async function progress(cluster: NetCluster, tasks: number): Promise<void> {
  await cluster.until(`${tasks} tasks have ended`, () => ended(cluster) >= tasks, 120_000);
}

/** Waits until the worker that was cut off has answered: each cut alone is shorter than the grace. */
async function heard(cluster: NetCluster): Promise<void> {
  await cluster.until("w0 is heard again", async () => {
    const w0 = (await cluster.workerViews()).find(({ name }) => name === "w0");
    return w0?.state === "alive" && w0.lastSeenMs < 1_500;
  });
}

async function faults(cluster: NetCluster): Promise<void> {
  const { network } = cluster;
  const pairs = [0, 1, 2].map((n) => cluster.pair(n));
  await progress(cluster, 200);
  await network.between({ delayMs: 200 }, ...pairs);
  await progress(cluster, 800);
  await network.between({ lossPermille: 100 }, ...pairs);
  await progress(cluster, 1_400);
  await network.between({}, ...pairs);
  // One way, then the other, then both: shorter than the grace.
  const [controller, worker] = cluster.pair(0);
  await network.way(controller, worker, { cut: true });
  await progress(cluster, 1_800);
  await network.way(controller, worker, {});
  await heard(cluster);
  await network.way(worker, controller, { cut: true });
  await progress(cluster, 2_200);
  await network.way(worker, controller, {});
  await heard(cluster);
  await network.between({ cut: true }, cluster.pair(0));
  await progress(cluster, 2_500);
  await network.between({}, cluster.pair(0));
  await progress(cluster, 2_700);
  await cluster.kill(cluster.workers[1]!);
  await cluster.startWorker(1);
  await progress(cluster, 3_200);
  await cluster.kill(cluster.controller);
  await cluster.startController();
  await progress(cluster, 3_800);
  await cluster.workerHost(2).vanish();
}

Deno.test({
  name: "5,000 tasks go through the whole fault list: none is lost, none runs twice at once, and " +
    "nothing is left",
  ...NETWORKS,
  async fn() {
    await using cluster = await NetCluster.start({
      workers: 3,
      controllerFlags: ["--worker-lost-after=8s"],
      workerFlags: ["--controller-lost-after=3s"],
    });
    const from = performance.now();
    const submitted = await cluster.iris(
      ...["job", "run", "--no-wait", "--name=big", `--replicas=${TASKS}`, "--cpu=0.25", "--"],
      ...cluster.task(60, { longMs: 1_500, every: 100 }),
    );
    assertEquals(submitted.code, 0, submitted.stderr);
    await faults(cluster);
    const done = await cluster.iris("job", "wait", "big");
    const tookMs = performance.now() - from;
    assertEquals(done.code, 0, done.stderr);
    const job = await cluster.job("big");
    assertEquals([job.state, job.counts], ["SUCCEEDED", { SUCCEEDED: TASKS }]);

    const marks = cluster.marks();
    assertEquals(marks.filter(({ what }) => what === "double"), [], "none runs twice at once");
    const tasks = new Set(marks.filter(({ what }) => what === "end").map(({ task }) => task));
    assertEquals(tasks.size, TASKS, "each has run to its end");
    const begun = marks.filter(({ what }) => what === "start").length;
    const lost = (await cluster.events("worker_state")).filter(({ data }) => data.to === "lost");
    const retried = await cluster.events("task_retried");
    assertEquals(await cluster.stop(), [], "nothing is left on any host");
    console.log(
      `# ${TASKS} tasks in ${Math.round(tookMs)} ms: ${begun - TASKS} begun again, ` +
        `${lost.map(({ worker }) => worker).join(" ")} lost, ${retried.length} losses told`,
    );
  },
});
