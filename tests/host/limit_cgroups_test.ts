import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { IrisError } from "../../src/base/errors.ts";
import { Cgroup } from "../../src/host/cgroup.ts";
import { type CgroupFs, realCgroupFs } from "../../src/host/cgroup_fs.ts";
import { openLimitCgroups } from "../../src/host/limit_cgroups.ts";
import { processStat } from "../../src/host/proc.ts";
import { FakeCgroupFs } from "../fakes/fake_cgroup_fs.ts";
import { NEEDS_LIMITS } from "../support/limits.ts";

const V2 = "/sys/fs/cgroup";
const ALL = ["memory", "cpu", "pids"] as const;
const NAME = "iris-c0-w0";
const LIMITS = { memoryBytes: 64 * 2 ** 20, cpuMilli: 1_500, pids: 20 };
const MAIN = 100;
const KEEPER = Deno.pid;

/** Version 2 alone; the worker is in a cgroup of its own, as in a service. */
function service(more: { members?: number[]; controllers?: readonly string[] } = {}) {
  const fs = new FakeCgroupFs();
  fs.mountV2(V2, more.controllers ?? ALL);
  for (const one of more.controllers ?? ALL) fs.write(`${V2}/cgroup.subtree_control`, `+${one}`);
  fs.make(`${V2}/iris.service`);
  fs.place(`${V2}/iris.service`, ...(more.members ?? [MAIN, KEEPER]));
  fs.self("0::/iris.service\n");
  return { fs, parent: `${V2}/iris.service`, path: `${V2}/iris.service/${NAME}` };
}

/** As a keeper does at its start. */
function opened(fs: FakeCgroupFs) {
  const cgroup = Cgroup.open(NAME, fs);
  const entered = cgroup?.enter() ?? false;
  const below = (pid: number) => pid === MAIN ? [KEEPER] : [];
  return { cgroup, entered, limits: openLimitCgroups({ name: NAME, root: MAIN, fs, below }) };
}

Deno.test("in version 2 the worker moves to a leaf, so that its cgroup may hand controllers down", () => {
  const { fs, parent, path } = service();
  const { entered, limits } = opened(fs);
  assert(entered);
  const by = "cgroup v2" as const;
  assertEquals(limits.inForce, { memory: by, cpu: by, pids: by, why: null });
  assertEquals(fs.members(parent), []);
  assertEquals(fs.members(`${parent}/iris-main`), [MAIN]);
  assertEquals(fs.members(`${path}/keeper`), [KEEPER]);
  assertEquals(fs.read(`${path}/cgroup.subtree_control`), "memory cpu pids\n");
});

Deno.test("in version 2 an attempt is one cgroup, with limits that swap cannot stretch", () => {
  const { fs, path } = service();
  const cgroup = opened(fs).limits.make("1.0.0", LIMITS);
  const knob = (name: string) => fs.read(`${path}/t-1.0.0/${name}`);
  assertEquals(knob("memory.max"), `${64 * 2 ** 20}`);
  assertEquals(knob("memory.swap.max"), "0");
  assertEquals(knob("memory.oom.group"), "1");
  assertEquals(knob("cpu.max"), "150000 100000");
  assertEquals(knob("pids.max"), "20");
  assertEquals(cgroup.entries, [`${path}/t-1.0.0/cgroup.procs`]);
  assert(cgroup.endsWhole);
});

Deno.test("in version 2 the kernel's counts are read", () => {
  const { fs, path } = service();
  const cgroup = opened(fs).limits.make("1.0.0", LIMITS);
  const folder = `${path}/t-1.0.0`;
  fs.set(folder, "memory.events", "low 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 1\n");
  fs.set(folder, "memory.peak", "67108864\n");
  fs.set(folder, "cpu.stat", "usage_usec 2500\nuser_usec 2000\n");
  assertEquals(cgroup.oomKills(), 1);
  const { peakMemoryBytes, cpuMs, memoryBytes } = cgroup.usage();
  assertEquals([peakMemoryBytes, cpuMs, memoryBytes], [67_108_864, 2.5, null]);
});

