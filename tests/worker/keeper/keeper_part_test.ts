import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { socketPathFor } from "../../../src/host/socket_path.ts";
import { Deadline } from "../../../src/lifecycle/deadline.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import {
  KeeperProcess,
  type KeeperProcessOptions,
} from "../../../src/worker/keeper/keeper_process.ts";
import { TASK_KINDS } from "../../e2e/task_kinds.ts";
import { FactLog } from "../../support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";
import { endSubreaper } from "../../support/subreaper.ts";
import { within } from "../../support/until.ts";

const ROOM = { cpuMilli: 1e6, memoryBytes: 1e9, maxRunning: 100 };

/** Runs a test with a keeper that a tree owns. */
async function owned(
  fn: (of: { world: KeeperWorld; root: Owner; failures: string[]; part: KeeperProcess }) =>
    | Promise<void>
    | void,
  command?: readonly string[],
  more: Partial<KeeperProcessOptions> = {},
): Promise<void> {
  await using world = new KeeperWorld();
  const failures: string[] = [];
  const root = Owner.root("test", {
    clock: systemClock,
    onFailure: (error) => failures.push(String(error)),
  });
  const [path, ...args] = world.command();
  const part = new KeeperProcess({
    command: command ?? [path!, ...args],
    args: [],
    cluster: world.cluster,
    worker: world.worker,
    folder: world.folder,
    cgroup: null,
    ...more,
  });
  try {
    await fn({ world, root, failures, part });
  } finally {
    await root.stop(Deadline.in(3_000, systemClock), "kill");
    endSubreaper();
  }
}

/** Starts two attempts of some kinds through a link of its own. */
async function busy(world: KeeperWorld, kinds: number): Promise<void> {
  const link = await world.connect();
  link.capacity(ROOM);
  const log = new FactLog(link);
  TASK_KINDS.slice(0, kinds).forEach((kind, generation) => {
    link.spec(shellSpec(kind.script(world.world.tag), { generation }));
    link.start([[generation, 0, 2, 0]]);
  });
  await log.until(() => log.started.size === 2 * kinds, "all starts");
}

Deno.test("a keeper that is owned ends when asked, cleanly and with nothing left", async () => {
  await owned(async ({ world, root, part }) => {
    await root.own(part);
    assertMatch(root.tree().children[0]?.detail ?? "", /^pid \d+$/);
    const report = await root.stop(Deadline.in(3_000, systemClock), "shutdown");
    assertEquals([report.outcome, report.leftovers], ["clean", []]);
    assertEquals(world.survivors(), []);
  });
});

Deno.test("a keeper that is killed takes every task with it, what hides too", async () => {
  await owned(async ({ world, root, part }) => {
    await root.own(part);
    await busy(world, 6);
    const report = await root.kill();
    assertEquals([report.outcome, report.leftovers], ["forced", []]);
    assertEquals(world.survivors(), []);
    assertThrows(() => Deno.lstatSync(socketPathFor(world.folder)), Deno.errors.NotFound);
  });
});

Deno.test("a keeper that takes long to die leaves no zombie: its children come back late", async () => {
  // The kernel gives the memory back first, and only then the children to the subreaper.
  const slow = `
    my $memory = "x" x 1_000_000_000;
    for (1 .. 5) { fork // die or exec "sleep", "60" }
    $| = 1; print "ready\\n"; <STDIN>;`;
  await owned(async ({ root, part }) => {
    await root.own(part);
    const report = await root.kill();
    assertEquals([report.outcome, report.leftovers], ["forced", []]);
  }, ["/usr/bin/perl", "-e", slow]);
});

