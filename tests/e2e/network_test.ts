/** What the network does to a cluster: the real program on several hosts, under faults of one kind. */
import { assert, assertEquals } from "@std/assert";
import { canMakeNetworks } from "../support/net/hosts.ts";
import { type Mark, NetCluster, type NetClusterOptions } from "../support/net/net_cluster.ts";
import { inGate, needs } from "../support/require.ts";

const NETWORKS = inGate(
  await needs(
    "network namespaces and TAP devices (root, iproute2, gcc, util-linux)",
    canMakeNetworks,
  ),
);

function scenario(
  name: string,
  options: NetClusterOptions,
  body: (cluster: NetCluster) => Promise<void>,
): void {
  Deno.test({
    name,
    ...NETWORKS,
    async fn() {
      await using cluster = await NetCluster.start(options);
      await body(cluster);
      assertEquals(await cluster.stop(), [], "nothing is left on any host");
    },
  });
}

const doubles = (marks: readonly Mark[]) => marks.filter(({ what }) => what === "double");
const ends = (marks: readonly Mark[]) => marks.filter(({ what }) => what === "end");

/** Submits without waiting. */
async function submit(cluster: NetCluster, name: string, flags: string[], task: string[]) {
  const { code, stderr } = await cluster.iris(
    ...["job", "run", "--no-wait", `--name=${name}`, "--cpu=0.25", ...flags, "--"],
    ...task,
  );
  assertEquals(code, 0, stderr);
}

/** Nothing was lost, nothing ran twice, nothing was charged. */
async function assertUndisturbed(cluster: NetCluster, tasks: number): Promise<void> {
  const marks = cluster.marks();
  assertEquals(doubles(marks), []);
  assertEquals(ends(marks).length, tasks);
  // An attempt that waited and was taken back has a number as well: it is the begins that count.
  assertEquals(marks.filter(({ what }) => what === "start").length, tasks, "each began once");
  assertEquals(await cluster.events("task_retried"), []);
}

scenario(
  "with 200 ms in each direction hundreds of tasks go through, and their output is followed",
  { workers: 2 },
  async (cluster) => {
    await cluster.network.between({ delayMs: 200 }, cluster.pair(0), cluster.pair(1));
    const from = performance.now();
    const { code, stdout, stderr } = await cluster.iris(
      ...["job", "run", "--replicas=400", "--cpu=0.25", "--"],
      ...cluster.task(10),
    );
    const tookMs = performance.now() - from;
    assertEquals(code, 0, stderr);
    const lines = stdout.split("\n").filter((line) => / \| task \d+ is done$/.test(line));
    assertEquals(new Set(lines).size, 400);
    await assertUndisturbed(cluster, 400);
    // One round trip for each would be 160 s, and one for each batch of 16 would be 10 s more.
    assert(tookMs < 20_000, `${Math.round(tookMs)} ms`);
    console.log(`# 400 tasks with 200 ms each way: ${Math.round(tookMs)} ms`);
  },
);

scenario(
  "with every tenth frame lost everything goes through once",
  { workers: 2 },
  async (cluster) => {
    await cluster.network.between({ lossPermille: 100 }, cluster.pair(0), cluster.pair(1));
    const from = performance.now();
    const { code, stderr } = await cluster.iris(
      ...["job", "run", "--replicas=300", "--cpu=0.25", "--quiet", "--"],
      ...cluster.task(10),
    );
    assertEquals(code, 0, stderr);
    await assertUndisturbed(cluster, 300);
    console.log(`# 300 tasks with 10 % loss: ${Math.round(performance.now() - from)} ms`);
  },
);

scenario(
  "cuts in one direction or both that are shorter than the grace change nothing",
  { workers: 2, controllerFlags: ["--worker-lost-after=15s"] },
  async (cluster) => {
    await submit(cluster, "a", ["--replicas=120"], cluster.task(50, { longMs: 6_000, every: 15 }));
    await cluster.until("tasks run", () => cluster.marks().length > 20);
    const [controller, worker] = cluster.pair(0);
    const { network } = cluster;
    for (
      const [cut, heal] of [
        [
          () => network.way(controller, worker, { cut: true }),
          () => network.way(controller, worker, {}),
        ],
        [
          () => network.way(worker, controller, { cut: true }),
          () => network.way(worker, controller, {}),
        ],
        [
          () => network.between({ cut: true }, cluster.pair(1)),
          () => network.between({}, cluster.pair(1)),
        ],
      ]
    ) {
      await cut!();
      await new Promise((done) => setTimeout(done, 2_000));
      await heal!();
    }
    const done = await cluster.iris("job", "wait", "a");
    assertEquals(done.code, 0, done.stderr);
    await assertUndisturbed(cluster, 120);
    const states = await cluster.events("worker_state");
    assertEquals(states.filter(({ data }) => data.to === "lost"), []);
  },
);

