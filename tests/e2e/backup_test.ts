/** A cluster saved while it runs, and put back elsewhere. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { clientOf, makeWorld, startIris, type World } from "../support/iris_process.ts";

async function iris(world: World, ...args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

function controller(world: World, stateDir: string) {
  return startIris(world, ["--mode=controller", "--port=0", `--state-dir=${stateDir}`]);
}

Deno.test("a backup of a running cluster is put back into an empty state folder", async () => {
  using world = makeWorld();
  const running = controller(world, world.stateDir);
  const client = await clientOf(world, running);
  await client.submit({ argv: ["true"], name: "kept" });
  const file = `${world.dir}/monday.db`;

  const saved = await iris(world, "cluster", "backup", file);
  assertEquals([saved.code, saved.stdout], [0, ""], saved.stderr);
  assertStringIncludes(saved.stderr, "bytes, checked");
  const again = await iris(world, "cluster", "backup", file);
  assertEquals(again.code, 2);
  assertStringIncludes(again.stderr, "exists: choose another name, or give --force");
  assertEquals((await iris(world, "cluster", "backup", file, "--force")).code, 0);
  assertEquals((await iris(world, "cluster", "backup", "/nowhere/x.db")).code, 2);

  // Where a cluster runs nothing is put back.
  const busy = await iris(world, "cluster", "restore", file, `--state-dir=${world.stateDir}`);
  assertEquals(busy.code, 1);
  assertStringIncludes(busy.stderr, String(running.pid));
  Deno.kill(running.pid, "SIGTERM");
  await running.ended;
  const there = await iris(world, "cluster", "restore", file, `--state-dir=${world.stateDir}`);
  assertEquals(there.code, 2);
  assertStringIncludes(there.stderr, "--force");

  const broken = `${world.dir}/broken.db`;
  const bytes = Deno.readFileSync(file);
  Deno.writeFileSync(broken, bytes.slice(0, bytes.length / 2));
  const elsewhere = `${world.dir}/elsewhere`;
  const refused = await iris(world, "cluster", "restore", broken, `--state-dir=${elsewhere}`);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "damaged");

  const restored = await iris(world, "cluster", "restore", file, `--state-dir=${elsewhere}`);
  assertEquals(restored.code, 0, restored.stderr);
  const forced = await iris(
    world,
    ...["cluster", "restore", file, `--state-dir=${elsewhere}`, "--force", "--json"],
  );
  const { kept } = JSON.parse(forced.stdout);
  assert(Deno.statSync(kept).size > 0, "the earlier database is kept");

  const second = controller({ ...world, stateDir: elsewhere }, elsewhere);
  const other = await clientOf({ ...world, stateDir: elsewhere }, second);
  assertEquals((await other.job("/local/kept")).state, "PENDING");
  const started = (await other.eventPage({ after: "oldest", limit: 100 })).events
    .filter(({ kind }) => kind === "cluster_started");
  const epochs = started.map(({ data }) => Number(data.epoch));
  assert(epochs.at(-1)! > 1_700_000_000, `workers would not obey epoch ${epochs.at(-1)}`);
  Deno.kill(second.pid, "SIGTERM");
  assertEquals((await second.ended).code, 0);
  assertEquals(world.survivors(), []);
});