Deno.test("a keeper that dies is a failure of its owner", async () => {
  await owned(async ({ world, root, part, failures }) => {
    await root.own(part);
    await busy(world, 3);
    const pid = Number(root.tree().children[0]!.detail!.slice(4));
    Deno.kill(pid, "SIGKILL");
    const giveUp = performance.now() + 5_000;
    while (failures.length === 0 || world.survivors().length > 0) {
      assert(performance.now() < giveUp, `${failures} ${world.survivors().join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertMatch(failures[0]!, /keeper was lost \(SIGKILL\)/);
  });
});

Deno.test("a keeper that cannot start is an error that says why", async () => {
  await owned(async ({ root, part }) => {
    await assertRejects(
      () => root.own(part),
      Error,
      "The keeper did not start: it ended with exit code 9",
    );
  }, ["/bin/sh", "-c", "exit 9"]);
});

/** The pid that the tree shows for a keeper. */
function pidOf(root: Owner): number {
  return Number(/^pid (\d+)/.exec(root.tree().children[0]?.detail ?? "")?.[1] ?? 0);
}

const until = within(10_000, 10);

Deno.test("a keeper of a worker on its own that is killed is replaced, but not for ever", async () => {
  await owned(
    async ({ world, root, part, failures }) => {
      await root.own(part);
      const pids = new Set<number>();
      for (let kill = 0; kill < 5; kill++) {
        const pid = pidOf(root);
        pids.add(pid);
        if (kill === 0) await busy(world, 3);
        Deno.kill(pid, "SIGKILL");
        await until(() => ![0, pid].includes(pidOf(root)), "the next one");
      }
      assertEquals([pids.size, failures], [5, []]);
      Deno.kill(pidOf(root), "SIGKILL");
      await until(() => failures.length > 0, "the failure");
      assertMatch(failures[0]!, /keeper was lost/);
      await until(() => world.survivors().length === 0, "the end of all");
    },
    undefined,
    { keep: { graceMs: 1_000 } },
  );
});

Deno.test("a keeper is left by a detach, adopted by the next owner, and ended by it", async () => {
  await using world = new KeeperWorld();
  const [path, ...args] = world.command({ ownerGone: "keep" });
  const make = () =>
    new KeeperProcess({
      ...{ command: [path!, ...args], args: [], cluster: world.cluster, worker: world.worker },
      ...{ folder: world.folder, cgroup: null, keep: { graceMs: 1_000 } },
    });
  const first = Owner.root("first", { clock: systemClock });
  await first.own(make());
  const pid = pidOf(first);
  await busy(world, 2);
  const left = await first.stop(Deadline.in(3_000, systemClock), "detach");
  assertEquals([left.outcome, world.survivors().length > 4], ["clean", true]);
  const second = Owner.root("second", { clock: systemClock });
  await second.own(make());
  assertEquals(second.tree().children[0]?.detail, `pid ${pid}, adopted, version 0.0.0`);
  const report = await second.stop(Deadline.in(4_000, systemClock), "shutdown");
  assertEquals([report.outcome, report.leftovers], ["clean", []]);
  assertEquals(world.survivors(), []);
  endSubreaper();
});

Deno.test("an adopted keeper that is killed is replaced too, and what it had is ended", async () => {
  await using world = new KeeperWorld();
  const keeper = await world.start({ ownerGone: "keep" });
  await busy(world, 5);
  await keeper.closeStdin();
  const [path, ...args] = world.command({ ownerGone: "keep" });
  const root = Owner.root("test", { clock: systemClock });
  await root.own(
    new KeeperProcess({
      ...{ command: [path!, ...args], args: [], cluster: world.cluster, worker: world.worker },
      ...{ folder: world.folder, cgroup: null, keep: { graceMs: 1_000 } },
    }),
  );
  assertEquals(pidOf(root), keeper.pid);
  Deno.kill(keeper.pid, "SIGKILL");
  await until(() => ![0, keeper.pid].includes(pidOf(root)), "the next one");
  assertEquals(world.survivors().map((line) => Number(line.split(" ")[0])), [pidOf(root)]);
  const link = await world.connect();
  const causes = new Set(link.hello.facts.ended.map(({ cause }) => cause));
  assertEquals([link.hello.facts.ended.length, [...causes]], [10, ["unknown"]]);
  link.close();
  assertEquals((await root.stop(Deadline.in(3_000, systemClock), "shutdown")).outcome, "clean");
  endSubreaper();
});
