import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { Cgroup } from "../../../src/host/cgroup.ts";
import { isAlive } from "../../../src/host/proc.ts";
import { NO_OPTIONS, type TaskOptions } from "../../../src/wire/task_options.ts";
import type { KeeperLink, KeeperSpec } from "../../../src/worker/keeper_link.ts";
import type { KeeperMainOptions } from "../../../src/worker/keeper/keeper_main.ts";
import { TASK_KINDS } from "../../e2e/task_kinds.ts";
import { FactLog } from "../../support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";
import { NEEDS_LIMITS } from "../../support/limits.ts";

const ROOM = {
  cpuMilli: 1e6,
  memoryBytes: 1e12,
  resources: { disk: 1e12 },
  maxRunning: 100,
};
const MEMORY = 32 * 2 ** 20;
/** Takes 200 MB and stays. */
const HOG = `perl -e '$x = "x" x 200_000_000; sleep 60'`;

/** A keeper with cgroups in a world of its own, and what it tells. */
class LimitWorld implements AsyncDisposable {
  readonly world = new KeeperWorld();
  readonly cgroup = `iris-${this.world.cluster}-w0`;
  link!: KeeperLink;
  log!: FactLog;

  static async up(options: Partial<KeeperMainOptions> = {}): Promise<LimitWorld> {
    const limits = new LimitWorld();
    await limits.world.start({ cgroup: limits.cgroup, ...options });
    limits.link = await limits.world.connect();
    limits.link.capacity(ROOM);
    limits.log = new FactLog(limits.link);
    return limits;
  }

  /** Starts one attempt. */
  async start(script: string, more: Partial<KeeperSpec> = {}) {
    this.link.spec(shellSpec(script, more));
    const generation = more.generation ?? 1;
    this.link.start([[generation, 0, 1, 0]]);
    return await this.log.start(`${generation}.0.0`);
  }

  /** Runs one attempt to its end. */
  async run(script: string, more: Partial<KeeperSpec> = {}) {
    await this.start(script, more);
    return await this.log.end(`${more.generation ?? 1}.0.0`);
  }

  /** What an attempt wrote so far. */
  output(uid = "1.0.0"): string {
    const { slot, rotation, outFrom } = this.log.started.get(uid)!;
    const bytes = Deno.readFileSync(`${this.world.folder}/logs/${slot}.${rotation}.out`);
    return new TextDecoder().decode(bytes.subarray(outFrom, this.log.ended.get(uid)?.outTo));
  }

  async printed(text: string): Promise<void> {
    await this.log.until(() => this.output().includes(text), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    Cgroup.find(this.cgroup)?.remove();
  }
}

const options = (more: Partial<TaskOptions>) => ({ ...NO_OPTIONS, ...more });

function limitTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ...NEEDS_LIMITS, fn });
}

limitTest("a task that takes too much memory ends as oom, and says limit and peak", async () => {
  await using limits = await LimitWorld.up();
  const end = await limits.run(`exec ${HOG}`, { memoryBytes: MEMORY });
  assertEquals([end.cause, end.code, end.leftovers], ["oom", 137, []]);
  assertMatch(end.detail ?? "", /^ran out of memory \(limit 32 MiB, peak (32|31\.\d) MiB\)$/);
});

limitTest("a SIGKILL by somebody else is a signal, also within a memory limit", async () => {
  await using limits = await LimitWorld.up();
  const { pid } = await limits.start("echo up; exec sleep 60", { memoryBytes: MEMORY });
  await limits.printed("up");
  Deno.kill(pid, "SIGKILL");
  const end = await limits.log.end("1.0.0");
  assertEquals([end.cause, end.code, end.detail], ["signal", 137, null]);
});

limitTest(
  "what a killed child leaves running ends as well: the attempt ran out of memory",
  async () => {
    await using limits = await LimitWorld.up();
    const end = await limits.run(`${HOG}; sleep 60.${limits.world.world.tag}`, {
      memoryBytes: MEMORY,
    });
    assertEquals([end.cause, end.leftovers], ["oom", []]);
  },
);

