import { assert, assertEquals, assertRejects } from "@std/assert";
import { IrisError } from "../../../src/base/errors.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { IrisClient } from "../../../src/client/iris_client.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import { makeProcessProvider } from "../../../src/vm/process/process_provider.ts";
import { HeardEvents, providerContract, type ProviderWorld } from "../../contracts/vm_provider.ts";
import { type IrisProcess, makeWorld, startIris } from "../../support/iris_process.ts";
import { scaleGroup } from "../../fakes/scale_groups.ts";
import { inGate, needs } from "../../support/require.ts";

const UP_MS = 30_000;

interface ProcessWorld extends ProviderWorld {
  readonly client: IrisClient;
  readonly folder: string;
  readonly tag: string;
  until(what: string, holds: () => Promise<boolean> | boolean): Promise<void>;
}

/** A real controller, and workers as real processes. */
async function world(sliceVms: number): Promise<ProcessWorld> {
  const at = makeWorld();
  const controller: IrisProcess = startIris(at, [
    ...["--mode=controller", "--port=0", `--state-dir=${at.stateDir}`],
  ]);
  const [url] = await controller.printed(/http:\/\/127\.0\.0\.1:\d+/, UP_MS);
  const read = (name: string) => Deno.readTextFileSync(`${at.stateDir}/${name}`).trim();
  const client = new IrisClient({ url, token: read("token"), user: "u" });
  const launch = {
    ...{ controllerUrls: [url], isLoopback: true, token: read("worker-token"), trust: null },
    ...{ insecure: false, version: "0", controllerLostMs: 30_000, endAfterLostMs: 600_000 },
  };
  const until = async (what: string, holds: () => Promise<boolean> | boolean) => {
    const giveUp = performance.now() + UP_MS;
    while (!await holds()) {
      assert(performance.now() < giveUp, `${what}: ${at.survivors().join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const left = () => at.survivors().filter((line) => !line.startsWith(`${controller.pid} `));
  const folder = `${at.dir}/vms`;
  return {
    ...{ client, folder, tag: at.tag, until },
    group: scaleGroup({ name: "g", sliceVms, cpuMilli: 500, memoryBytes: 64 * 1024 ** 2 }),
    make: (context) =>
      makeProcessProvider({ kind: "process" }, {
        ...context,
        ...{ cluster: at.tag, folder, launch: () => Promise.resolve(launch) },
      }),
    workerUp: (vm) =>
      until(
        `${vm} is not up`,
        async () =>
          (await client.workers()).some(({ name, state }) => name === vm && state === "alive"),
      ),
    crash(vm) {
      const note = JSON.parse(Deno.readTextFileSync(`${folder}/${vm}/vm.json`));
      // A signal to no process goes to all of this test's own group.
      assert(Number.isInteger(note.process.pid) && note.process.pid > 1, JSON.stringify(note));
      Deno.kill(note.process.pid, "SIGKILL");
      return Promise.resolve();
    },
    left: () => Promise.resolve(left()),
    async end() {
      Deno.kill(controller.pid, "SIGTERM");
      await controller.ended;
      at[Symbol.dispose]();
    },
  };
}

providerContract({ name: "process", slowMs: UP_MS, world: () => world(1) });
providerContract({
  ...{ name: "process with slices of two", need: inGate(), slowMs: UP_MS, world: () => world(2) },
});

/** A provider of a world, owned by a root of its own. */
async function provider(of: ProcessWorld) {
  const heard = new HeardEvents();
  const owner = Owner.root("test", { clock: systemClock });
  const made = await of.make({ clock: systemClock, owner, receiver: heard, group: of.group });
  return { made, heard, leave: () => owner.stop(10_000, "detach") };
}

const GONE = { names: ["gone", "failed"] as const, withinMs: UP_MS };

Deno.test(
  "a worker that is reloaded in place keeps the tasks that run there",
  inGate(),
  async () => {
    const at = await world(1);
    const { made, heard, leave } = await provider(at);
    const slice = { slice: "g-0", vms: ["g-0"] };
    await made.create(slice, AbortSignal.timeout(UP_MS));
    await at.workerUp("g-0");
    const [before] = await at.client.workers();
    await at.client.submit({
      ...{ name: "j", argv: ["/bin/sleep", `3.${at.tag}`], cpuMilli: 100, memoryBytes: 0 },
    });
    await at.until("the task", async () => (await at.client.job("/u/j")).counts.RUNNING === 1);
    await made.reload("g-0", AbortSignal.timeout(UP_MS));
    await at.until("the new worker", async () => {
      const [worker] = await at.client.workers();
      return worker?.state === "alive" && worker.pid !== before?.pid;
    });
    await at.until("the end of the job", async () => (await at.client.job("/u/j")).done);
    const [task] = await at.client.tasks("/u/j");
    assertEquals([task?.state, task?.attempt], ["SUCCEEDED", 0]);
    assertEquals(heard.count("g-0", ["gone", "failed"]), 0);
    made.delete({ ...slice, externalId: null, stopMs: 5_000, reason: "test" });
    await heard.heard("g-0", GONE);
    assertEquals(await at.left(), []);
    await leave();
    await at.end();
  },
);

Deno.test(
  "a reload that is given up halfway, by its caller or with the VM manager, leaves a worker",
  inGate(),
  async () => {
    const at = await world(1);
    const first = await provider(at);
    const slice = { slice: "g-0", vms: ["g-0"] };
    await first.made.create(slice, AbortSignal.timeout(UP_MS));
    await at.workerUp("g-0");
    const workerPid = async () => (await at.client.workers())[0]?.pid;
    const another = (before: number | undefined) =>
      at.until("the new worker", async () => ![before, undefined].includes(await workerPid()));
    let before = await workerPid();
    const caller = new AbortController();
    const reloading = first.made.reload("g-0", caller.signal);
    await begun();
    caller.abort();
    await reloading;
    await another(before);

    before = await workerPid();
    const again = first.made.reload("g-0", AbortSignal.timeout(UP_MS));
    await begun();
    await first.leave();
    await again;
    const second = await provider(at);
    const found = await second.made.existing(AbortSignal.timeout(UP_MS));
    assertEquals(found.map(({ slice }) => slice), ["g-0"]);
    await another(before);
    for (const { heard } of [first, second]) assertEquals(heard.count("g-0", GONE.names), 0);
    second.made.delete({ ...slice, externalId: null, stopMs: 5_000, reason: "test" });
    await second.heard.heard("g-0", GONE);
    assertEquals(await at.left(), []);
    await second.leave();
    await at.end();
  },
);

/** What takes no time has been done: here, the old worker was killed. */
async function begun(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const MOUNTS = inGate(
  await needs("the right to mount (root, mount)", async () => {
    const args = ["--mount", "mount", "-t", "tmpfs", "iris-probe", "/mnt"];
    return (await new Deno.Command("unshare", { args, stderr: "null" }).output()).success;
  }),
);

Deno.test({
  name: "a VM whose folder cannot be removed is told as gone once it can be",
  ...MOUNTS,
  async fn() {
    const at = await world(1);
    const { made, heard, leave } = await provider(at);
    const slice = { slice: "g-0", vms: ["g-0"] };
    await made.create(slice, AbortSignal.timeout(UP_MS));
    await at.workerUp("g-0");
    const busy = `${at.folder}/g-0/busy`;
    Deno.mkdirSync(busy);
    await new Deno.Command("mount", { args: ["-t", "tmpfs", "iris-test", busy] }).output();
    try {
      made.delete({ ...slice, externalId: null, stopMs: 5_000, reason: "test" });
      const said = () => heard.lines.some((line) => line.includes("cannot be removed yet"));
      await at.until("it says why", said);
      assertEquals(heard.count("g-0", GONE.names), 0);
    } finally {
      await new Deno.Command("umount", { args: [busy] }).output();
    }
    await heard.heard("g-0", GONE);
    assertEquals([...Deno.readDirSync(at.folder)], []);
    await leave();
    await at.end();
  },
});

Deno.test("what an earlier VM manager only meant to start, or lost the note of, is ended", async () => {
  const at = await world(1);
  const first = await provider(at);
  for (const slice of ["g-0", "g-1"]) {
    await first.made.create({ slice, vms: [slice] }, AbortSignal.timeout(UP_MS));
    await at.workerUp(slice);
  }
  await first.leave();
  // As after a kill between the start and its note, and a folder that somebody removed.
  const note = JSON.parse(Deno.readTextFileSync(`${at.folder}/g-0/vm.json`));
  Deno.writeTextFileSync(`${at.folder}/g-0/vm.json`, JSON.stringify({ ...note, process: null }));
  Deno.removeSync(`${at.folder}/g-1`, { recursive: true });
  const second = await provider(at);
  const found = await second.made.existing(AbortSignal.timeout(UP_MS));
  assertEquals(found.map(({ slice }) => slice), ["g-0"]);
  await second.heard.heard("g-0", GONE);
  await at.until("the end of both", async () => (await at.left()).length === 0);
  assertEquals([...Deno.readDirSync(at.folder)], []);
  await second.leave();
  await at.end();
});

/** A provider without a controller, which starts nothing unless it is told how. */
async function alone(launch: () => Promise<never>) {
  const folder = Deno.makeTempDirSync({ prefix: "iris-process-" });
  const heard = new HeardEvents();
  const owner = Owner.root("test", { clock: systemClock });
  const made = await makeProcessProvider({ kind: "process" }, {
    ...{ clock: systemClock, owner, receiver: heard, group: scaleGroup({ name: "g" }) },
    ...{ cluster: "c", folder, launch },
  });
  return { made, heard, folder, owner };
}

Deno.test("what was ended before it could be started is refused, and never started", async () => {
  const launch = Promise.withResolvers<never>();
  const { made, heard, folder, owner } = await alone(() => launch.promise);
  const slice = { slice: "g-0", vms: ["g-0"] };
  const created = made.create(slice, AbortSignal.timeout(UP_MS));
  made.delete({ ...slice, externalId: null, stopMs: 0, reason: "test" });
  await heard.heard("g-0", GONE);
  launch.resolve({} as never);
  const error = await assertRejects(() => created, IrisError);
  assertEquals([error.code, error.message], ["unavailable", "It is not wanted any more"]);
  assertEquals([...Deno.readDirSync(folder)], []);
  await owner.stop(5_000, "shutdown");
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("a clearing that hangs does not keep a stop waiting", async () => {
  const { made, folder, owner } = await alone(() => Promise.reject(new Error("nobody asks")));
  const state = `${folder}/g-0/state`;
  Deno.mkdirSync(state, { recursive: true });
  const note = { vm: "g-0", slice: "g-0", vms: ["g-0"], boot: "another", process: null };
  Deno.writeTextFileSync(`${folder}/g-0/vm.json`, JSON.stringify(note));
  // Whoever reads this waits for ever.
  const { success } = await new Deno.Command("mkfifo", { args: [`${state}/marker-id`] }).output();
  assert(success);
  await made.existing(AbortSignal.timeout(UP_MS));
  const slice = { slice: "g-0", vms: ["g-0"], externalId: null, stopMs: 0, reason: "test" };
  made.delete(slice);
  const clears = () =>
    [...Deno.readDirSync("/proc")].filter(({ name }) => {
      try {
        return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(`--state-dir=${state}`);
      } catch {
        return false;
      }
    }).length;
  const giveUp = performance.now() + UP_MS;
  while (clears() === 0) {
    assert(performance.now() < giveUp, "it is not cleared");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const began = performance.now();
  const report = await owner.stop(10_000, "detach");
  assertEquals(report.outcome, "clean");
  assert(performance.now() - began < 5_000);
  Deno.removeSync(folder, { recursive: true });
});