Deno.test("in version 2 a kill ends all of an attempt, and only then it can be removed", () => {
  const { fs, path } = service();
  const { limits } = opened(fs);
  const cgroup = limits.make("1.0.0", LIMITS);
  fs.place(`${path}/t-1.0.0`, 4_000_001, 4_000_002);
  assertEquals(cgroup.members(), [4_000_001, 4_000_002]);
  assertEquals([cgroup.remove(), limits.close()], [false, false]);
  cgroup.kill();
  assertEquals(cgroup.members(), []);
  assert(cgroup.remove());
  assertEquals(fs.below(path), ["keeper"]);
});

Deno.test("nothing of others is moved: a worker among them limits nothing, and says why", () => {
  const { fs, parent } = service({ members: [MAIN, KEEPER, 7] });
  const { entered, limits } = opened(fs);
  assert(entered, "what can be proved without controllers is");
  const { memory, why } = limits.inForce;
  assertEquals(memory, null);
  assertMatch(why ?? "", /no memory, cpu, pids cgroup: other processes are in .*iris.service/);
  assertEquals(fs.members(parent), [MAIN, 7]);
});

Deno.test("controllers that version 2 does not have are not in force, the others are", () => {
  const { fs } = service({ controllers: ["memory", "pids"] });
  const { memory, cpu, pids, why } = opened(fs).limits.inForce;
  assertEquals([memory, cpu, pids], ["cgroup v2", null, "cgroup v2"]);
  assertMatch(why ?? "", /^no cpu cgroup: /);
});

Deno.test("at the root of version 2 nobody has to move", () => {
  const fs = new FakeCgroupFs();
  fs.mountV2(V2, ALL);
  fs.place(V2, MAIN, KEEPER, 1);
  fs.self("0::/\n");
  assertEquals(opened(fs).limits.inForce.memory, "cgroup v2");
  assertEquals(fs.members(V2), [MAIN, 1]);
});

Deno.test("a cgroup that is not delegated limits nothing, and nothing is left in it", () => {
  const { fs, parent } = service();
  fs.readOnly.push(parent);
  const { cgroup, limits } = opened(fs);
  assertEquals(cgroup, null);
  const { memory, cpu, pids, why } = limits.inForce;
  assertEquals([memory, cpu, pids], [null, null, null]);
  assertEquals(why, "no memory, cpu, pids cgroup: none can be written");
  assertEquals(fs.below(parent), []);
});

Deno.test("a keeper that is started from inside of another one's cgroup is made beside it", () => {
  const { fs, parent } = service();
  fs.make(`${parent}/iris-other-w1`);
  fs.make(`${parent}/iris-other-w1/keeper`);
  fs.self("0::/iris.service/iris-other-w1/keeper\n");
  assertEquals(opened(fs).cgroup?.path, `${parent}/${NAME}`);
});

/** Version 1 for everything, version 2 beside it without controllers. */
function hybrid(controllers: readonly string[] = ["memory", "cpu", "cpuacct", "pids", "freezer"]) {
  const fs = new FakeCgroupFs();
  fs.mountV2(`${V2}/unified`, []);
  for (const one of controllers) fs.mountV1(`${V2}/${one}`, one);
  fs.self(`3:cpu,cpuacct:/\n2:memory:/docker/abc\n5:pids:/\n6:freezer:/\n0::/\n`);
  return fs;
}