limitTest("a task within its memory ends by itself, with its own code", async () => {
  await using limits = await LimitWorld.up();
  const end = await limits.run("exit 3", { memoryBytes: MEMORY });
  assertEquals([end.cause, end.code, end.detail, end.forced], ["exit", 3, null, false]);
});

limitTest(
  "a task with limits has the environment, folder and session that others have",
  async () => {
    await using limits = await LimitWorld.up();
    const script = 'env | sort; pwd; ps -o sid= -p $$ | tr -d " "; ls /proc/self/fd';
    const { pid } = await limits.start(script, { memoryBytes: 2 ** 30 });
    await limits.log.end("1.0.0");
    const { pid: plainPid } = await limits.start(script, { generation: 2 });
    await limits.log.end("2.0.0");
    const held = limits.output("1.0.0").replaceAll(String(pid), "PID");
    const plain = limits.output("2.0.0").replaceAll(String(plainPid), "PID");
    assertEquals(held, plain.replace(".2.0.0", ".1.0.0"));
  },
);

limitTest("a limit that holds nothing at all ends as oom or as a launch error", async () => {
  await using limits = await LimitWorld.up();
  const end = await limits.run("exit 0", { memoryBytes: 1 });
  assert(["oom", "launch_error"].includes(end.cause), `${end.cause} ${end.code} ${end.detail}`);
});

limitTest("a limit of cpu holds a task that could use more", async () => {
  await using limits = await LimitWorld.up();
  const spin = `exec perl -e 'use Time::HiRes "time"; my $end = time + 1.5; ` +
    `1 while time < $end; my ($user, $system) = times; print $user + $system'`;
  await limits.run(spin, { options: options({ cpuLimitMilli: 200 }) });
  const used = Number(limits.output());
  assertGreater(used, 0);
  assertLess(used, 0.7, "of 1.5 s of one core it may use 0.3");
});

limitTest("a fork bomb stays within its processes, and is ended to the last one", async () => {
  await using limits = await LimitWorld.up();
  const { tag } = limits.world.world;
  const bomb = `exec perl -e '$| = 1; print "up\\n"; ` +
    `while (1) { fork; select(undef, undef, undef, 0.002) } # .${tag}'`;
  await limits.start(bomb, { options: options({ pidsLimit: 30 }) });
  await limits.printed("up");
  const members = () => Cgroup.find(limits.cgroup)?.members().length ?? 0;
  await limits.log.until(() => members() >= 20, "the bomb goes off");
  for (let look = 0; look < 20; look++) assertLess(members(), 32, "the keeper and 30 of the bomb");
  limits.link.stop([[1, 0, 1, 0]], "cancelled", 0);
  const end = await limits.log.end("1.0.0");
  assertEquals(end.leftovers, []);
  assertEquals(limits.world.survivors().filter((line) => line.includes(`.${tag}`)), []);
  const next = await limits.run("exit 0", { generation: 2 });
  assertEquals(next.code, 0);
});

for (const kind of TASK_KINDS) {
  limitTest(`nothing is left of a task with limits of the kind: ${kind.name}`, async () => {
    await using limits = await LimitWorld.up();
    const { tag } = limits.world.world;
    await limits.start(kind.script(tag), {
      memoryBytes: 2 ** 30,
      options: options({ pidsLimit: 500 }),
    });
    limits.link.stop([[1, 0, 1, 0]], "cancelled", null);
    const end = await limits.log.end("1.0.0");
    assertEquals(end.leftovers, []);
    assertEquals(limits.world.survivors().filter((line) => line.includes(`.${tag}`)), []);
  });
}

limitTest("a task that hides from session, environment and output is ended at once", async () => {
  await using limits = await LimitWorld.up();
  const { tag } = limits.world.world;
  const hidden = `trap "" TERM; (env -i /usr/bin/setsid /bin/sleep 60.${tag} ` +
    "</dev/null >/dev/null 2>&1 &); echo up; exit 5";
  // A second attempt runs on: what hides cannot be told to be the first one's by being alone.
  limits.link.spec(shellSpec(`exec sleep 600.${tag}`, { generation: 2, memoryBytes: 2 ** 30 }));
  limits.link.start([[2, 0, 1, 0]]);
  await limits.log.start("2.0.0");
  const end = await limits.run(hidden, { memoryBytes: 2 ** 30 });
  assertEquals([end.cause, end.code, end.forced, end.leftovers], ["exit", 5, true, []]);
  assertEquals(limits.world.survivors().filter((line) => line.includes(` 60.${tag}`)), []);
});

