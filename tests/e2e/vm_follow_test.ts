/** `iris vm logs --follow`, as its users see it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeWorld, startIris } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import {
  areReady,
  clusterUp,
  controllerUp,
  managerStarted,
  run,
  untilVms,
  UP_MS,
} from "../support/vm_cluster.ts";

const CONFIG = `groups:
  - name: cpu
    vm: { cpu: 1, memory: 256MiB }
    min: 1
    max: 1
    provider: { kind: process }
`;

Deno.test("a VM's log is followed until the VM is gone, or until Ctrl-C", async () => {
  using world = makeWorld();
  Deno.writeTextFileSync(`${world.dir}/iris.yaml`, CONFIG);
  const cluster = await clusterUp(world);
  await untilVms(world, (vms) => vms.length > 0);
  const text = startIris(world, ["vm", "logs", "cpu-0", "--follow"]);
  const json = startIris(world, ["vm", "logs", "cpu-0", "--follow", "--json", "--tail=0"]);
  const given = startIris(world, ["vm", "logs", "cpu-0", "--follow"]);
  await text.printed(/^\S+Z .*worker cpu-0 http/m, UP_MS);
  await given.printed(/worker cpu-0 http/, UP_MS);
  Deno.kill(given.pid, "SIGINT");
  assertEquals([(await given.ended).code, given.output().stderr], [130, ""]);
  await untilVms(world, areReady("cpu-0"));
  assertEquals((await run(world, ["vm", "stop", "cpu-0"])).code, 0);
  assertEquals([(await text.ended).code, text.output().stderr], [0, ""]);
  assertEquals((await json.ended).code, 0);
  for (const line of json.output().stdout.trimEnd().split("\n").filter((line) => line !== "")) {
    assertEquals(Object.keys(JSON.parse(line)), ["atMs", "text"]);
  }
  // Of one that is gone it is all that there is.
  const again = await run(world, ["vm", "logs", "cpu-0", "--follow"]);
  assertEquals([again.code, again.stdout], [0, text.output().stdout]);
  const none = await run(world, ["vm", "logs", "cpu-9", "--follow"]);
  assertEquals([none.code === 0, none.stderr], [false, "iris: No such VM: cpu-9\n"]);
  Deno.kill(cluster.process.pid, "SIGTERM");
  assertEquals((await cluster.process.ended).code, 0);
  assertEquals(world.survivors(), []);
});

Deno.test(
  "a follower of a VM elsewhere goes on after the VM manager and the controller were away",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const rack = { name: "rack", group: "cpu" };
    const first = managerStarted(world, controller, rack);
    await untilVms(world, areReady("cpu-0"));
    const follower = startIris(world, ["vm", "logs", "cpu-0", "--follow"]);
    await follower.printed(/worker cpu-0 http/, UP_MS);

    Deno.kill(first.pid, "SIGKILL");
    await first.ended;
    const second = managerStarted(world, controller, rack);
    await second.printed(/^vm-manager rack for/m, UP_MS);
    const port = Number(new URL(controller.url).port);
    Deno.kill(controller.process.pid, "SIGKILL");
    await controller.process.ended;
    await follower.printed(/^iris: .*; trying again$/m, UP_MS);
    const again = await controllerUp(world, port);
    await untilVms(world, areReady("cpu-0"));
    // What its worker says from here on comes after all that.
    const reload = await run(world, ["vm", "reload", "cpu-0"]);
    assertEquals(reload.code, 0, reload.stderr);
    await follower.printed(/worker cpu-0 http[^]*worker cpu-0 http/, UP_MS);
    assertEquals((await run(world, ["vm", "stop", "cpu-0"])).code, 0);
    assertEquals((await follower.ended).code, 0, follower.output().stderr);

    const { stdout } = await run(world, ["vm", "logs", "cpu-0"]);
    const told = follower.output().stdout;
    assertEquals(told, stdout);
    assertStringIncludes(told, "worker cpu-0 http");
    const stop = await run(world, ["cluster", "stop", "--json"]);
    assertMatch(stop.stdout, /"name":"vm-manager rack"/);
    assert((await second.ended).code === 0 && (await again.process.ended).code === 0);
    assertEquals(world.survivors(), []);
  },
);