scenario(
  "a worker that is cut off for longer than the grace is given up; what it still ran is ended when " +
    "it comes back, and one result of each task counts",
  {
    ...{ workers: 2, controllerFlags: ["--worker-lost-after=3s"] },
    workerFlags: ["--controller-lost-after=2s"],
  },
  async (cluster) => {
    await submit(cluster, "long", ["--replicas=4"], cluster.task(600_000));
    await submit(cluster, "short", ["--replicas=4"], cluster.task(5_000));
    // Of what the controller does not know to have begun nothing is charged.
    for (const name of ["long", "short"]) {
      await cluster.until(
        `${name} is known to run`,
        async () => (await cluster.job(name)).counts.RUNNING === 4,
      );
    }
    const before = cluster.marks();
    const cutOff = before.filter(({ worker }) => worker === "w0").length > 3 ? 0 : 1;
    const [name, other] = [`w${cutOff}`, `w${1 - cutOff}`];
    const lost = before.filter(({ worker }) => worker === name);
    await cluster.network.between({ cut: true }, cluster.pair(cutOff));
    await cluster.until("it is given up and its tasks run elsewhere", () => {
      const there = cluster.marks().filter((one) => one.what === "start" && one.worker === other);
      return lost.every(({ job, task }) =>
        there.some((one) => one.job === job && one.task === task)
      );
    });
    const zombies = cluster.tasksOn(cluster.workerHost(cutOff)).length;
    await cluster.network.between({}, cluster.pair(cutOff));
    await cluster.until(
      "what it still ran is gone",
      () => cluster.tasksOn(cluster.workerHost(cutOff)).length === 0,
    );
    const short = await cluster.iris("job", "wait", "short");
    assertEquals(short.code, 0, short.stderr);
    for (const { index, worker } of (await cluster.job("short")).tasks) {
      const again = lost.some((one) => one.job === "short" && one.task === index);
      if (again) assertEquals(worker, other, "the late result is refused");
    }
    assertEquals((await cluster.iris("job", "stop", "long")).code, 0);
    const charged = (await cluster.events("task_retried")).length;
    assertEquals(charged, lost.length, "each is charged one loss");
    assert(zombies > 0, "something ran on behind the cut");
    console.log(`# cut off: ${zombies} zombies ended, ${charged} losses charged`);
  },
);

scenario(
  "a host that vanishes takes nothing along: its tasks run elsewhere",
  { workers: 2, controllerFlags: ["--worker-lost-after=3s"] },
  async (cluster) => {
    await submit(cluster, "a", ["--replicas=60"], cluster.task(200, { longMs: 3_000, every: 6 }));
    await cluster.until("both work", () => {
      const marks = cluster.marks();
      return ["w0", "w1"].every((name) => marks.filter((one) => one.worker === name).length > 4);
    });
    await cluster.workerHost(0).vanish();
    const done = await cluster.iris("job", "wait", "a");
    assertEquals(done.code, 0, done.stderr);
    assertEquals((await cluster.job("a")).counts, { SUCCEEDED: 60 });
    assertEquals(doubles(cluster.marks()), []);
    const ended = ends(cluster.marks()).map(({ task }) => task);
    assertEquals(new Set(ended).size, 60);
  },
);

scenario(
  "a controller that is killed and starts again on another host is found by its workers",
  {
    ...{ workers: 2, controllerHosts: 2 },
    workerFlags: ["--controller-lost-after=2s"],
  },
  async (cluster) => {
    await submit(cluster, "a", ["--replicas=60"], cluster.task(100, { longMs: 5_000, every: 8 }));
    await cluster.until("tasks run", () => cluster.marks().length > 10);
    await cluster.kill(cluster.controller);
    await cluster.startController(cluster.network.hosts[1]!);
    const done = await cluster.iris("job", "wait", "a");
    assertEquals(done.code, 0, done.stderr);
    await assertUndisturbed(cluster, 60);
    await cluster.until(
      "both are known there",
      async () =>
        (await cluster.workerViews()).filter(({ state }) => state === "alive").length === 2,
    );
    // Tasks of what is submitted from now on are told the new address.
    const where = await cluster.iris(...["job", "run", "--", "sh", "-c", "echo $IRIS_CONTROLLER"]);
    assertEquals(where.stdout.trim().split(" | ")[1], "http://10.77.0.2:10000");
  },
);
