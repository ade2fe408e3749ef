import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { inGate, needs } from "../../support/require.ts";
import { canHaveSshHosts, standInProgram, until } from "../../support/ssh/ssh_hosts.ts";
import {
  OBEDIENT,
  SshStage,
  sshTest,
  stubProgram,
  workersOn,
} from "../../support/ssh/ssh_world.ts";

const need = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));
const LONG_MS = 30_000;

/** The ssh clients that this process has now. */
function clients(): number[] {
  return [...Deno.readDirSync("/proc/self/task")].flatMap(({ name }) =>
    Deno.readTextFileSync(`/proc/self/task/${name}/children`).trim().split(" ")
  ).filter((pid) => pid !== "" && Deno.readTextFileSync(`/proc/${pid}/comm`) === "ssh\n")
    .map(Number);
}

function soon(): AbortSignal {
  return AbortSignal.timeout(LONG_MS);
}

sshTest("a reboot of the host is told as the end of the VM, and the host serves again", {
  need,
  timing: { phaseMs: 2_000 },
  config: { connectTimeoutMs: 2_000 },
}, async (stage, world) => {
  const [host] = world.hosts.hosts;
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  await host!.crash();
  await stage.said(/reconnecting/);
  await host!.boot();
  assertMatch(await stage.gone(vm), /^gone root@\S+: \w+: the host was rebooted/);
  assertEquals(world.hosts.left(), []);
  await stage.create(provider, 1);
  await world.workerUp("g-1");
  await stage.delete(provider, "g-1");
});

sshTest("a client that is killed is replaced, and the worker never notices", {
  need,
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const before = workersOn(world.hosts, vm);
  for (const pid of clients()) Deno.kill(pid, "SIGKILL");
  await stage.said(/reconnecting/);
  await until("another client watches", () => Promise.resolve(clients().length === 1));
  assertEquals(workersOn(world.hosts, vm), before);
  await stage.delete(provider, vm);
  assertEquals(stage.heard.count(vm, ["gone", "failed"]), 1);
});

sshTest("clients that a stop without time kills are not told as left over", {
  need,
  count: 2,
}, async (_stage, world) => {
  const first = new SshStage(world);
  const provider = await first.provider();
  for (const number of [0, 1]) await first.create(provider, number);
  for (const number of [0, 1]) await first.said(new RegExp(`g-${number} running`));
  assertEquals(clients().length, 2);
  const report = await first.kill();
  assertEquals(report.outcome, "forced", JSON.stringify(report));
  assertEquals(clients(), []);
  const second = new SshStage(world);
  const next = await second.provider();
  for (const slice of await next.existing(soon())) {
    next.delete({ ...slice, stopMs: 1_000, reason: "test" });
    await second.gone(slice.vms[0]!);
  }
  await second.leave();
});

sshTest("whenever clients are killed on the way up, the next VM manager finds what there is", {
  need,
  count: 2,
}, async (_stage, world) => {
  for (const phase of ["connecting", "probing", "copying", "starting", "running"]) {
    const first = new SshStage(world);
    const provider = await first.provider();
    await first.create(provider);
    await first.said(new RegExp(`g-0 ${phase}`));
    for (const pid of clients()) Deno.kill(pid, "SIGKILL");
    await first.leave();
    const second = new SshStage(world);
    const next = await second.provider();
    const found = await next.existing(soon());
    for (const slice of found) next.delete({ ...slice, stopMs: 1_000, reason: "test" });
    for (const { vms } of found) await second.gone(vms[0]!);
    await second.leave();
    assertEquals(await world.hosts.stays(), []);
  }
});

sshTest("a provider that takes in nothing new still ends what it has, connected or not", {
  need,
  count: 2,
}, async (stage, world) => {
  const provider = await stage.provider();
  const vms = [await stage.create(provider, 0), await stage.create(provider, 1)];
  await stage.said(/g-0 running/);
  await stage.said(/g-1 running/);
  stage.close();
  Deno.kill(clients()[0]!, "SIGKILL");
  await Promise.all(vms.map((vm) => stage.delete(provider, vm)));
  assertEquals(await world.hosts.stays(), []);
});

sshTest("a worker that ignores SIGTERM is killed after its grace, with what it started", {
  need,
}, async (stage, world) => {
  stubProgram(
    world,
    `for word in "$@"; do case $word in --state-dir=*) S=\${word#*=}; mkdir -p "$S";; esac; done
echo abcd >"$S/marker-id"
IRIS_UID=abcd.w.1.0.0 setsid sh -c 'trap "" TERM; sleep 3600' &
trap '' TERM
echo "worker stub http://127.0.0.1:1"
while :; do sleep 0.1; done`,
  );
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const from = performance.now();
  await stage.delete(provider, vm, 2_500);
  assert(performance.now() - from >= 2_400);
  assertEquals(await world.hosts.stays(), []);
});

sshTest("a second request to go with less time hurries the first", { need }, async (
  stage,
  world,
) => {
  stubProgram(world, `trap '' TERM; echo "worker stub http://x:1"; while :; do sleep 0.1; done`);
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const request = { slice: vm, vms: [vm], externalId: null, reason: "test" };
  provider.delete({ ...request, stopMs: 3_600_000 });
  await stage.said(/g-0 stopping/);
  provider.delete({ ...request, stopMs: 0 });
  await stage.gone(vm);
});

