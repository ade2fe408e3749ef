/** VM managers in processes of their own, as their users see them. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { until } from "../support/cli_cluster.ts";
import { makeWorld, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import {
  areReady,
  controllerUp,
  managerStarted,
  run,
  untilVms,
  UP_MS,
} from "../support/vm_cluster.ts";

/** The processes of workers that are there. */
function workers(world: World): number[] {
  return world.survivors().filter((line) => line.includes("--mode=worker"))
    .map((line) => Number(line.split(" ")[0]));
}

Deno.test(
  "two VM managers work side by side, and a stop of the cluster ends all that is theirs",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const [rack, attic] = [
      managerStarted(world, controller, { name: "rack", group: "cpu" }),
      managerStarted(world, controller, { name: "attic", group: "gpu" }),
    ];
    await untilVms(world, areReady("cpu-0", "gpu-0"));
    assertMatch(rack.output().stdout, /^vm-manager rack for http/);
    const tree = await run(world, ["tree"]);
    assertMatch(tree.stdout, /attic {2}component.*not owned by this process/);
    assertMatch(tree.stdout, /gpu {2}component.*1 of 1 slices ready/);
    const logs = await run(world, ["vm", "logs", "gpu-0"]);
    assertMatch(logs.stdout, /worker gpu-0 http/);
    const job = await run(world, [
      ...["job", "run", "--constraint", "group = gpu", "--", "sh", "-c", "echo on $IRIS_WORKER"],
    ]);
    assertStringIncludes(job.stdout, "on gpu-0");

    const stop = await run(world, ["cluster", "stop", "--json"]);
    assertEquals(stop.code, 0, stop.stdout + stop.stderr);
    for (const name of ["rack", "attic"]) {
      assertStringIncludes(stop.stdout, `"name":"vm-manager ${name}"`);
    }
    const codes = await Promise.all([rack, attic, controller.process].map(({ ended }) => ended));
    assertEquals(codes.map(({ code }) => code), [0, 0, 0]);
    assertEquals(world.survivors(), []);
  },
);

Deno.test(
  "a killed VM manager leaves its VMs to its next start, and a stop of it ends them",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const rack = { name: "rack", group: "cpu" };
    const first = managerStarted(world, controller, rack);
    await untilVms(world, areReady("cpu-0"));
    Deno.kill(first.pid, "SIGKILL");
    await first.ended;
    const second = managerStarted(world, controller, rack);
    await second.printed(/^vm-manager rack for/m, UP_MS);
    await untilVms(world, areReady("cpu-0"));
    assertEquals(workers(world).length, 1);
    Deno.kill(second.pid, "SIGTERM");
    assertEquals((await second.ended).code, 0, second.output().stderr);
    assertEquals(workers(world), []);
    Deno.kill(controller.process.pid, "SIGTERM");
    assertEquals((await controller.process.ended).code, 0);
    assertEquals(world.survivors(), []);
  },
);

Deno.test(
  "VMs stay as they are while the controller is away, and min is kept",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const rack = managerStarted(world, controller, { name: "rack", group: "cpu" });
    await untilVms(world, areReady("cpu-0"));
    const port = Number(new URL(controller.url).port);
    // A signal to the controller is no stop of the cluster.
    Deno.kill(controller.process.pid, "SIGTERM");
    assertEquals((await controller.process.ended).code, 0);
    assertEquals(workers(world).length, 1);
    for (const pid of workers(world)) Deno.kill(pid, "SIGKILL");
    await rack.printed(/cpu-0: .*/, UP_MS);
    const again = await controllerUp(world, port);
    await untilVms(world, areReady("cpu-1"));
    const stop = await run(world, ["cluster", "stop"]);
    assertEquals(stop.code, 0, stop.stdout + stop.stderr);
    assertEquals((await rack.ended).code, 0);
    assertEquals((await again.process.ended).code, 0);
    assertEquals(world.survivors(), []);
  },
);

