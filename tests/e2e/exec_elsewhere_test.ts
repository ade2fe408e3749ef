/** Commands beside tasks of a worker in a process of its own, over TLS, which is stopped and killed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { outsideAddresses } from "../../src/host/local_address.ts";
import { isAlive } from "../../src/host/proc.ts";
import { type IrisProcess, makeWorld, startIris, type World } from "../support/iris_process.ts";
import { needs } from "../support/require.ts";
import { TerminalProcess } from "../support/terminal_process.ts";
import { within } from "../support/until.ts";

const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const UP_MS = 30_000;
const OUTSIDE = outsideAddresses()[0] ?? "";
const NETWORK = await needs("an address that is not loopback", () => OUTSIDE !== "");

/** A controller, a worker in a process of its own, and one task that runs there. */
class Hosts implements AsyncDisposable {
  readonly world: World = makeWorld();
  readonly #processes: IrisProcess[] = [];
  worker!: IrisProcess;

  static async start(): Promise<Hosts> {
    const hosts = new Hosts();
    const { dir, tag } = hosts.world;
    const controller = hosts.#start("controller", [
      ...[`--host=${OUTSIDE}`, "--tls-self-signed", "--port=0", `--state-dir=${dir}/controller`],
    ]);
    const [, url = ""] = await controller.printed(/^(https:\/\/\S+)$/m, UP_MS);
    hosts.worker = hosts.#start("worker", [
      ...[`--controller=${url}`, `--tls-ca=${dir}/controller/tls-cert.pem`, "--name=w1"],
      ...[`--token-file=${dir}/controller/worker-token`, `--state-dir=${dir}/worker`],
    ]);
    await hosts.worker.printed(/^worker w1 https:/m, UP_MS);
    const job = ["job", "run", "--no-wait", "--name=sleeper", "--", "sleep", `600.${tag}`];
    assertEquals((await startIris(hosts.world, job).ended).code, 0);
    await until(async () => {
      const show = startIris(hosts.world, ["job", "show", "sleeper", "--json"]);
      await show.ended;
      return /"RUNNING":1/.test(show.output().stdout);
    }, "the task's start");
    return hosts;
  }

  exec(script: string): TerminalProcess {
    const { env, dir } = this.world;
    const command = [Deno.execPath(), "run", "-A", "--quiet", MAIN];
    return new TerminalProcess(
      [...command, "task", "exec", "sleeper/0", "--", "sh", "-c", script],
      { env, cwd: dir, size: { rows: 24, columns: 80 } },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid, ended } of this.#processes.reverse()) {
      try {
        Deno.kill(pid, "SIGTERM");
      } catch {
        // It has ended already.
      }
      await ended;
    }
    this.world[Symbol.dispose]();
  }

  #start(mode: string, flags: string[]): IrisProcess {
    const process = startIris(this.world, [`--mode=${mode}`, ...flags]);
    this.#processes.push(process);
    return process;
  }
}

const until = within(UP_MS);

async function pidOf(shell: TerminalProcess): Promise<number> {
  await shell.printed(/pid=\d+/);
  return Number(/pid=(\d+)/.exec(shell.text)![1]);
}

Deno.test({
  name: "a command beside a task of a worker elsewhere, over TLS, ends with a stop of that worker",
  ...NETWORK,
  async fn() {
    await using hosts = await Hosts.start();
    const show = startIris(hosts.world, ["worker", "show", "w1"]);
    assertEquals((await show.ended).code, 0);
    assertMatch(show.output().stdout, /memory +[\d.]+ GiB of/);
    {
      await using shell = hosts.exec("read line; echo got $line; exit 6");
      shell.type("hello\n");
      await shell.printed(/got hello/);
      assertEquals(await shell.ended(), 6);
    }
    await using shell = hosts.exec("echo pid=$$; exec sleep 600");
    const pid = await pidOf(shell);
    Deno.kill(hosts.worker.pid, "SIGTERM");
    assertEquals((await hosts.worker.ended).code, 0, hosts.worker.output().stderr);
    assert(await shell.ended() > 0);
    assertMatch(shell.text, /iris: /);
    assert(!isAlive(pid));
  },
});

Deno.test({
  name: "a command ends when its worker is killed, though the task may go on",
  ...NETWORK,
  async fn() {
    await using hosts = await Hosts.start();
    await using shell = hosts.exec("echo pid=$$; exec sleep 600");
    const pid = await pidOf(shell);
    Deno.kill(hosts.worker.pid, "SIGKILL");
    assertEquals(await shell.ended(), 1);
    assertMatch(shell.text, /iris: The connection to worker w1 was lost/);
    await until(() => !isAlive(pid), "the end of the command");
    for (const line of hosts.world.survivors()) {
      // Its keeper waits for the next worker.
      if (line.includes("keeper")) Deno.kill(Number(line.split(" ")[0]), "SIGKILL");
    }
  },
});