sshTest("a log that grows long begins anew on its host, and no line of it is lost", {
  need,
  timing: { lookMs: 10 },
}, async (stage, world) => {
  stubProgram(
    world,
    `echo "worker stub http://127.0.0.1:1"
trap 'exit 0' TERM
yes ${"x".repeat(99)} | head -n 90000
n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 0.004; done`,
  );
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/tick 1$/);
  const log = `${world.hosts.hosts[0]!.folder}/vms/c1/${vm}/worker.log`;
  await until("it is cut", () => Promise.resolve(Deno.statSync(log).size < 1e6), LONG_MS);
  const from = stage.heard.lines.length;
  await until("more of it", () => Promise.resolve(stage.heard.lines.length > from + 50), LONG_MS);
  const ticks = stage.heard.lines.flatMap((line) => /tick (\d+)$/.exec(line)?.[1] ?? []);
  assertEquals(ticks, ticks.map((_, at) => String(at + 1)));
  await stage.delete(provider, vm);
});

sshTest("a real worker's keeper goes with it, also when the worker is killed", { need }, async (
  stage,
  world,
) => {
  world.program = await standInProgram(`${world.hosts.dir}/programs`);
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const [host] = world.hosts.hosts;
  const isKeeper = (pid: number) =>
    Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").includes("keeper");
  assertEquals(host!.pids().filter(isKeeper).length, 1);
  await world.crash(vm);
  assertMatch(await stage.gone(vm), /^gone .*the worker ended/);
  assertEquals(await world.hosts.stays(), []);
});

sshTest("the program is copied once for a version and a host, and an unused one goes", {
  need,
}, async (stage, world) => {
  const provider = await stage.provider();
  const copies = () => stage.heard.lines.filter((line) => line.includes("copying")).length;
  for (const round of [0, 1]) {
    const vm = await stage.create(provider, round);
    await world.workerUp(vm);
    await stage.delete(provider, vm);
    assertEquals(copies(), 1);
  }
  const folder = `${world.hosts.hosts[0]!.folder}/programs`;
  const programs = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  const [first] = programs();
  const another = async (number: number) => {
    stubProgram(world, `${OBEDIENT}\n# version ${number}`);
    const vm = await stage.create(provider, number);
    await world.workerUp(vm);
    await stage.delete(provider, vm);
  };
  // Somebody else may be about to start a worker with one that was used a moment ago.
  await another(2);
  assertEquals([copies(), programs().length], [2, 2]);
  const old = new Date(Date.now() - 49 * 3_600_000);
  Deno.utimeSync(`${folder}/${first}/iris`, old, old);
  await another(3);
  assertEquals([copies(), programs().length, programs().includes(first!)], [3, 2, false]);
});

sshTest("a reload starts the newest program on the same host", { need }, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await stage.said(/g-0 running/);
  const before = workersOn(world.hosts, vm);
  stubProgram(world, `echo "this is newer"\n${OBEDIENT}`);
  await provider.reload(vm, soon());
  await stage.said(/g-0: this is newer/);
  const after = workersOn(world.hosts, vm);
  assertEquals(after.length, 1);
  assertNotEquals(after, before);
  assertEquals(stage.heard.count(vm, ["gone", "failed"]), 0);
  await stage.delete(provider, vm);
});

sshTest("the token is in a file for its owner alone, and on no command line", {
  need,
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await world.workerUp(vm);
  const [host] = world.hosts.hosts;
  const info = await Deno.stat(`${host!.folder}/vms/c1/${vm}/token`);
  assertEquals(info.mode! & 0o777, 0o600);
  for (const { name } of Deno.readDirSync("/proc")) {
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    assert(!line.includes(world.launch.token), line);
  }
  await stage.delete(provider, vm);
});

sshTest("what is on a host that does not answer is not forgotten", {
  need,
  count: 2,
  timing: { phaseMs: 1_000 },
  config: { connectTimeoutMs: 1_000 },
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await world.workerUp(vm);
  await stage.leave();
  const [host] = world.hosts.hosts;
  await host!.cut();
  const second = new SshStage(world);
  const next = await second.provider();
  const [found] = await next.existing(soon());
  assertEquals([found!.slice, found!.group, found!.externalId?.split("@")[1]], [
    ...[vm, "g"],
    host!.address,
  ]);
  next.delete({ ...found!, stopMs: 1_000, reason: "test" });
  await second.said(/g-0 (re)?connecting \(/);
  await host!.mend();
  assertMatch(await second.gone(vm), /^gone test$/);
  await second.leave();
});

sshTest("what nobody here knows of is found when its host answers again, and ended", {
  need,
  count: 2,
  config: { connectTimeoutMs: 1_000 },
}, async (stage, world) => {
  const provider = await stage.provider();
  const vm = await stage.create(provider);
  await world.workerUp(vm);
  await stage.leave();
  await Deno.remove(world.folder, { recursive: true });
  const [host] = world.hosts.hosts;
  await host!.cut();
  const second = new SshStage(world);
  const next = await second.provider();
  assertEquals(await next.existing(soon()), []);
  await host!.mend();
  await until("it is ended", () => Promise.resolve(world.hosts.left().length === 0), LONG_MS);
  assertEquals(second.heard.events, []);
  await second.leave();
});

sshTest("when no host answers nothing is known, and that is said with why", {
  need,
  config: { connectTimeoutMs: 1_000 },
}, async (stage, world) => {
  const [host] = world.hosts.hosts;
  await host!.crash();
  const provider = await stage.provider();
  const problem = await provider.existing(soon()).then(() => "", String);
  assertMatch(problem, /None of the hosts can be asked: root@\S+: connection refused/);
});
