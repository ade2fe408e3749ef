/**
 * What getting into a container's task promises, whichever engine runs it: commands beside the task
 * and signals, through a real keeper's side door.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { sideSocketFor } from "../../src/host/socket_path.ts";
import { containerRuntime } from "../../src/runtimes/container/container_runtime.ts";
import type { ContainerEngine } from "../../src/runtimes/task_runtime.ts";
import { EXEC_FRAME, type WorkerExecRequest } from "../../src/wire/exec.ts";
import type { TaskSignal } from "../../src/wire/signals.ts";
import type { AttemptSpec } from "../../src/wire/reconcile.ts";
import { askKeeper, openExec } from "../../src/worker/keeper/side_client.ts";
import type { SideConnection } from "../../src/worker/keeper/side_connection.ts";
import type { KeeperLink, KeeperSpec } from "../../src/worker/keeper_link.ts";
import { ExecClient, manyBytes } from "../support/exec_client.ts";
import { FactLog } from "../support/fact_log.ts";
import { KeeperWorld } from "../support/keeper_world.ts";
import { sampleSpec } from "../support/reconcile_samples.ts";
import { inGate, type Need } from "../support/require.ts";
import { containersOf, TEST_IMAGE } from "../support/test_engine.ts";

/** One engine. */
export interface EngineUnderTest {
  readonly name: string;
  readonly need: Need;
  /** Asked for only when the need is met. */
  readonly engine: () => Promise<ContainerEngine>;
}

const TERMINAL = { rows: 24, columns: 80 };
const WHICH = { generation: 1, index: 0, attempt: 0 };
/** The longest that an end may take to be seen, in ms. */
const LIMIT_MS = 15_000;
/** A task that does nothing and obeys SIGTERM; a trap is acted on once a `sleep` is over. */
const WAITS = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";

/** A keeper with one container that runs, and clients of its side door. */
class Bench implements AsyncDisposable {
  readonly world = new KeeperWorld();
  readonly engine: ContainerEngine;
  readonly #connections: SideConnection[] = [];
  readonly #reading: Promise<void>[] = [];
  #link: KeeperLink | null = null;

  constructor(engine: ContainerEngine) {
    this.engine = engine;
  }

  async start(
    script: string,
    { spec = {}, more = {} }: { spec?: Partial<AttemptSpec>; more?: Partial<KeeperSpec> } = {},
  ) {
    await this.world.start();
    const link = this.#link = await this.world.connect();
    const log = new FactLog(link);
    link.capacity({ cpuMilli: 1e6, memoryBytes: 1e12, maxRunning: 10 });
    const facts = { worker: "w0", controllerUrl: "http://c", path: "/usr/bin:/bin", home: "/root" };
    const plan = containerRuntime.plan({
      ...{ ...sampleSpec(1), argv: ["sh", "-c", script], container: { image: TEST_IMAGE } },
      ...{ graceMs: 300, ...spec },
    }, { ...facts, containers: this.engine });
    link.spec({ ...plan, ...more });
    link.start([[1, 0, 1, 0]]);
    const { slot, rotation } = await log.start("1.0.0");
    const file = `${this.world.folder}/logs/${slot}.${rotation}.out`;
    const out = () => Deno.readTextFileSync(file);
    await log.until(() => out().includes("up"), "the container");
    const uid = `${this.world.cluster}.${this.world.worker}`;
    while ((await containersOf(uid, { running: true, engine: this.engine })).length === 0);
    return { link, log, out };
  }

  signal(signal: TaskSignal, attempt: { index: number; attempt: number } | null = WHICH) {
    const question = { op: "signal", generation: 1, attempt, signal } as const;
    return askKeeper(sideSocketFor(this.world.folder), question, { clock: systemClock });
  }

  async exec(script: string, more: Partial<WorkerExecRequest> = {}) {
    const argv = ["sh", "-c", script];
    const request = { ...WHICH, argv, terminal: null, term: null, ...more };
    const connection = await openExec(sideSocketFor(this.world.folder), request);
    const client = new ExecClient((frame) => connection.send(frame));
    this.#connections.push(connection);
    this.#reading.push(connection.read((frame) => client.receive(frame)).then(() => client.lost()));
    return { client, connection };
  }

  /** Processes on this host whose command has a text, by pid. */
  running(text: string): string[] {
    return this.world.survivors().filter((line) => line.includes(text));
  }

