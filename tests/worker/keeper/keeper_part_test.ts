import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { socketPathFor } from "../../../src/host/socket_path.ts";
import { Deadline } from "../../../src/lifecycle/deadline.ts";
import { Owner } from "../../../src/lifecycle/owner.ts";
import { KeeperProcess } from "../../../src/worker/keeper/keeper_process.ts";
import { TASK_KINDS } from "../../e2e/task_kinds.ts";
import { FactLog } from "../../support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";
import { endSubreaper } from "../../support/subreaper.ts";

const ROOM = { cpuMilli: 1e6, memoryBytes: 1e9, maxRunning: 100 };

/** Runs a test with a keeper that a tree owns. */
async function owned(
  fn: (of: { world: KeeperWorld; root: Owner; failures: string[]; part: KeeperProcess }) =>
    | Promise<void>
    | void,
  command?: readonly string[],
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