Deno.test(
  "a VM manager that never calls again is named at a stop, also after a restart of the controller",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const rack = managerStarted(world, controller, { name: "rack", group: "cpu" });
    await untilVms(world, areReady("cpu-0"));
    // What it has is written down about a second after it said so.
    const book = `${world.dir}/state/vm-managers/known.json`;
    await until(() => Deno.readTextFileSync(book).includes("cpu-0"), "the book of VM managers");
    Deno.kill(rack.pid, "SIGKILL");
    Deno.kill(controller.process.pid, "SIGKILL");
    await Promise.all([rack.ended, controller.process.ended]);
    const again = await controllerUp(world);
    const missed = await run(world, ["vm", "show", "cpu-0"]);
    assertEquals(missed.stderr, "iris: The VM manager rack, which had VM cpu-0, is not heard\n");
    assertMatch(
      (await run(world, ["tree"])).stdout,
      /rack {2}component.*not heard since \d{4}-\d\d-\d\dT/,
    );
    const stop = await run(world, ["cluster", "stop"]);
    assertEquals([stop.code, (await again.process.ended).code], [4, 4]);
    assertMatch(
      stop.stdout,
      /left over: VM manager rack was not reached, and not heard since \S+; these VMs may go on: cpu-0 \(process pid \d+\): start it again with its state folder, and stop it there/,
    );
    // As it says: then it is no more named.
    const third = await controllerUp(world);
    const back = managerStarted(world, third, { name: "rack", group: "cpu" });
    await untilVms(world, areReady("cpu-0"));
    Deno.kill(back.pid, "SIGTERM");
    assertEquals((await back.ended).code, 0, back.output().stderr);
    const clean = await run(world, ["cluster", "stop"]);
    assertEquals([clean.code, (await third.process.ended).code], [0, 0], clean.stdout);
    assertEquals(world.survivors(), []);
  },
);

Deno.test(
  "SIGHUP gives a VM manager other groups, unless another one has them",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const rack = managerStarted(world, controller, { name: "rack", group: "cpu" });
    const attic = managerStarted(world, controller, { name: "attic", group: "gpu" });
    await untilVms(world, areReady("cpu-0", "gpu-0"));
    const file = `${world.dir}/rack.yaml`;
    const before = Deno.readTextFileSync(file);
    const more = (name: string) =>
      before + before.slice("groups:\n".length).replace("name: cpu", `name: ${name}`);
    Deno.writeTextFileSync(file, more("gpu"));
    Deno.kill(rack.pid, "SIGHUP");
    await rack.printed(/groups stay as they are: .*The VM manager attic has a group gpu/, UP_MS);
    Deno.writeTextFileSync(file, more("tpu"));
    Deno.kill(rack.pid, "SIGHUP");
    await rack.printed(/group tpu: new/, UP_MS);
    await untilVms(world, areReady("cpu-0", "gpu-0", "tpu-0"));
    for (const manager of [rack, attic]) {
      Deno.kill(manager.pid, "SIGTERM");
      assertEquals((await manager.ended).code, 0, manager.output().stderr);
    }
    Deno.kill(controller.process.pid, "SIGTERM");
    await controller.process.ended;
    assertEquals(world.survivors(), []);
  },
);

Deno.test("what is wrong with how a VM manager is started is one line that names it", async () => {
  using world = makeWorld();
  const token = `${world.dir}/token`;
  Deno.writeTextFileSync(token, "secret");
  const local = `${world.dir}/local.yaml`;
  Deno.writeTextFileSync(
    local,
    "groups:\n  - { name: a, vm: { cpu: 1, memory: 1GiB }, max: 1, provider: { kind: local } }\n",
  );
  const given = ["--mode=vm-manager", "--controller=http://127.0.0.1:1", `--token-file=${token}`];
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["--mode=vm-manager"], /^iris: --mode=vm-manager needs --controller$/],
    [given, /^iris: --mode=vm-manager needs --config with at least one of `groups`$/],
    [[...given, `--config=${local}`], /^iris: Group a: workers of the provider local live inside/],
  ];
  for (const [args, says] of wrong) {
    const { code, stderr } = await run(world, args);
    assertEquals([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
    assertMatch(stderr.trimEnd(), says);
  }
});