Deno.test("in version 1 an attempt has a folder in each hierarchy, and one in version 2", () => {
  const fs = hybrid();
  const { limits } = opened(fs);
  const by = "cgroup v1" as const;
  assertEquals(limits.inForce, { memory: by, cpu: by, pids: by, why: null });
  const cgroup = limits.make("1.0.0", LIMITS);
  // A container sees its part of the memory hierarchy at the mount.
  assertEquals(cgroup.entries.map((one) => one.split("/")[4]).sort(), [
    ...["cpu", "cpuacct", "memory", "pids", "unified"],
  ]);
  const knob = (of: string, name: string) => fs.read(`${V2}/${of}/${NAME}/t-1.0.0/${name}`);
  assertEquals(knob("memory", "memory.limit_in_bytes"), `${64 * 2 ** 20}`);
  assertEquals(knob("cpu", "cpu.cfs_quota_us"), "150000");
  assertEquals(knob("pids", "pids.max"), "20");
  fs.set(`${V2}/memory/${NAME}/t-1.0.0`, "memory.oom_control", "under_oom 0\noom_kill 3\n");
  fs.set(`${V2}/cpuacct/${NAME}/t-1.0.0`, "cpuacct.usage", "4000000\n");
  assertEquals([cgroup.oomKills(), cgroup.usage().cpuMs, cgroup.endsWhole], [3, 4, false]);
});

Deno.test("without version 2 a kill freezes first, so that nothing forks away from it", () => {
  const fs = new FakeCgroupFs();
  for (const one of ["memory", "pids", "freezer"]) fs.mountV1(`${V2}/${one}`, one);
  fs.self("2:memory:/\n5:pids:/\n6:freezer:/\n");
  const cgroup = opened(fs).limits.make("1.0.0", LIMITS);
  fs.writes.length = 0;
  cgroup.kill();
  assertEquals(fs.writes.map((one) => one.split(" ")[1]), ["FROZEN", "THAWED"]);
});

Deno.test("everything of a keeper is found by name and removed, in every hierarchy", () => {
  const fs = hybrid();
  const { limits } = opened(fs);
  limits.make("1.0.0", LIMITS);
  fs.place(`${V2}/memory/${NAME}/t-1.0.0`, 4_000_003);
  const found = Cgroup.find(NAME, fs);
  assertEquals(found?.members().sort(), [4_000_003, KEEPER].sort());
  assertEquals(found?.remove(), false);
  fs.write(`${V2}/memory/cgroup.procs`, "4000003");
  fs.write(`${V2}/unified/cgroup.procs`, `${KEEPER}`);
  assertEquals(found?.remove(), true);
  assertEquals(fs.paths.filter((path) => path.includes(NAME)), []);
  assertEquals(Cgroup.find(NAME, fs), null);
});

Deno.test("a keeper that ends leaves its cgroup and removes it, whatever its owner does", () => {
  const bare = hybrid();
  opened(bare).cgroup?.leave();
  assertEquals(bare.members(`${V2}/unified`), [KEEPER]);
  assertEquals(bare.paths.filter((path) => path.includes(NAME)), []);
  const { fs, parent } = service();
  opened(fs).cgroup?.leave();
  assertEquals(fs.members(`${parent}/iris-main`), [MAIN, KEEPER], "where processes may be");
  assertEquals(fs.paths.filter((path) => path.includes(NAME)), []);
});

Deno.test("a folder that somebody cleaned up meanwhile is made again for the next attempt", () => {
  const fs = hybrid();
  const { limits } = opened(fs);
  assertEquals(Cgroup.find(NAME, fs)?.remove(), false, "the keeper is in one");
  assertEquals(fs.below(`${V2}/memory`), []);
  limits.make("1.0.0", LIMITS);
  const file = `${V2}/memory/${NAME}/t-1.0.0/memory.limit_in_bytes`;
  assertEquals(fs.read(file), `${LIMITS.memoryBytes}`);
});

Deno.test("what an earlier keeper of the name left is removed at the start", () => {
  const fs = hybrid();
  opened(fs).limits.make("1.0.0", LIMITS);
  opened(fs);
  assertEquals(fs.paths.filter((path) => path.includes("t-1.0.0")), []);
});

