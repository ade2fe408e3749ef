import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { systemClock } from "../../../src/base/clock.ts";
import { IrisError } from "../../../src/base/errors.ts";
import { isAlive } from "../../../src/host/proc.ts";
import { sideSocketFor } from "../../../src/host/socket_path.ts";
import { EXEC_FRAME, EXEC_WINDOW_BYTES, type WorkerExecRequest } from "../../../src/wire/exec.ts";
import { askKeeper, openExec } from "../../../src/worker/keeper/side_client.ts";
import { SideConnection } from "../../../src/worker/keeper/side_connection.ts";
import { MAX_EXECS } from "../../../src/worker/keeper/side_door.ts";
import { findUser } from "../../../src/host/user.ts";
import type { KeeperSpec } from "../../../src/worker/keeper_link.ts";
import { NEEDS_ROOT } from "../../support/limits.ts";
import { ExecClient, manyBytes } from "../../support/exec_client.ts";
import { FactLog } from "../../support/fact_log.ts";
import { KeeperWorld, shellSpec } from "../../support/keeper_world.ts";
import { inGate } from "../../support/require.ts";

const ROOM = { cpuMilli: 1e6, memoryBytes: 1e12, maxRunning: 2_000 };
const TERMINAL = { rows: 24, columns: 80 };
const WHICH = { generation: 1, index: 0, attempt: 0 };
/** The longest that an end may take to be seen, in ms. */
const LIMIT_MS = 10_000;

/** A keeper with one task that runs, and clients of its side door. */
class Bench implements AsyncDisposable {
  readonly world = new KeeperWorld();
  readonly #connections: SideConnection[] = [];
  readonly #reading: Promise<void>[] = [];
  pid = 0;

  async start(
    script: string,
    options: Parameters<KeeperWorld["start"]>[0] = {},
    more: Partial<KeeperSpec> = {},
  ) {
    const keeper = await this.world.start(options);
    const link = await this.world.connect();
    const log = new FactLog(link);
    link.capacity(ROOM);
    link.spec(shellSpec(script, { env: { PATH: "/usr/bin:/bin", GREETING: "hello" }, ...more }));
    link.start([[1, 0, 1, 0]]);
    this.pid = (await log.start("1.0.0")).pid;
    return { keeper, link, log };
  }

  get path(): string {
    return sideSocketFor(this.world.folder);
  }

  ask(signal: "SIGUSR1" | "SIGKILL", attempt: { index: number; attempt: number } | null) {
    const question = { op: "signal", generation: 1, attempt, signal } as const;
    return askKeeper(this.path, question, { clock: systemClock });
  }

  async usage(index = 0) {
    const question = { op: "usage", attempts: [{ ...WHICH, index }] } as const;
    return await askKeeper(this.path, question, { clock: systemClock });
  }

  async exec(script: string, more: Partial<WorkerExecRequest> = {}) {
    const argv = ["sh", "-c", script];
    const request = { ...WHICH, argv, terminal: null, term: null, ...more };
    const connection = await openExec(this.path, request);
    const client = new ExecClient((frame) => connection.send(frame));
    this.#connections.push(connection);
    this.#reading.push(connection.read((frame) => client.receive(frame)).then(() => client.lost()));
    return { client, connection };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#reading);
    await this.world[Symbol.asyncDispose]();
  }
}

async function untilGone(pid: number): Promise<void> {
  const giveUp = performance.now() + LIMIT_MS;
  while (isAlive(pid)) {
    assert(performance.now() < giveUp, `${pid} is still alive`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const WAITS = "exec sleep 600";

Deno.test("a command beside a task has its environment, folder and marker, and its own exit code", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const { client } = await bench.exec(
    "echo $GREETING $IRIS_TASK $IRIS_TASK_INDEX; pwd; echo oops >&2; exit 7",
  );
  assertEquals(await client.ended(), { code: 7 });
  assertEquals(client.stdout, `hello /u/job/0 0\n${bench.world.folder}/work\n`);
  assertEquals(client.stderr, "oops\n");
});

Deno.test("ten million bytes go through a command's stdin and stdout without loss", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const { client } = await bench.exec("exec cat");
  const bytes = manyBytes();
  client.give(bytes);
  assertEquals(await client.ended(), { code: 0 });
  const back = client.stdoutBytes;
  assertEquals(back.length, bytes.length);
  assert(back.every((byte, at) => byte === bytes[at]), "bytes differ");
});

Deno.test("a client that takes nothing stops the command and fills no memory", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const { client } = await bench.exec("exec yes");
  client.takes = false;
  await client.until(() => client.receivedBytes === EXEC_WINDOW_BYTES, "a full window");
  const before = (await bench.usage()).keeper.memoryBytes;
  // Anything else that is asked is answered meanwhile, and nothing more came.
  for (let times = 0; times < 20; times++) await bench.usage();
  assertEquals(client.receivedBytes, EXEC_WINDOW_BYTES);
  assertLess((await bench.usage()).keeper.memoryBytes - before, 8 * 1024 * 1024);
  client.takes = true;
  client.send(EXEC_FRAME.taken, String(EXEC_WINDOW_BYTES));
  await client.until(() => client.receivedBytes > 4 * EXEC_WINDOW_BYTES, "more output");
});

