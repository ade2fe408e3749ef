import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { fromFileUrl } from "../../../src/base/file_url.ts";
import { isAlive } from "../../../src/host/proc.ts";
import { socketPathFor } from "../../../src/host/socket_path.ts";
import { sweepMarked } from "../../../src/host/sweep.ts";
import { attemptUid } from "../../../src/wire/runs.ts";
import { NO_OPTIONS } from "../../../src/wire/task_options.ts";
import { MARKER } from "../../../src/worker/keeper/marker.ts";
import type { KeeperLink } from "../../../src/worker/keeper_link.ts";
import { TASK_KINDS } from "../../e2e/task_kinds.ts";
import { FactLog } from "../../support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";
import { inGate } from "../../support/require.ts";

const ROOM = { cpuMilli: 1e6, memoryBytes: 1e9, maxRunning: 100 };
const STUBBORN = `trap "" TERM; exec sleep 600.`;

/** A keeper, a link to it, and what it tells. */
async function upAndLinked(
  world: KeeperWorld,
  options: Parameters<KeeperWorld["start"]>[0] = {},
) {
  const keeper = await world.start(options);
  const link = await world.connect();
  link.capacity(ROOM);
  return { keeper, link, log: new FactLog(link) };
}

/** Starts one attempt of a script, and waits until it is there. */
async function startOne(link: KeeperLink, log: FactLog, script: string) {
  link.spec(shellSpec(script));
  link.start([[1, 0, 1, 0]]);
  return await log.start("1.0.0");
}

/** What an attempt wrote to stdout. */
function outputOf(world: KeeperWorld, log: FactLog, uid: string): string {
  const { slot, rotation, outFrom } = log.started.get(uid)!;
  const bytes = Deno.readFileSync(`${world.folder}/logs/${slot}.${rotation}.out`);
  return new TextDecoder().decode(bytes.subarray(outFrom, log.ended.get(uid)!.outTo));
}

for (const kind of TASK_KINDS) {
  Deno.test(`nothing is left when an end is told of a task of the kind: ${kind.name}`, async () => {
    await using world = new KeeperWorld();
    const { keeper, link, log } = await upAndLinked(world);
    link.spec(shellSpec(kind.script(world.world.tag)));
    link.start([[1, 0, 3, 0]]);
    await log.until(() => log.started.size === 3, "three starts");
    link.stop([[1, 0, 3, 0]], "cancelled", null);
    for (const index of [0, 1, 2]) {
      const end = await log.end(`1.${index}.0`);
      assertEquals(end.leftovers, []);
      if (kind.obeys) assert(!end.forced, "it obeys, so it must not be forced");
    }
    const left = world.survivors().filter((line) => !line.startsWith(`${keeper.pid} `));
    assertEquals(left, []);
  });
}

Deno.test("the plain way also leaves nothing of a group, though orphans do not come back", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world, { spawner: "plain" });
  assertEquals(link.hello.spawner, "plain");
  const { tag } = world.world;
  await startOne(link, log, `trap "" TERM; sleep 600.${tag} & echo up; exec sleep 600.${tag}`);
  await log.until(() => Deno.statSync(`${world.folder}/logs/0.0.out`).size > 0, "the trap");
  link.stop([[1, 0, 1, 0]], "cancelled", null);
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.forced, end.leftovers], ["cancelled", true, []]);
  const left = world.survivors().filter((line) => !line.startsWith(`${keeper.pid} `));
  assertEquals(left, []);
});

Deno.test("a leader's own exit code stands, and what it left is ended first", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  const rest = `trap "" TERM; sleep 600.${world.world.tag} & echo $!; exit 7`;
  await startOne(link, log, rest);
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.code, end.forced, end.leftovers], ["exit", 7, true, []]);
  assert(!isAlive(Number(outputOf(world, log, "1.0.0"))), "the grandchild lives");
});

Deno.test("an attempt that ends well when asked keeps its own result", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  await startOne(link, log, "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
  const file = `${world.folder}/logs/0.0.out`;
  await log.until(() => Deno.statSync(file).size > 0, "the trap");
  link.stop([[1, 0, 1, 0]], "cancelled", 5_000);
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.code, end.forced], ["exit", 0, false]);
});