  async untilGone(text: string): Promise<void> {
    const giveUp = performance.now() + LIMIT_MS;
    while (this.running(text).length > 0) {
      assert(performance.now() < giveUp, `still there: ${this.running(text).join("; ")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#reading);
    const report = await this.#link?.end({ remainingMs: 8_000, cause: "shutdown" });
    await this.world[Symbol.asyncDispose]();
    assertEquals(report?.children.flatMap(({ leftovers }) => leftovers) ?? [], []);
    const uid = `${this.world.cluster}.${this.world.worker}`;
    assertEquals(await containersOf(uid, { engine: this.engine }), []);
  }
}

type Test = (sentence: string, fn: (bench: Bench) => Promise<void>, need?: Need) => void;

/** Registers the suite for one engine. */
export function testContainerExec(of: EngineUnderTest): void {
  const test: Test = (sentence, fn, need = of.need) =>
    Deno.test({
      name: `in a container of ${of.name}: ${sentence}`,
      ignore: need.ignore || of.need.ignore,
      fn: async () => {
        await using bench = new Bench(await of.engine());
        await fn(bench);
      },
    });
  execTests(test);
  endTests(test);
  signalTests(test);
}

function execTests(test: Test): void {
  test("a command has the task's environment, folder and files, and its own exit code", async (bench) => {
    const cwd = `${bench.world.world.dir}/a folder`;
    Deno.mkdirSync(cwd);
    Deno.writeTextFileSync(`${cwd}/here.txt`, "found");
    await bench.start(WAITS, { spec: { cwd, env: { GREETING: "two words" } } });
    const { client } = await bench.exec(
      'echo "$GREETING,$IRIS_TASK,$IRIS_JOB"; pwd; cat here.txt; ls /proc/1/exe; echo no >&2; exit 7',
    );
    assertEquals(await client.ended(), { code: 7 });
    assertEquals(client.stdout, "two words,/u/job1/0,/u/job1\n/work\nfound/proc/1/exe\n");
    assertEquals(client.stderr, "no\n");
    const none = await bench.exec("", { argv: ["no-such-command-7"] });
    const end = await none.client.ended();
    assertMatch(JSON.stringify(end), /"code":12[67]/);
    assertMatch(none.client.stderr + none.client.stdout, /no-such-command-7/);
  });

  test("what a task needs to speak for its job is readable, whoever its user is", async (bench) => {
    const token = { token: "t0ken", trust: "PEM" };
    const args = [...bench.engine.args, "--user=1234:1234"];
    Object.assign(bench, { engine: { ...bench.engine, args } });
    const { out } = await bench.start(
      'cat "$IRIS_TOKEN_FILE" "$IRIS_CA_FILE"; echo x >> "$IRIS_TOKEN_FILE"; ' +
        'touch "$IRIS_OUTPUT_DIR/mine" && ' + WAITS,
      { spec: { outputBytes: 1_000, result: true }, more: token },
    );
    assertEquals(out(), "t0ken\nPEM\nup\n");
    const { client } = await bench.exec(
      'cat "$IRIS_TOKEN_FILE"; ls "$IRIS_OUTPUT_DIR"; echo 5 > "$IRIS_RESULT_FILE"',
    );
    assertEquals(await client.ended(), { code: 0 }, client.stderr);
    assertEquals(client.stdout, "t0ken\nmine\n");
  });

  test("a bundle is seen where the task begins, and cannot be changed", async (bench) => {
    const folder = `${bench.world.world.dir}/bundle`;
    Deno.mkdirSync(`${folder}/sub`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/sub/here.txt`, "found");
    const spec = { bundle: "b", cwd: `${folder}/sub`, env: { IRIS_BUNDLE_DIR: folder } };
    const { out } = await bench.start(
      `cat here.txt "$IRIS_BUNDLE_DIR/sub/here.txt"; pwd; touch x || ${WAITS}`,
      { spec },
    );
    assertEquals(out(), "foundfound/work/sub\nup\n");
  });

  test("a million bytes go through stdin and stdout without loss", async (bench) => {
    await bench.start(WAITS);
    const { client } = await bench.exec("exec cat");
    const bytes = manyBytes(1_000_000);
    client.give(bytes);
    assertEquals(await client.ended(), { code: 0 });
    const back = client.stdoutBytes;
    assertEquals(back.length, bytes.length);
    assert(back.every((byte, at) => byte === bytes[at]), "bytes differ");
  });

