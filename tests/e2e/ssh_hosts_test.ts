/**
 * A local cluster from the one file alone, whose workers are on hosts that have an ssh server and
 * nothing of Iris: they come for a job, go when there is none, and leave nothing.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { compileIris } from "../../scripts/compile.ts";
import { ROOT } from "../../scripts/lint/place.ts";
import type { VmView } from "../../src/wire/vms.ts";
import { makeWorld, startIris, type World } from "../support/iris_process.ts";
import { inGate, needs } from "../support/require.ts";
import { canHaveSshHosts, makeSshHosts, type SshHosts, until } from "../support/ssh/ssh_hosts.ts";

const SSH = inGate(await needs("OpenSSH and namespaces (openssh-server)", canHaveSshHosts));
const UP_MS = 120_000;

/** `iris.yaml` for hosts, as a user would write it. */
function configFor(hosts: SshHosts): string {
  const list = hosts.hosts.map(({ address }) => `{ host: ${address}, user: root }`);
  return `groups:
  - name: far
    vm: { cpu: 1, memory: 256MiB }
    max: ${list.length}
    idle: 1s
    provider:
      kind: ssh
      hosts: [${list.join(", ")}]
      identityFile: ${hosts.identityFile}
      knownHostsFile: ${hosts.knownHostsFile}
      configFile: ${hosts.dir}/ssh_config
      hostKeys: accept-new
      folder: ${hosts.folder}
`;
}

/** The cluster as a process of the one file. */
async function clusterUp(world: World, file: string) {
  const child = new Deno.Command(file, {
    args: [
      ...["--mode=local", "--port=0", `--state-dir=${world.stateDir}`],
      `--config=${world.dir}/iris.yaml`,
    ],
    ...{ cwd: world.dir, env: world.env, clearEnv: true },
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
  const said = { text: "" };
  const reading = [child.stdout, child.stderr].map(async (stream) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) said.text += text;
  });
  await until("the cluster is up", () => Promise.resolve(said.text.includes("http://")), UP_MS);
  return {
    pid: child.pid,
    async ended(): Promise<{ code: number; text: string }> {
      const { code } = await child.status;
      await Promise.all(reading);
      return { code, text: said.text };
    },
  };
}

async function iris(world: World, ...args: string[]) {
  const process = startIris(world, args);
  const { code } = await process.ended;
  return { code, ...process.output() };
}

async function vms(world: World): Promise<VmView[]> {
  return JSON.parse((await iris(world, "vm", "list", "--json", "--gone")).stdout);
}

/** A world with hosts and a cluster; whatever happens in it must be gone with it. */
async function sshCluster(
  count: number,
  fn: (of: { world: World; hosts: SshHosts; stop: () => Promise<number> }) => Promise<void>,
): Promise<void> {
  const { file } = await compileIris({ kind: "self-extracting", out: `${ROOT}/dist/.test` });
  using world = makeWorld();
  await using hosts = await makeSshHosts({
    count,
    sshd: ["SetEnv XDG_CACHE_HOME=@FOLDER@/cache"],
  });
  Deno.writeTextFileSync(`${world.dir}/iris.yaml`, configFor(hosts));
  const cluster = await clusterUp(world, file);
  let code: number | null = null;
  const stop = async () => {
    Deno.kill(cluster.pid, "SIGINT");
    const end = await cluster.ended();
    assertEquals(end.code, 0, end.text);
    return code = end.code;
  };
  try {
    await fn({ world, hosts, stop });
    if (code === null) await stop();
    assertEquals(await hosts.stays(), []);
    assertEquals(world.survivors(), []);
  } finally {
    if (code === null) {
      Deno.kill(cluster.pid, "SIGKILL");
      await cluster.ended();
    }
  }
}

Deno.test({
  name:
    "a job brings three hosts up over ssh, runs on them, and they go when there is no more to do",
  ...SSH,
  fn: () =>
    sshCluster(3, async ({ world, hosts }) => {
      const command = "ip -4 addr show eth0; echo $IRIS_WORKER; sleep 2";
      const job = await iris(
        ...[
          world,
          "job",
          "run",
          "--replicas",
          "3",
          "--cpu",
          "1",
          "--",
          "sh",
          "-c",
          command,
        ] as const,
      );
      assertEquals(job.code, 0, job.stdout + job.stderr);
      for (const { address } of hosts.hosts) {
        assert(job.stdout.includes(`${address}/30`), job.stdout);
      }
      const log = await iris(world, "vm", "logs", "far-0");
      assertMatch(log.stdout, /probing[^]*copying \d+ bytes[^]*starting[^]*worker far-0 http/);
      const gone = async () => (await vms(world)).every(({ state }) => state === "TERMINATED");
      await until("the hosts go", gone, UP_MS);
      assertEquals(hosts.left(), []);
      // From nothing once more: the program is there by now.
      assertEquals((await iris(world, "job", "run", "--", "true")).code, 0);
    }),
});

Deno.test({
  name: "Ctrl-C ends tasks on hosts with all that they started, and leaves nothing there",
  ...SSH,
  fn: () =>
    sshCluster(2, async ({ world, hosts, stop }) => {
      const command = "setsid sleep 3600 & trap '' TERM; echo it runs; while :; do sleep 0.1; done";
      const job = [
        "job",
        "run",
        "--replicas",
        "2",
        "--no-wait",
        "--name",
        "long",
        "--",
        "sh",
        "-c",
      ];
      assertEquals((await iris(world, ...job, command)).code, 0);
      const run = async () => {
        return (await iris(world, "job", "logs", "long")).stdout.match(/it runs/g)?.length === 2;
      };
      await until("both tasks run", run, UP_MS);
      await stop();
      assertEquals(await hosts.stays(), []);
    }),
});