Deno.test("input beyond the window ends the command", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const { client, connection } = await bench.exec("exec sleep 600");
  await client.until(() => client.pid !== null, "start");
  for (let sent = 0; sent < 3 * EXEC_WINDOW_BYTES; sent += 32_768) {
    connection.send(new Uint8Array(32_769));
  }
  assertEquals(await client.ended(), { code: 129 });
});

Deno.test("at a terminal Ctrl-C ends the foreground, a new size is seen, and the shell goes on", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const { client } = await bench.exec("", { argv: ["sh"], terminal: TERMINAL, term: "xterm" });
  client.type("echo term=$TERM; stty size\n");
  await client.printed(/term=xterm\r\n24 80\r\n/);
  // The foreground itself says that it is there: before that Ctrl-C is the shell's, which ignores it.
  const inner = "trap 'exit 33' INT; echo be''gun; while :; do sleep 0.02; done";
  client.type(`sh -c "${inner}"; echo code=$?\n`);
  await client.printed(/begun/);
  client.type("\x03");
  await client.printed(/code=33/);
  client.send(EXEC_FRAME.resize, JSON.stringify({ rows: 50, columns: 132 }));
  client.type("stty size; exit 9\n");
  assertEquals(await client.ended(), { code: 9 });
  assertMatch(client.stdout, /50 132/);
});

Deno.test(
  "a command whose client is gone gets SIGHUP, and SIGKILL when it ignores that",
  inGate(),
  async () => {
    await using bench = new Bench();
    await bench.start(WAITS);
    const mild = await bench.exec("exec sleep 600");
    const deaf = await bench.exec("trap '' HUP; echo deaf; sleep 600; sleep 600");
    await mild.client.until(() => mild.client.pid !== null, "start");
    await deaf.client.printed(/deaf/);
    mild.connection.close();
    deaf.connection.close();
    await untilGone(mild.client.pid!);
    await untilGone(deaf.client.pid!);
    assert(isAlive(bench.pid), "the task goes on");
  },
);

Deno.test("a command ends when its task ends, and the task is not gone before it", async () => {
  await using bench = new Bench();
  const { log } = await bench.start("trap 'exit 3' USR1; while :; do sleep 0.02; done");
  const { client } = await bench.exec("trap '' HUP; echo there; sleep 600; sleep 600");
  await client.printed(/there/);
  assertEquals(await bench.ask("SIGUSR1", { index: 0, attempt: 0 }), { signalled: 1 });
  const end = await log.end("1.0.0");
  assertEquals([end.cause, end.code, end.leftovers], ["exit", 3, []]);
  assert(!isAlive(client.pid!), "the command is still there");
  assertEquals(await client.ended(), { code: 137, why: "the task ended" });
});

Deno.test("a stop of everything ends commands too, and says nothing is left", async () => {
  await using bench = new Bench();
  const { keeper, link } = await bench.start(WAITS);
  const shell = await bench.exec("", { argv: ["sh"], terminal: TERMINAL });
  const pipes = await bench.exec("exec cat");
  for (const { client } of [shell, pipes]) await client.until(() => client.pid !== null, "start");
  const report = await link.end({ remainingMs: 5_000, cause: "shutdown" });
  assertEquals([report.outcome, report.leftovers], ["clean", []]);
  for (const { client } of [shell, pipes]) assert(!isAlive(client.pid!));
  await keeper.closeStdin();
  assertEquals((await keeper.ended).code, 0);
  assertEquals(await bench.world.settled(), []);
});

Deno.test("a client that does not even read does not keep a keeper from ending", async () => {
  await using bench = new Bench();
  const { keeper, link } = await bench.start(WAITS);
  const request = { ...WHICH, argv: ["yes"], terminal: null, term: null };
  const deaf = await openExec(bench.path, request);
  // It gives windows without end and reads nothing: the socket fills, and it is hung up on.
  const before = (await bench.usage()).keeper.memoryBytes;
  for (let times = 0; times < 500; times++) deaf.send(new TextEncoder().encode("\x041e15"));
  await deaf.flushed();
  assertLess((await bench.usage()).keeper.memoryBytes - before, 64 * 1024 * 1024);
  assertEquals((await link.end({ remainingMs: 5_000, cause: "shutdown" })).leftovers, []);
  await keeper.closeStdin();
  assertEquals((await keeper.ended).code, 0);
  deaf.close();
});