Deno.test("a timeout ends an attempt and is told as one", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  link.spec(shellSpec(`${STUBBORN}${world.world.tag}`, { timeoutMs: 100, graceMs: 100 }));
  link.start([[1, 0, 1, 0]]);
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.code, end.forced, end.leftovers], ["timeout", 137, true, []]);
});

Deno.test("a command that is not there is a launch error, and the next attempt runs", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  link.spec(shellSpec("", { argv: ["no-such-command"] }));
  link.spec(shellSpec("exit 0", { generation: 2 }));
  link.start([[1, 0, 1, 0], [2, 0, 1, 0]]);
  const [bad, good] = [await log.end("1.0.0"), await log.end("2.0.0")];
  assertEquals([bad.cause, bad.code], ["launch_error", 127]);
  assertEquals(bad.detail, "Command not found: no-such-command");
  assertEquals([good.cause, good.code], ["exit", 0]);
});

Deno.test("an attempt's environment is its job's and what names it, which no job can change", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  const env = { PATH: "/usr/bin:/bin", A: "1", [MARKER]: "forged", IRIS_ATTEMPT: "99" };
  link.spec(shellSpec("", { argv: ["/usr/bin/env"], env }));
  link.start([[1, 4, 5, 2]]);
  await log.end("1.4.2");
  assertEquals(outputOf(world, log, "1.4.2").trim().split("\n").sort(), [
    "A=1",
    "IRIS_ATTEMPT=2",
    "IRIS_TASK=/u/job/4",
    "IRIS_TASK_INDEX=4",
    `IRIS_UID=${world.cluster}.w0.1.4.2`,
    "PATH=/usr/bin:/bin",
  ]);
});

Deno.test("outputs of attempts that share slots are told apart to the byte", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  link.capacity({ ...ROOM, maxRunning: 4 });
  link.spec(shellSpec("echo begin $IRIS_TASK_INDEX; sleep 0.01; echo end $IRIS_TASK_INDEX"));
  link.start([[1, 0, 40, 0]]);
  await log.until(() => log.ended.size === 40, "all ends");
  for (let index = 0; index < 40; index++) {
    assertEquals(outputOf(world, log, `1.${index}.0`), `begin ${index}\nend ${index}\n`);
  }
  const files = [...Deno.readDirSync(`${world.folder}/logs`)].filter(({ name }) =>
    /\.(?:out|err)$/.test(name)
  );
  assertEquals(files.length, 8, "files of four slots");
});

Deno.test("an end forces what must be forced in time, and names it", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world);
  link.spec(shellSpec(`${STUBBORN}${world.world.tag}`));
  link.start([[1, 0, 2, 0]]);
  link.spec(shellSpec(`exec sleep 600.${world.world.tag}`, { generation: 2 }));
  link.start([[2, 0, 1, 0]]);
  await log.start("2.0.0");
  const from = performance.now();
  const report = await link.end({ remainingMs: 1_500, cause: "shutdown" });
  assertLess(performance.now() - from, 1_500);
  assertEquals([report.outcome, report.leftovers], ["forced", []]);
  const names = report.children.map((child) => child.name).sort();
  assertEquals(names, ["/u/job/0 (1.0.0)", "/u/job/1 (1.1.0)"]);
  await keeper.closeStdin();
  assertEquals((await keeper.ended).code, 0);
  assertEquals(world.survivors(), []);
});

Deno.test("an idle keeper goes as soon as its owner is gone, linked or not", async () => {
  for (const linked of [false, true]) {
    await using world = new KeeperWorld();
    const keeper = await world.start({ graceMs: 60_000 });
    if (linked) await world.connect();
    const from = performance.now();
    await keeper.closeStdin();
    await keeper.ended;
    assertLess(performance.now() - from, 3_000);
  }
});