limitTest("the cgroup of an attempt is gone when its end is told, or right after", async () => {
  await using limits = await LimitWorld.up();
  await limits.start("echo up; exec sleep 60", { memoryBytes: MEMORY });
  await limits.printed("up");
  const folders = () => {
    const path = "/sys/fs/cgroup";
    return [...Deno.readDirSync(path)].flatMap(({ name }) => below(`${path}/${name}`));
  };
  const below = (path: string): string[] => {
    const found: string[] = [];
    try {
      for (const { name, isDirectory } of Deno.readDirSync(path)) {
        if (!isDirectory) continue;
        const inside = `${path}/${name}`;
        if (inside.includes(`/${limits.cgroup}/t-`)) found.push(inside);
        found.push(...below(inside));
      }
    } catch {
      // Another test's, and gone.
    }
    return found;
  };
  assertGreater(folders().length, 0);
  limits.link.stop([[1, 0, 1, 0]], "cancelled", null);
  await limits.log.end("1.0.0");
  await limits.log.until(() => folders().length === 0, "the end of the cgroup");
});

limitTest("a keeper that ends takes held tasks along and leaves no cgroup of them", async () => {
  await using limits = await LimitWorld.up();
  const { tag } = limits.world.world;
  await limits.start(`trap "" TERM; echo up; sleep 600.${tag}`, { memoryBytes: MEMORY });
  await limits.printed("up");
  const report = await limits.link.end({ remainingMs: 1_500, cause: "shutdown" });
  assertEquals([report.outcome, report.leftovers], ["forced", []]);
  assertEquals(limits.world.survivors().filter((line) => line.includes(`.${tag}`)), []);
});

limitTest("a command that is no program is a launch error, not the step's exit code", async () => {
  await using limits = await LimitWorld.up();
  const file = `${limits.world.world.dir}/broken`;
  Deno.writeTextFileSync(file, "#!/no/such/interpreter\n", { mode: 0o755 });
  const broken = await limits.run("", { argv: [file], memoryBytes: MEMORY });
  assertEquals([broken.cause, broken.code], ["launch_error", 127]);
  assertMatch(broken.detail ?? "", /^Cannot start .*broken: (not found|No such file)/);
  for (const [generation, code] of [[2, 125], [3, 126], [4, 127]] as const) {
    const script = `echo "iris-start-0: cannot enter" >&2; exit ${code}`;
    const own = await limits.run(script, { generation, memoryBytes: MEMORY });
    assertEquals([own.cause, own.code], ["exit", code], "the task's own");
  }
});

limitTest("a keeper says which limits are in force, and by what", async () => {
  await using limits = await LimitWorld.up();
  const inForce = limits.link.hello.limits!;
  for (const kind of ["memory", "cpu", "pids"] as const) {
    assertMatch(inForce[kind] ?? "", /^cgroup v[12]$/);
  }
  assertEquals(inForce.why, null);
});

Deno.test("without cgroups a task runs without its limit, and its bad end says so", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const { memory, cpu, pids, why } = limits.link.hello.limits!;
  assertEquals([memory, cpu, pids], [null, null, null]);
  assertEquals(why, "cgroups are switched off");
  const end = await limits.run("exit 9", { memoryBytes: MEMORY });
  assertEquals([end.cause, end.code], ["exit", 9]);
  assertEquals(end.detail, "ran without its memory limit (cgroups are switched off)");
  const good = await limits.run("exit 0", { generation: 2, memoryBytes: MEMORY });
  assertEquals(good.detail, null);
});

Deno.test("a task that writes more than its disk to its own folder ends as disk", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const fill = `pwd; mkdir -p a/b; dd if=/dev/zero of=a/b/big bs=1M count=8 2>/dev/null; sleep 60`;
  const end = await limits.run(fill, { resources: { disk: 2 ** 20 } });
  assertEquals([end.cause, end.leftovers], ["disk", []]);
  assertMatch(end.detail ?? "", /^wrote more to its folder than it may \(limit 1 MiB, found 8/);
  const folder = limits.output().trim();
  assertEquals(folder, `${limits.world.folder}/work/1.0.0`);
  await limits.log.until(() => !exists(folder), "the end of the folder");
});

