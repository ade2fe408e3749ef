/**
 * The README's section "On other hosts" and then docs/howto/other-hosts.md ("From a third host", "Without TLS"),
 * followed to the letter on hosts that have nothing yet.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "../../src/base/file_url.ts";
import { makeWorld } from "../support/iris_process.ts";
import { canMakeNetworks, type Host, makeNetwork } from "../support/net/hosts.ts";
import { inGate, needs } from "../support/require.ts";

const NETWORKS = await needs(
  "network namespaces and TAP devices (root, iproute2, gcc, util-linux)",
  canMakeNetworks,
);
const MAIN = fromFileUrl(new URL("../../main.ts", import.meta.url));
const README = fromFileUrl(new URL("../../README.md", import.meta.url));
const HOWTO = fromFileUrl(new URL("../../docs/howto/other-hosts.md", import.meta.url));
const UP_MS = 30_000;

/** The blocks of commands of the section, in order, and those of the page that goes on from there. */
function blocks(): string[] {
  const [, section = ""] = Deno.readTextFileSync(README).split("\n## On other hosts\n");
  const text = section.split("\n## ")[0]! + Deno.readTextFileSync(HOWTO);
  return [...text.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1]!);
}

/** A shell on one of the hosts, in a folder of its own that stands for the folder of Iris. */
class Shell {
  readonly home: string;
  readonly #host: Host;
  readonly #env: Record<string, string>;

  constructor(host: Host, world: { dir: string; env: Record<string, string> }) {
    this.home = `${world.dir}/host${host.index}`;
    this.#host = host;
    Deno.mkdirSync(`${this.home}/iris`, { recursive: true });
    const path = `${world.dir}/bin:${world.env.PATH}`;
    const { XDG_STATE_HOME: _, ...env } = world.env;
    this.#env = { ...env, PATH: path, HOME: this.home, WORLD: world.dir };
  }

  start(script: string): Deno.ChildProcess {
    const [command = "", ...args] = [...this.#host.command, "sh", "-ec", script];
    return new Deno.Command(command, {
      args,
      ...{ cwd: `${this.home}/iris`, env: this.#env, clearEnv: true },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
  }

  async run(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.start(script).output();
    assertEquals(code, 0, `${script}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }
}

/** A program that stays: its first line, and its end. */
async function daemon(child: Deno.ChildProcess) {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const errors = new Response(child.stderr).text();
  const timer = setTimeout(() => child.kill("SIGKILL"), UP_MS);
  const { value = "" } = await reader.read();
  clearTimeout(timer);
  return {
    line: value.trim() === "" ? await errors : value.trim(),
    async stop() {
      child.kill("SIGTERM");
      while (!(await reader.read()).done);
      await errors;
      return (await child.status).code;
    },
  };
}

function writeProgram(path: string, script: string): void {
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

Deno.test({
  name: "what the README says about other hosts works to the letter, with TLS and without",
  ...inGate(NETWORKS),
  async fn() {
    using world = makeWorld();
    await using network = await makeNetwork(3);
    const { dir } = world;
    Deno.mkdirSync(`${dir}/bin`);
    writeProgram(`${dir}/bin/iris`, `exec '${Deno.execPath()}' run -A -q '${MAIN}' "$@"`);
    // There is no ssh between these hosts, but they share a disk.
    writeProgram(`${dir}/bin/scp`, `cp "$1" "$2" "$WORLD/host1/iris/"`);
    const [head, node, desk] = network.hosts.map((host) => new Shell(host, world));
    for (const [n, shell] of [head!, node!, desk!].entries()) {
      await shell.run(`ip addr add 10.0.0.${n + 1}/24 dev tap0`);
    }
    const [controllerUp, copy, workerUp, use, elsewhere, insecure] = blocks();
    const controller = await daemon(head!.start(`exec ${controllerUp}`));
    assertEquals(controller.line, "https://10.0.0.1:10000");
    await head!.run(copy!);
    const worker = await daemon(node!.start(`exec ${workerUp}`));
    assertMatch(worker.line, /^worker \S+ https:\/\/\S+:\d+$/);
    // A reader takes longer from one terminal to the next than a worker to register.
    const giveUp = performance.now() + UP_MS;
    while (!/alive/.test(await head!.run("iris worker list"))) {
      assert(performance.now() < giveUp, "no worker was ever listed");
    }
    const used = await head!.run(use!);
    assertMatch(used, /^WORKER[^]*alive/);
    assertEquals(used.match(/^\S+\/[0-3] \| \S+$/gm)?.length, 4, used);
    for (const file of ["tls-cert.pem", "token"]) {
      const from = `${head!.home}/.local/state/iris/controller/${file}`;
      Deno.copyFileSync(from, `${desk!.home}/iris/${file}`);
    }
    assertMatch(await desk!.run(elsewhere!), /^WORKER[^]*alive/);
    // A task there can speak to the controller by what it finds in its environment.
    const ask = `iris job run --env "DENO_DIR=$DENO_DIR" --env "PATH=$PATH" -- ` +
      `sh -c 'iris endpoint register web 80 --json'`;
    assertMatch(await head!.run(ask), /"address":"10\.(0|77)\.0\.2:80"/);
    assertEquals([await worker.stop(), await controller.stop()], [0, 0]);

    const [plainController, plainWorker] = insecure!.trim().split("\n");
    const plain = await daemon(head!.start(`exec ${plainController}`));
    assertEquals(plain.line, "http://10.0.0.1:10000");
    const other = await daemon(node!.start(`exec ${plainWorker}`));
    assertMatch(other.line, /^worker \S+ http:\/\/\S+:\d+$/);
    assertMatch(await head!.run("iris job run -- echo across"), / \| across$/m);
    assertEquals([await other.stop(), await plain.stop()], [0, 0]);
    assertEquals(network.hosts.flatMap((host) => host.pids()), []);
  },
});