Deno.test("a keeper whose owner was gone before it was up goes at once", async () => {
  await using world = new KeeperWorld();
  const main = fromFileUrl(new URL("../../../main.ts", import.meta.url));
  const own = JSON.stringify({ ...JSON.parse(world.command().at(-1)!), logLevel: "warning" });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-q", "--no-check", main, "keeper", own],
    env: world.world.env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  await child.stdout.cancel();
  assertEquals((await child.status).code, 0);
});

Deno.test("a keeper whose owner is gone ends every task within the grace, then itself", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world, { graceMs: 1_000 });
  await startOne(link, log, `${STUBBORN}${world.world.tag}`);
  await keeper.closeStdin();
  assertEquals((await keeper.ended).code, 0);
  assertEquals(world.survivors(), []);
});

Deno.test("an owner that goes while an end is under way does not cut it short", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world);
  await startOne(link, log, `${STUBBORN}${world.world.tag}`);
  const report = link.end({ remainingMs: 1_500, cause: "shutdown" });
  await keeper.closeStdin();
  assertEquals((await report).outcome, "forced");
  await keeper.ended;
  assertEquals(world.survivors(), []);
});

Deno.test("a keeper told to keep runs on without an owner, and goes when nobody comes", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world, { ownerGone: "keep", keepMs: 300 });
  link.capacity({ ...ROOM, maxRunning: 1 });
  link.spec(shellSpec("while [ ! -e go ]; do sleep 0.01; done; exit 42"));
  link.start([[1, 0, 2, 0]]);
  const { pid } = await log.start("1.0.0");
  await keeper.closeStdin();
  link.close();
  const next = await world.connect();
  const nextLog = new FactLog(next);
  assertEquals(next.hello.running.map((fact) => fact.pid), [pid]);
  Deno.writeTextFileSync(`${world.folder}/work/go`, "");
  assertEquals((await nextLog.end("1.0.0")).code, 42);
  next.close();
  assertEquals((await keeper.ended).code, 0);
});

Deno.test("a keeper that is kept goes soon when nothing runs and everything was told", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world, { ownerGone: "keep" });
  await startOne(link, log, "exit 3");
  await log.end("1.0.0");
  link.ack(log.upTo);
  const from = performance.now();
  await keeper.closeStdin();
  link.close();
  assertEquals((await keeper.ended).code, 0);
  assertLess(performance.now() - from, 5_000);
});

Deno.test("a keeper that was adopted goes with the end its worker asked for", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world, { ownerGone: "keep" });
  await startOne(link, log, `exec sleep 600.${world.world.tag}`);
  await keeper.closeStdin();
  link.close();
  const next = await world.connect();
  const report = await next.end({ remainingMs: 2_000, cause: "shutdown" });
  assertEquals(report.outcome, "clean");
  next.close();
  assertEquals((await keeper.ended).code, 0);
  assertEquals(world.survivors(), []);
});

Deno.test("SIGTERM ends a keeper with all its tasks, within the grace", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world, { ownerGone: "keep", graceMs: 1_000 });
  await startOne(link, log, `${STUBBORN}${world.world.tag}`);
  Deno.kill(keeper.pid, "SIGTERM");
  assertEquals((await keeper.ended).code, 0);
  assertEquals(world.survivors(), []);
});

Deno.test("a second keeper of one folder does not begin", inGate(), async () => {
  await using world = new KeeperWorld();
  const first = await world.start();
  const [path, ...args] = world.command();
  const { env } = world.world;
  const { code, stdout } = await new Deno.Command(path!, { args, env, stdin: "null" }).output();
  assertEquals(code, 1);
  assertEquals(
    new TextDecoder().decode(stdout),
    `The folder ${world.folder} has a keeper already (pid ${first.pid})\n`,
  );
  assertEquals((await world.connect()).hello.pid, first.pid);
});

Deno.test("a link that speaks nonsense is dropped, and the keeper goes on", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  const { pid } = await startOne(link, log, `exec sleep 600.${world.world.tag}`);
  const path = socketPathFor(world.folder);
  using stranger = await Deno.connect({ transport: "unix", path });
  await stranger.write(new TextEncoder().encode("{ this is no JSON\n"));
  const buffer = new Uint8Array(4096);
  while (await stranger.read(buffer).catch(() => null) !== null);
  const next = await world.connect();
  assertEquals(next.hello.running.map((fact) => fact.pid), [pid]);
});