Deno.test("a limit that the kernel refuses is a launch error, and leaves no cgroup", () => {
  const { fs, path } = service();
  const { limits } = opened(fs);
  fs.readOnly.push(`${path}/t-1.0.0`);
  const error = assertThrows(() => limits.make("1.0.0", LIMITS), IrisError);
  assertMatch(error.message, /^Cannot limit it: the kernel refuses a cgroup: /);
  assertEquals([error.code, fs.below(path)], ["launch", ["keeper"]]);
});

Deno.test({
  name: "the kernel here counts and ends what is in an attempt's cgroup",
  ...NEEDS_LIMITS,
  async fn() {
    const name = `iris-test-${Deno.pid}`;
    Cgroup.open(name);
    const limits = openLimitCgroups({ name, root: Deno.pid });
    const cgroup = limits.make("1.0.0", LIMITS);
    try {
      const enter = cgroup.entries.map((file) => `echo 0 > ${file}`).join(" && ");
      const child = new Deno.Command("/bin/sh", {
        args: ["-c", `${enter} && echo in && exec sleep 60`],
        stdout: "piped",
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      assertEquals(cgroup.members(), [child.pid]);
      const { memoryBytes, peakMemoryBytes, processes } = cgroup.usage();
      assert((memoryBytes ?? 0) >= 0 && (peakMemoryBytes ?? 0) > 0, "memory is counted");
      assertEquals(processes, 1);
      assertEquals(cgroup.oomKills(), 0);
      cgroup.freeze(true);
      cgroup.freeze(false);
      assert(processStat(child.pid) !== null);
      assertEquals(cgroup.remove(), false);
      cgroup.kill();
      assertEquals((await child.status).signal, "SIGKILL");
      await reader.cancel();
      assertEquals(cgroup.members(), []);
    } finally {
      assert(limits.close());
      assert(Cgroup.find(name)?.remove());
    }
  },
});

/** The real tree without version 2: what a machine with an old layout has. */
const V1_ALONE: CgroupFs = {
  ...realCgroupFs,
  read: (path) => path.includes("/cgroup.") && isV2(path) ? null : realCgroupFs.read(path),
};

function isV2(path: string): boolean {
  return realCgroupFs.read(`${path.slice(0, path.lastIndexOf("/"))}/cgroup.controllers`) !== null;
}

/** Kills what is in a cgroup until nobody is; how often that took. */
async function killAll(cgroup: { kill(): void; members(): number[] }): Promise<number> {
  for (let kills = 1;; kills++) {
    cgroup.kill();
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (cgroup.members().every((pid) => (processStat(pid)?.state ?? "Z") === "Z")) return kills;
    assert(kills < 200, "it forks away from every kill");
  }
}

// A machine with version 2 alone has nothing to try this on, and needs none of it.
if (realCgroupFs.read("/sys/fs/cgroup/freezer/cgroup.procs") !== null) {
  Deno.test("version 1 alone kills a fork bomb to the last process", async () => {
    const name = `iris-test-v1-${Deno.pid}`;
    const cgroups = openLimitCgroups({ name, root: Deno.pid, fs: V1_ALONE });
    assertEquals(cgroups.inForce.pids, "cgroup v1");
    const cgroup = cgroups.make("1.0.0", { memoryBytes: null, cpuMilli: null, pids: 60 });
    try {
      const bomb = `$| = 1; print "up"; while (1) { fork; select(undef, undef, undef, 0.001) }`;
      const enter = cgroup.entries.map((file) => `echo 0 > ${file}`).join(" && ");
      const child = new Deno.Command("/bin/sh", {
        args: ["-c", `${enter} && exec setsid perl -e '${bomb}'`],
        stdout: "piped",
      }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      const giveUp = performance.now() + 10_000;
      while (cgroup.members().length < 50) {
        assert(performance.now() < giveUp, "the bomb does not go off");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await killAll(cgroup);
      await child.status;
      await reader.cancel();
    } finally {
      await killAll(cgroup);
      cgroups.close();
      Cgroup.find(name, V1_ALONE)?.remove();
    }
  });
}
