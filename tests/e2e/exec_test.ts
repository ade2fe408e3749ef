/** Commands beside tasks, signals and usage, through the real program and its command line. */
import { assert, assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { IrisError } from "../../src/base/errors.ts";
import type { IrisClient } from "../../src/client/iris_client.ts";
import { isAlive } from "../../src/host/proc.ts";
import { manyBytes } from "../support/exec_client.ts";
import { clientOf, type IrisProcess, makeWorld, startIris } from "../support/iris_process.ts";
import type { World } from "../support/iris_process.ts";
import { TerminalProcess } from "../support/terminal_process.ts";
import { within } from "../support/until.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
/** The longest that anything here takes, in ms. */
const LIMIT_MS = 20_000;
const SIZE = { rows: 31, columns: 97 };

/** A cluster with one task that runs. */
class Cluster implements AsyncDisposable {
  readonly world: World = makeWorld();
  client!: IrisClient;
  process!: IrisProcess;
  job = "";
  #stopped = false;

  static async start(script = "exec sleep 600."): Promise<Cluster> {
    const cluster = new Cluster();
    const { world } = cluster;
    const flags = ["--mode=local", "--port=0", `--state-dir=${world.stateDir}`];
    cluster.process = startIris(world, flags);
    cluster.client = await clientOf(world, cluster.process);
    const argv = ["/bin/sh", "-c", script.replace("600.", `600.${world.tag}`)];
    const env = { GREETING: "hello" };
    cluster.job = (await cluster.client.submit({ argv, env, graceMs: 500 })).name;
    await until(async () => (await cluster.task()).state === "RUNNING", "the task's start");
    return cluster;
  }

  async task() {
    return (await this.client.tasks(this.job))[0]!;
  }

  get name(): string {
    return `${this.job}/0`;
  }

  /** The whole command line of a command of `iris`. */
  command(...args: string[]): string[] {
    return [Deno.execPath(), "run", "-A", "--quiet", MAIN, ...args];
  }

  async run(args: string[], input: Uint8Array<ArrayBuffer> | null = null) {
    const [path, ...rest] = this.command(...args);
    const child = new Deno.Command(path!, {
      args: rest,
      env: this.world.env,
      clearEnv: true,
      stdin: input === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writing = input === null ? null : new Blob([input]).stream().pipeTo(child.stdin);
    const { code, stdout, stderr } = await child.output();
    await writing;
    return { code, stdout, stderr: new TextDecoder().decode(stderr) };
  }

  exec(...argv: string[]): TerminalProcess {
    const { env, dir } = this.world;
    const command = this.command("task", "exec", this.name, "--", ...argv);
    return new TerminalProcess(command, { env, cwd: dir, size: SIZE });
  }

  /** Stops it, and answers with the report of the stop. */
  async stop(): Promise<{ outcome: string }> {
    this.#stopped = true;
    Deno.kill(this.process.pid, "SIGTERM");
    const { code } = await this.process.ended;
    assertEquals([code, this.world.survivors()], [0, []], this.process.output().stderr);
    return JSON.parse(Deno.readTextFileSync(`${this.world.stateDir}/last-stop.json`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopped) await this.stop();
    this.world[Symbol.dispose]();
  }
}

const until = within(LIMIT_MS);

Deno.test("task exec at a terminal: size, Ctrl-C, a new size, and the exit code", async () => {
  await using cluster = await Cluster.start();
  await using shell = cluster.exec("sh");
  shell.type("stty size; echo $GREETING from $IRIS_TASK\n");
  await shell.printed(/31 97\r\nhello from \/local\/\S+\/0/);
  const inner = "trap 'exit 33' INT; echo be''gun; while :; do sleep 0.02; done";
  shell.type(`sh -c "${inner}"; echo code=$?\n`);
  await shell.printed(/begun/);
  shell.type("\x03");
  await shell.printed(/code=33/);
  shell.resize({ rows: 44, columns: 111 });
  await until(() => {
    shell.type("stty size\n");
    return /44 111/.test(shell.text);
  }, "the new size");
  shell.type("exit 7\n");
  assertEquals(await shell.ended(), 7);
});

Deno.test("task exec with pipes: ten million bytes there and back, stderr apart, the exit code", async () => {
  await using cluster = await Cluster.start();
  const bytes = manyBytes();
  const script = "cat; echo oops >&2; exit 9";
  const { code, stdout, stderr } = await cluster.run(
    ["task", "exec", cluster.name, "--", "sh", "-c", script],
    bytes,
  );
  assertEquals([code, stderr], [9, "oops\n"]);
  assertEquals(stdout.length, bytes.length);
  assert(stdout.every((byte, at) => byte === bytes[at]), "bytes differ");
});

Deno.test("a client that is killed takes its command along, and not the task", async () => {
  await using cluster = await Cluster.start();
  await using shell = cluster.exec("sh", "-c", "echo pid=$$; exec sleep 600");
  await shell.printed(/pid=\d+/);
  const pid = Number(/pid=(\d+)/.exec(shell.text)![1]);
  assert(isAlive(pid));
  const shown = async () => /exec \d+\.0\.0/.test(JSON.stringify(await cluster.client.tree()));
  await until(shown, "a tree with the command");
  Deno.kill(shell.pid, "SIGKILL");
  await until(() => !isAlive(pid), "the end of the command");
  assertEquals((await cluster.task()).state, "RUNNING");
  await until(async () => !await shown(), "a tree without it");
});

Deno.test("a task that ends takes its commands along, and its client is told why", async () => {
  await using cluster = await Cluster.start();
  await using shell = cluster.exec("sh", "-c", "echo pid=$$; exec sleep 600");
  await shell.printed(/pid=\d+\s/);
  const pid = Number(/pid=(\d+)/.exec(shell.text)![1]);
  await cluster.client.stopJob(cluster.job);
  assertEquals(await shell.ended(), 129);
  assertMatch(shell.text, /iris: the task ended/);
  assert(!isAlive(pid));
  assertEquals((await cluster.client.wait(cluster.job)).state, "KILLED");
});

Deno.test("a stop of the cluster with commands open is clean, and each client is told", async () => {
  await using cluster = await Cluster.start();
  await using shell = cluster.exec("sh");
  // What is typed before the terminal is in raw mode may be lost.
  await shell.printed(/[#$] /);
  shell.type("echo up\n");
  await shell.printed(/\nup/);
  await using reader = cluster.exec("sh", "-c", "echo there; exec cat");
  await reader.printed(/there/);
  assertEquals((await cluster.stop()).outcome, "clean");
  for (const client of [shell, reader]) assertGreater(await client.ended(), 0);
});

Deno.test("a cluster that is killed leaves no command, and its client ends", async () => {
  const cluster = await Cluster.start();
  using _world = cluster.world;
  await using shell = cluster.exec("sh", "-c", "echo up; exec sleep 600");
  await shell.printed(/up/);
  Deno.kill(cluster.process.pid, "SIGKILL");
  await cluster.process.ended;
  assertEquals(await shell.ended(), 1);
  assertMatch(shell.text, /iris: The connection to the command was lost/);
  await until(() => cluster.world.survivors().length === 0, "an end of everything");
});

Deno.test("a signal is handled by a task's trap, and mistakes are one clear line", async () => {
  await using cluster = await Cluster.start(
    "trap 'echo got it; exit 5' USR1; echo ready; while :; do sleep 0.02; done",
  );
  await until(async () => {
    for await (const _chunk of cluster.client.logs(cluster.job)) return true;
    return false;
  }, "the trap");
  const said = async (...args: string[]) => {
    const { code, stderr } = await cluster.run(args);
    return [code, stderr.trimEnd()];
  };
  assertEquals(await said("task", "signal", cluster.name, "URS1"), [
    2,
    `iris: Unknown signal "URS1". Did you mean USR1?`,
  ]);
  assertEquals(await said("task", "signal", `${cluster.job}/7`, "USR1"), [
    1,
    `iris: No such task: ${cluster.job}/7`,
  ]);
  assertEquals(await said("job", "signal", cluster.job, "usr1"), [0, "1 task signalled"]);
  const job = await cluster.client.wait(cluster.job);
  assertEquals([job.state, (await cluster.task()).exitCode], ["FAILED", 5]);
  assertEquals(await said("task", "signal", cluster.name, "USR1"), [
    1,
    `iris: ${cluster.name} is not running: it is FAILED`,
  ]);
  assertEquals(await said("task", "exec", cluster.name, "--", "true"), [
    1,
    `iris: ${cluster.name} is not running: it is FAILED`,
  ]);
});

Deno.test("usage of a task is there while it runs and after, and of its worker's host", async () => {
  await using cluster = await Cluster.start("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
  const { running, worker } = await cluster.client.taskUsage(cluster.job, 0);
  assert(running !== null && running.processes === 1 && running.memoryBytes > 0);
  await cluster.client.wait(cluster.job);
  const { ended } = await cluster.client.taskUsage(cluster.job, 0);
  assert(ended !== null && ended.cpuMs > 0, JSON.stringify(ended));
  const host = await cluster.client.hostUsage(worker!);
  assertGreater(host.memoryTotalBytes, host.memoryBytes);
  assertGreater(host.diskTotalBytes, host.diskBytes);
  assert(host.keeper !== null && host.keeper.memoryBytes > 0);
  const { stdout } = await cluster.run(["worker", "show", worker!, "--json"]);
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)).usage.worker.pid, host.worker.pid);
  const error = await assertRejects(() => cluster.client.hostUsage("none"), IrisError);
  assertEquals(error.message, "No such worker: none");
});