Deno.test("after SIGKILL of a keeper a sweep ends what it left, by marker or by output", async () => {
  await using world = new KeeperWorld();
  const { keeper, link, log } = await upAndLinked(world);
  TASK_KINDS.slice(0, 6).forEach((kind, generation) => {
    link.spec(shellSpec(kind.script(world.world.tag), { generation }));
    link.start([[generation, 0, 2, 0]]);
  });
  await log.until(() => log.started.size === 12, "all starts");
  Deno.kill(keeper.pid, "SIGKILL");
  await keeper.ended;
  await log.until(() => log.lost !== null, "the loss of the link");
  assert(world.survivors().length >= 12, "the tasks should have outlived it");
  const { ended, left } = await sweepMarked({
    marker: MARKER,
    prefix: `${world.cluster}.${world.worker}.`,
    folder: world.folder,
    clock: systemClock,
    timeoutMs: 5_000,
  });
  assertEquals(left, []);
  assert(ended.length >= 12, `${ended.length} were ended`);
  assertMatch(ended[0]!, /^\d+ \S/);
  assertEquals(await world.settled(), []);
});

Deno.test("a keeper's own working folder appears with the first job that needs it", async () => {
  await using world = new KeeperWorld();
  const { link, log } = await upAndLinked(world);
  await startOne(link, log, "pwd -P");
  await log.end("1.0.0");
  assertStringIncludes(outputOf(world, log, "1.0.0"), `${world.folder}/work\n`);
});

Deno.test("a task has its ports and its token from the environment, and they go with it", async () => {
  await using world = new KeeperWorld();
  const keeper = await world.start();
  const link = await world.connect();
  const log = new FactLog(link);
  const script = `echo $IRIS_PORT_HTTP $IRIS_PORT_PEER; cat $IRIS_TOKEN_FILE; stat -c %a ` +
    `$IRIS_TOKEN_FILE; [ $IRIS_TASK_INDEX = 1 ] || exec sleep 60.${world.world.tag}`;
  link.capacity({ ...ROOM, ports: { from: 24_500, to: 24_503 } });
  const env = { PATH: "/usr/bin:/bin", IRIS_PORT_HTTP: "1", IRIS_TOKEN_FILE: "/x" };
  const options = { ...NO_OPTIONS, ports: ["http", "Peer"] };
  link.spec(shellSpec(script, { env, options, token: "task.1.secret" }));
  link.start([[1, 0, 1, 0]]);
  const first = await log.start(attemptUid(1, 0, 0));
  assertEquals(first.ports, { http: 24_500, Peer: 24_501 });
  link.start([[1, 1, 2, 0]]);
  await log.end(attemptUid(1, 1, 0));
  assertEquals((await log.start(attemptUid(1, 1, 0))).ports, { http: 24_502, Peer: 24_503 });
  // A worker that comes back is told of what runs with its ports, which stay taken meanwhile.
  const next = await world.connect();
  assertEquals(next.hello.running.map(({ ports }) => ports), [first.ports]);
  const nextLog = new FactLog(next);
  next.start([[1, 2, 4, 0]]);
  await nextLog.start(attemptUid(1, 2, 0));
  const late = await nextLog.end(attemptUid(1, 3, 0));
  assertEquals([late.cause, late.detail], [
    "launch_error",
    "No port of 24500 to 24503 is free for port http",
  ]);
  const out = Deno.readTextFileSync(`${world.folder}/logs/1.0.out`);
  assertEquals(out.split("\n").slice(0, 3), ["24502 24503", "task.1.secret", "600"]);
  await next.end({ remainingMs: 2_000, cause: "shutdown" });
  await keeper.closeStdin();
  await keeper.ended;
  assertThrows(() => Deno.statSync(`${world.folder}/tokens`), Deno.errors.NotFound);
});
