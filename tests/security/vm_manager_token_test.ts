/** A VM manager with a token of its own: it speaks for VMs, and its workers have theirs. */
import { assertEquals, assertMatch } from "@std/assert";
import { makeWorld } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { areReady, controllerUp, managerStarted, run, untilVms } from "../support/vm_cluster.ts";

Deno.test(
  "a VM manager with a token of its own makes VMs, whose workers have the workers' token",
  inGate(),
  async () => {
    using world = makeWorld();
    const controller = await controllerUp(world);
    const made = await run(world, [
      ...["token", "create", "--user=rack", "--role=vm-manager"],
    ]);
    const file = `${world.dir}/rack.token`;
    Deno.writeTextFileSync(file, made.stdout);
    const rack = managerStarted(world, controller, {
      ...{ name: "rack", group: "cpu" },
      tokens: [
        `--token-file=${file}`,
        `--worker-token-file=${controller.folder}/worker-token`,
      ],
    });
    await untilVms(world, areReady("cpu-0"));
    const denied = await run(world, ["job", "list", `--token-file=${file}`]);
    assertEquals(denied.code, 1);
    assertMatch(
      denied.stderr,
      /needs the role admin or viewer or user.*this token is of a vm-manager/,
    );
    const stop = await run(world, ["cluster", "stop"]);
    assertEquals(stop.code, 0, stop.stderr);
    const codes = await Promise.all([rack, controller.process].map(({ ended }) => ended));
    assertEquals(codes.map(({ code }) => code), [0, 0]);
    assertEquals(world.survivors(), []);
  },
);