  test("at a terminal Ctrl-C ends the foreground, a new size is seen, and the shell goes on", async (bench) => {
    await bench.start(WAITS);
    const { client } = await bench.exec("", { argv: ["sh"], terminal: TERMINAL, term: "vt220" });
    // Its size reaches the engine a moment after the command has begun.
    client.type(
      "echo term=$TERM; while [ \"$(stty size)\" != '24 80' ]; do :; done; echo si''zed\n",
    );
    await client.printed(/term=vt220\r\n[^]*sized/);
    const inner = "trap 'exit 33' INT; echo be''gun; while :; do sleep 0.02; done";
    client.type(`sh -c "${inner}"; echo code=$?\n`);
    await client.printed(/begun/);
    client.type("\x03");
    await client.printed(/code=33/);
    client.send(EXEC_FRAME.resize, JSON.stringify({ rows: 50, columns: 132 }));
    client.type("while [ \"$(stty size)\" != '50 132' ]; do :; done; echo gr''own; exit 9\n");
    assertEquals(await client.ended(), { code: 9 });
    assertMatch(client.stdout, /grown/);
  });
}

function endTests(test: Test): void {
  test(
    "a command whose client is gone gets SIGHUP, and SIGKILL when it ignores that",
    async (bench) => {
      await bench.start(WAITS);
      const { tag } = bench.world.world;
      const mild = await bench.exec(`echo up; exec sleep 601.${tag}`);
      const deaf = await bench.exec(`trap '' HUP; echo up; sleep 602.${tag}; sleep 603.${tag}`);
      const typed = await bench.exec(`echo up; exec sleep 604.${tag}`, { terminal: TERMINAL });
      for (const { client } of [mild, deaf, typed]) await client.printed(/up/);
      for (const { connection } of [mild, deaf, typed]) connection.close();
      for (const number of [601, 602, 603, 604]) await bench.untilGone(`sleep ${number}.${tag}`);
      const { client } = await bench.exec("echo still here");
      assertEquals(await client.ended(), { code: 0 });
    },
    inGate(),
  );

  test("a command whose engine's client is killed is ended", async (bench) => {
    await bench.start(WAITS);
    const { tag } = bench.world.world;
    const { client } = await bench.exec(`echo up; exec sleep 601.${tag}`);
    await client.printed(/up/);
    Deno.kill(client.pid!, "SIGKILL");
    assertEquals(await client.ended(), { code: 137 });
    await bench.untilGone(`sleep 601.${tag}`);
  }, inGate());

  test("a command ends with its task, and the task's end is told after it", async (bench) => {
    const { link, log } = await bench.start(WAITS, { spec: { graceMs: 20_000 } });
    const { tag } = bench.world.world;
    const { client } = await bench.exec(`trap '' HUP TERM; echo up; sleep 601.${tag}`);
    await client.printed(/up/);
    link.stop([[1, 0, 1, 0]], "cancelled", null);
    const end = await log.end("1.0.0");
    assertEquals([end.code, end.leftovers], [0, []]);
    assertEquals(bench.running(`sleep 601.${tag}`), []);
    const { code } = await client.ended() as { code: number };
    assertEquals(code, 137);
  });
}

function signalTests(test: Test): void {
  test("what it uses is what its container uses, whoever its processes are children of", async (bench) => {
    const burn = "x=$(yes | head -c 20000000); echo up; while :; do sleep 0.02; done";
    const { link, log } = await bench.start(burn);
    const question = { op: "usage", attempts: [WHICH] } as const;
    const ask = async () => {
      const path = sideSocketFor(bench.world.folder);
      return (await askKeeper(path, question, { clock: systemClock })).attempts[0]!;
    };
    let usage = await ask();
    // A look a moment ago, when more of it ran, is answered again.
    for (const giveUp = performance.now() + LIMIT_MS; usage.processes > 2; usage = await ask()) {
      assert(performance.now() < giveUp, JSON.stringify(usage));
    }
    assert(usage.memoryBytes > 20_000_000 && usage.cpuMs > 20, JSON.stringify(usage));
    link.stop([[1, 0, 1, 0]], "cancelled", null);
    const { cpuMs, peakBytes } = await log.end("1.0.0");
    assert(cpuMs! >= usage.cpuMs && peakBytes! >= usage.peakBytes, `${cpuMs} ${peakBytes}`);
  });

  test("signals reach the task's first process, those of a client the command", async (bench) => {
    const { out, log } = await bench.start("trap 'echo got usr1' USR1; " + WAITS);
    assertEquals(await bench.signal("SIGUSR1"), { signalled: 1 });
    await log.until(() => out().includes("got usr1"), "the signal");
    const { client } = await bench.exec(
      "trap 'exit 44' INT; echo up; while :; do sleep 0.02; done",
    );
    await client.printed(/up/);
    client.send(EXEC_FRAME.signal, "SIGINT");
    assertEquals(await client.ended(), { code: 44 });
    assertEquals(await bench.signal("SIGKILL", null), { signalled: 1 });
    const end = await log.end("1.0.0");
    assertEquals([end.code, end.leftovers], [137, []]);
    await assertRejects(() => bench.signal("SIGUSR1"), Error, "The task is not running any more");
  });
}