Deno.test("a task within its disk has a folder of its own, which goes with it", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const end = await limits.run("echo x > file; ls", { resources: { disk: 2 ** 20 } });
  assertEquals([end.cause, end.code], ["exit", 0]);
  assertEquals(limits.output(), "file\n");
  await limits.log.until(() => !exists(`${limits.world.folder}/work/1.0.0`), "its end");
});

Deno.test("a warning comes to the leader before the time limit, and the timeout is told as one", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const wait = "while :; do sleep 0.01; done";
  const script = `trap 'echo warned' USR1; trap 'echo asked; exit 3' TERM; ` +
    `(trap 'echo the child too' USR1; trap - TERM; ${wait}) & echo up; ${wait}`;
  const end = await limits.run(script, {
    timeoutMs: 1_500,
    graceMs: 2_000,
    options: options({ warn: { signal: "SIGUSR1", beforeMs: 1_000 } }),
  });
  assertEquals([end.cause, end.code, end.leftovers], ["timeout", 3, []]);
  assertEquals(limits.output(), "up\nwarned\nasked\n");
});

Deno.test("a leader that ended by itself keeps its result, whatever comes while the rest ends", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const rest = `trap "" TERM; sleep 60.${limits.world.world.tag} & exit 4`;
  const { pid } = await limits.start(rest, { timeoutMs: 600, graceMs: 5_000 });
  await limits.log.until(() => !isAlive(pid), "the leader's end");
  limits.link.stop([[1, 0, 1, 0]], "cancelled", 5_000);
  const end = await limits.log.end("1.0.0");
  assertEquals([end.cause, end.code, end.forced], ["exit", 4, true]);
});

Deno.test("a task that deletes the folder it is in ends as it likes, and the next one begins", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const end = await limits.run('rm -rf "$(pwd)"; exit 6');
  assertEquals([end.cause, end.code], ["exit", 6]);
  const next = await limits.run("pwd", { generation: 2 });
  assertEquals([next.cause, next.code], ["exit", 0], next.detail ?? "");
});

Deno.test("a task that changes its name and its command line is ended like any other", async () => {
  await using limits = await LimitWorld.up({ cgroup: null });
  const rename = `exec perl -e '$0 = "deno"; $| = 1; print "up\\n"; sleep 60'`;
  const { pid } = await limits.start(rename);
  await limits.printed("up");
  limits.link.stop([[1, 0, 1, 0]], "cancelled", null);
  const end = await limits.log.end("1.0.0");
  assertEquals([end.cause, end.code, end.leftovers], ["cancelled", 143, []]);
  assert(!isAlive(pid));
});

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

limitTest(
  "what a limited task used is told exactly with its end, of all its processes",
  async () => {
    await using limits = await LimitWorld.up();
    // Neither the leader nor anybody else waits for what uses most, and no look need have seen it.
    const greedy = `perl -e '$x = "x" x 40_000_000; 1 while times < 0.3'; touch "$PWD/done"`;
    const script = `(setsid sh -c '${greedy.replaceAll("'", `'"'"'`)}' &); ` +
      "while [ ! -e done ]; do sleep 0.02; done; rm done";
    const end = await limits.run(script, { memoryBytes: 4 * MEMORY });
    assertEquals([end.cause, end.code, end.detail], ["exit", 0, null]);
    assertGreater(end.cpuMs!, 290);
    assertGreater(end.peakBytes!, 40_000_000);
    assertLess(end.peakBytes!, 4 * MEMORY + 1);
    const { cpuMs, peakBytes } = end;
    assertEquals(JSON.parse(end.returned ?? "{}"), { usage: { cpuMs, peakBytes } });
    const free = await limits.run("true", { generation: 2 });
    assertEquals(
      [free.cause, free.returned],
      ["exit", undefined],
      "what has no cgroup costs no row",
    );
  },
);
