/** VMs as users see them: scale groups of a local cluster, with workers as real processes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeWorld, type World } from "../support/iris_process.ts";
import { inGate } from "../support/require.ts";
import { areReady, clusterUp, run, untilVms, UP_MS } from "../support/vm_cluster.ts";
import type { VmView } from "../../src/wire/vms.ts";

const CONFIG = `groups:
  - name: cpu
    vm: { cpu: 1, memory: 256MiB }
    min: 1
    max: 2
    provider: { kind: process }
`;

async function vms(world: World): Promise<VmView[]> {
  return JSON.parse((await run(world, ["vm", "list", "--json", "--gone"])).stdout);
}

/** Until a command says so: trees and events follow what they tell of by a moment. */
async function said(world: World, args: string[], what: RegExp): Promise<void> {
  const end = Date.now() + UP_MS;
  for (;;) {
    const { stdout } = await run(world, args);
    if (what.test(stdout)) return;
    assert(Date.now() < end, stdout);
  }
}

Deno.test("a group's VMs come up, outlive a killed cluster, are adopted by the next, and end with it", async () => {
  using world = makeWorld();
  Deno.writeTextFileSync(`${world.dir}/iris.yaml`, CONFIG);
  const first = await clusterUp(world);
  const [vm] = await untilVms(world, areReady("cpu-0"));
  assertEquals([vm!.group, vm!.provider, vm!.manager], ["cpu", "process", "local"]);
  assertMatch((await run(world, ["vm", "logs", "cpu-0"])).stdout, /worker cpu-0 http/);
  await said(world, ["tree"], /cpu {2}component.*1 of 1 slices ready/);
  await said(world, ["events"], /vm_state cpu-0 .*state=READY/);

  assertEquals((await run(world, ["job", "run", "--no-wait", "--cpu=4", "--", "true"])).code, 0);
  const hopeless = /no group can make a worker for a task of it: cpu: 1 cores of the 4 needed/;
  const [{ name: job }] = JSON.parse((await run(world, ["job", "list", "--json"])).stdout);
  await said(world, ["job", "explain", job], hopeless);
  await said(world, ["vm", "explain", "cpu"], /^cpu: 1 of at most 2 slices, 0 needed, 1 idle/);
  assertEquals((await run(world, ["vm", "explain", "gpu"])).stderr, "iris: No such group: gpu\n");

  Deno.kill(first.process.pid, "SIGKILL");
  await first.process.ended;
  assertEquals(world.survivors().some((line) => line.includes("--name=cpu-0")), true);
  const second = await clusterUp(world);
  await untilVms(world, areReady("cpu-0"));

  const stop = await run(world, ["vm", "stop", "cpu-0", "--wait", "--reason", "a broken disk"]);
  assertEquals([stop.code, stop.stderr], [0, "cpu-0 is gone\n"]);
  const after = await untilVms(world, areReady("cpu-1"));
  const gone = after.find(({ vm }) => vm === "cpu-0");
  assertEquals([gone?.state, gone?.reason], ["TERMINATED", "a broken disk"]);
  const none = await run(world, ["vm", "show", "cpu-9"]);
  assertEquals([none.code === 0, none.stderr], [false, "iris: No such VM: cpu-9\n"]);

  const report = await run(world, ["cluster", "stop"]);
  assertEquals(report.code, 0, report.stdout + report.stderr);
  assertEquals((await second.process.ended).code, 0);
  assertEquals(world.survivors(), []);
});

Deno.test(
  "SIGHUP takes a changed iris.yaml in, says what needs a new start, and stands a wrong one",
  inGate(),
  async () => {
    using world = makeWorld();
    const file = `${world.dir}/iris.yaml`;
    Deno.writeTextFileSync(file, CONFIG);
    const cluster = await clusterUp(world);
    await untilVms(world, areReady("cpu-0"));
    const hangup = async (text: string, says: RegExp) => {
      Deno.writeTextFileSync(file, text);
      Deno.kill(cluster.process.pid, "SIGHUP");
      await cluster.process.printed(says, UP_MS);
    };
    const changed = CONFIG.replace("min: 1", "min: 2") +
      CONFIG.slice("groups:\n".length).replace("name: cpu", "name: more");
    await hangup(changed, /group more: new/);
    await untilVms(world, areReady("cpu-1", "more-0"));
    assertMatch(cluster.process.output().stderr, /group cpu: changed/);
    // The one that was there was taken over, and is the same.
    assertEquals(
      cluster.process.output().stderr.includes("orphan"),
      false,
      cluster.process.output().stderr,
    );
    assertEquals((await vms(world)).find(({ vm }) => vm === "cpu-0")?.vm, "cpu-0");
    await hangup(changed.replace("max: 2", "max: 0"), /iris\.yaml is wrong: nothing changes/);
    await hangup(
      `local: { logLevel: debug }\n${changed.replace("kind: process", "kind: fake")}`,
      /logLevel takes effect at the next start[^]*group cpu: the kind of provider of a group cannot/,
    );
    assertEquals((await vms(world)).filter(({ state }) => state === "READY").length, 3);
    Deno.kill(cluster.process.pid, "SIGTERM");
    assertEquals((await cluster.process.ended).code, 0, cluster.process.output().stderr);
    assertEquals(world.survivors(), []);
  },
);

Deno.test({
  name: "VMs that do not go by the deadline are named as leaked, in time, and written down",
  ...inGate(),
  fn: async () => {
    using world = makeWorld();
    Deno.writeTextFileSync(
      `${world.dir}/iris.yaml`,
      "groups:\n  - name: ghost\n    vm: { cpu: 1, memory: 1GiB }\n    min: 2\n    max: 2\n" +
        "    provider: { kind: fake, boot: 10ms, delete: 1h }\n",
    );
    const { process } = await clusterUp(world);
    await untilVms(world, areReady("ghost-0", "ghost-1"));
    const began = performance.now();
    const stop = await run(world, ["cluster", "stop", "--timeout", "2s"]);
    assert(performance.now() - began < 5_000);
    assertEquals([stop.code, (await process.ended).code], [4, 4]);
    assertMatch(
      stop.stdout,
      /left over: VM ghost-1 \(fake \S+\) is STOPPING: its provider did not say that it is gone; the next start/,
    );
    // The next start finds that nothing is there any more.
    const next = await clusterUp(world);
    await untilVms(world, areReady("ghost-2", "ghost-3"));
    Deno.kill(next.process.pid, "SIGKILL");
    await next.process.ended;
  },
});

Deno.test("long tasks do not wait behind each other where VMs can be had", inGate(), async () => {
  using world = makeWorld();
  Deno.writeTextFileSync(
    `${world.dir}/iris.yaml`,
    CONFIG.replace("max: 2", "max: 3\n    pace: { createsPerMinute: 600 }"),
  );
  const cluster = await clusterUp(world);
  await untilVms(world, areReady("cpu-0"));
  const submitted = await run(world, [
    ...["job", "run", "--no-wait", "--name=long", "--replicas=3"],
    ...["--", "sleep", `600.${world.tag}`],
  ]);
  assertEquals(submitted.code, 0, submitted.stderr);
  await said(world, ["job", "show", "long"], /3 running/i);
  // What runs is known a moment before the VMs are shown as ready.
  await untilVms(world, (vms) => vms.filter(({ state }) => state === "READY").length === 3);
  Deno.kill(cluster.process.pid, "SIGTERM");
  assertEquals((await cluster.process.ended).code, 0, cluster.process.output().stderr);
  assertEquals(world.survivors(), []);
});