Deno.test("what makes no sense ends its command or its connection, and nothing else", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const { client } = await bench.exec("exec sleep 600", { terminal: TERMINAL });
  await client.until(() => client.pid !== null, "start");
  client.send(EXEC_FRAME.resize, "{no json");
  assertEquals(await client.ended(), { code: 129 });
  const strange = new SideConnection(await Deno.connect({ transport: "unix", path: bench.path }));
  strange.send(new TextEncoder().encode("what?"));
  await strange.read(() => {});
  strange.close();
  assertEquals((await bench.usage()).attempts.length, 1);
});

Deno.test("a command cannot be found, a task does not run, there are too many: each says so", async () => {
  await using bench = new Bench();
  await bench.start(WAITS);
  const said = async (more: Partial<WorkerExecRequest>) => {
    const { client } = await bench.exec("exec sleep 600", more);
    await client.until(() => client.pid !== null || client.end !== null, "an answer");
    return client.end;
  };
  assertEquals(await said({ argv: ["no-such-thing"] }), {
    error: { code: "launch", message: "Command not found: no-such-thing" },
  });
  assertEquals(await said({ index: 5 }), {
    error: { code: "conflict", message: "The task is not running any more" },
  });
  for (let times = 0; times < MAX_EXECS; times++) assertEquals(await said({}), null);
  assertEquals(await said({}), {
    error: {
      code: "unavailable",
      message: `This worker runs ${MAX_EXECS} such commands already`,
    },
  });
});

Deno.test("what a command leaves behind is its task's, and ends with it", async () => {
  await using bench = new Bench();
  const { link, log } = await bench.start(WAITS);
  const { client } = await bench.exec("setsid sleep 600 & echo $!");
  assertEquals(await client.ended(), { code: 0 });
  const left = Number(client.stdout);
  assert(isAlive(left), "it goes on for now");
  link.stop([[1, 0, 1, 0]], "cancelled", null);
  assertEquals((await log.end("1.0.0")).leftovers, []);
  assert(!isAlive(left), "it outlived its task");
});

Deno.test("a signal reaches the whole group of a running task, and no other", async () => {
  await using bench = new Bench();
  const { log } = await bench.start("trap 'exit 4' USR1; while :; do sleep 0.02; done");
  const error = await assertRejects(
    () => bench.ask("SIGUSR1", { index: 1, attempt: 0 }),
    IrisError,
  );
  assertEquals([error.code, error.message], ["conflict", "The task is not running any more"]);
  assertEquals(await bench.ask("SIGUSR1", null), { signalled: 1 });
  assertEquals((await log.end("1.0.0")).code, 4);
  assertEquals(await bench.ask("SIGUSR1", null), { signalled: 0 });
});

Deno.test("usage of a task counts its processes, their memory and their time", async () => {
  await using bench = new Bench();
  const burn = "x=$(head -c 30000000 /dev/zero | tr '\\0' y); sleep 600 & echo ready; sleep 600";
  const { log, link } = await bench.start(burn);
  const used = async () => (await bench.usage()).attempts[0];
  const giveUp = performance.now() + LIMIT_MS;
  while ((await used())!.memoryBytes < 30_000_000 || (await used())!.processes !== 3) {
    assert(performance.now() < giveUp, JSON.stringify(await used()));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const usage = (await used())!;
  assertGreater(usage.cpuMs, 0);
  assert(usage.peakBytes >= usage.memoryBytes, JSON.stringify(usage));
  link.stop([[1, 0, 1, 0]], "cancelled", null);
  const end = await log.end("1.0.0");
  assert(end.cpuMs! >= usage.cpuMs && end.peakBytes! >= usage.peakBytes, JSON.stringify(end));
  assertEquals((await bench.usage()).attempts, [null]);
});

Deno.test("an end carries the exact processor time of a task that nobody asked about", async () => {
  await using bench = new Bench();
  const { log } = await bench.start("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
  const { cpuMs } = await log.end("1.0.0");
  assertGreater(cpuMs!, 20);
});

Deno.test({
  name: "a command beside a task of another user has that user's rights, at its terminal too",
  ...NEEDS_ROOT,
  async fn() {
    await using bench = new Bench();
    const { dir } = bench.world.world;
    for (const path of [dir.slice(0, dir.lastIndexOf("/")), dir, bench.world.folder]) {
      if (path !== "/tmp") Deno.chmodSync(path, 0o711);
    }
    await bench.start("exec sleep 600", { runAs: findUser("nobody", "--run-as") });
    const giveUp = performance.now() + LIMIT_MS;
    // The step before the task has our rights still.
    while (!/sleep/.test(Deno.readTextFileSync(`/proc/${bench.pid}/comm`))) {
      assert(performance.now() < giveUp, "the task did not begin");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { client } = await bench.exec("id -u; id -G; echo x > $(tty); exit 3", {
      terminal: TERMINAL,
    });
    assertEquals(await client.ended(), { code: 3 });
    assertEquals(client.stdout, "65534\r\n65534\r\nx\r\n");
  },
});
